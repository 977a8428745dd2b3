import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { startRelay } from '../../relay/support/run-relay.ts';
import { Scratch } from '../../relay/support/scratch.ts';
import { startBrowser } from './browser.ts';
import { LabHarness } from './lab-harness.ts';

const ROOT = join(import.meta.dirname, '../../..');
/** Longest wait for anything on a page: machines of tests are busy ones. */
export const WAIT_MS = 150_000;

/** A lab with real traffic, a relay above it that serves the page, and Chromium. */
export interface Scene {
  readonly lab: LabHarness;
  /** Where the page is, without a slash at the end. */
  readonly origin: string;
  readonly browser: Browser;
  /** What pages complained of, and whom else than their server they asked. */
  readonly complaints: string[];
}

/** Sets a scene that is gone when the test is over. `rate` is that of the lab's traffic. */
export async function setScene(t: TestContext, rate: number): Promise<Scene> {
  execFileSync('sh', ['scripts/setup-ui.sh'], { cwd: ROOT, stdio: 'inherit' });
  const lab = LabHarness.start(t, [`--rate=${rate}`]);
  const scratch = new Scratch();
  t.after(() => scratch.clear());
  await lab.live();
  const relay = await startRelay('127.0.0.1:0', [`unix://${lab.paths.topSocket}`], {
    insecure: true,
    page: { directory: join(ROOT, 'build/ui') },
  });
  scratch.keep(relay);
  const port = /listen=127\.0\.0\.1:(\d+)/.exec(relay.logs.join('\n'))![1];
  const browser = await startBrowser();
  t.after(() => browser.close());
  return { lab, origin: `http://127.0.0.1:${port}`, browser, complaints: [] };
}

/** Opens a view in a window of its own. `url` is absolute. */
export async function openPage(
  { origin, browser, complaints }: Scene,
  url: string,
  window: BrowserContextOptions = {},
): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1600, height: 1000 }, ...window });
  page.setDefaultTimeout(WAIT_MS);
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) complaints.push(`asked ${request.url()}`);
  });
  await page.goto(url);
  return page;
}
