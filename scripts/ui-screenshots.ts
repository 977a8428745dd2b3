/**
 * `npm run ui:screenshots [-- URL [DIRECTORY]]`: a picture of each screen of the page in both themes, from a server that runs (default: the lab of `npm start`), into build/ui-screenshots.
 * They are to be looked at: no test says whether a screen is good.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { noBrowser, startBrowser } from '../test/e2e/support/browser.ts';

const WAIT_MS = 60_000;
const SETTLE_MS = 2500;

/** A screen, and what leads to it once its path is open. */
interface Screen {
  readonly name: string;
  readonly path: string;
  readonly size?: { readonly width: number; readonly height: number };
  readonly act?: (page: Page) => Promise<void>;
}

const denied = encodeURIComponent('edge:east/clients/traveller>east/travel/frontend');
const policyOfLab = encodeURIComponent('policy:CiliumNetworkPolicy/clients/travellers');
const screens: readonly Screen[] = [
  { name: 'map', path: 'map' },
  { name: 'map-namespaces', path: 'map?z=namespaces' },
  { name: 'map-pods', path: 'map?z=pods' },
  { name: 'map-narrow', path: 'map', size: { width: 1280, height: 800 } },
  { name: 'map-wide', path: 'map', size: { width: 3840, height: 2160 } },
  { name: 'edge', path: `map?sel=${denied}` },
  { name: 'workload', path: `map?sel=${encodeURIComponent('node:east/travel/frontend')}` },
  { name: 'filtered', path: 'map?q=--verdict+DROPPED' },
  { name: 'empty', path: 'map?q=--namespace+nowhere' },
  { name: 'flows', path: 'flows' },
  { name: 'policies', path: 'policies' },
  { name: 'policy', path: `policies?sel=${policyOfLab}` },
  { name: 'draft', path: `policies?sel=${denied}` },
  { name: 'nodes', path: 'nodes' },
  {
    name: 'search',
    path: 'map',
    act: async (page) => {
      await page.keyboard.press('Control+k');
      await page.keyboard.type('led');
    },
  },
  { name: 'help', path: 'map', act: (page) => page.keyboard.press('?') },
];

async function main(): Promise<void> {
  const [base = 'http://127.0.0.1:4245/', directory = 'build/ui-screenshots'] = process.argv.slice(2);
  if (noBrowser !== false) throw new Error(noBrowser);
  mkdirSync(directory, { recursive: true });
  const browser = await startBrowser();
  try {
    for (const colorScheme of ['dark', 'light'] as const) {
      for (const { name, path, size = { width: 1600, height: 1000 }, act } of screens) {
        const page = await browser.newPage({ viewport: size, colorScheme });
        await page.goto(new URL(path, base).href, { timeout: WAIT_MS });
        await page.locator('.badge.is-live').waitFor({ timeout: WAIT_MS });
        await page.waitForTimeout(SETTLE_MS);
        await act?.(page);
        await page.waitForTimeout(SETTLE_MS / 2);
        const file = join(directory, `${name}-${colorScheme}.png`);
        await page.screenshot({ path: file });
        console.log(file);
        await page.close();
      }
    }
  } finally {
    await browser.close();
  }
}

await main();
