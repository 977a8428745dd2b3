import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executable = places.find((path) => existsSync(path));

/** Why tests in a browser cannot run here; false when they can. */
export const noBrowser: string | false =
  executable === undefined ? `no Chromium at ${places.join(', ')}: apt-get install chromium` : false;

/** Starts Chromium without a window and without a graphics card. Close it. */
export async function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: executable!,
    // Pages of tests come from this machine; nothing else is asked for anything.
    args: ['--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  });
}
