import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { noBrowser } from './support/browser.ts';
import { labIsLacking } from './support/lab-harness.ts';
import { openPage, type Scene, setScene } from './support/ui-scene.ts';

/** What the page shows of itself to tests. */
type MapGlobals = typeof globalThis & {
  readonly sluiceMap: {
    readonly frames: { readonly count: number };
    readonly layout: { readonly rects: readonly (readonly [string, object])[] } | null;
  };
};

const readRects = (page: Page): Promise<Record<string, object>> =>
  page.evaluate(() => Object.fromEntries((globalThis as MapGlobals).sluiceMap.layout?.rects ?? []));

/** Opens a view, and waits for its map. */
async function openMap(scene: Scene, url: string, window: BrowserContextOptions = {}): Promise<Page> {
  const page = await openPage(scene, url, window);
  await page.waitForFunction(() => (globalThis as Partial<MapGlobals>).sluiceMap?.layout);
  return page;
}

describe('the service map in Chromium', () => {
  it(
    'leads from a denied edge of the lab to its rule, by pointer, by keyboard and by a link',
    { skip: labIsLacking() ?? noBrowser, timeout: 580_000 },
    async (t) => {
      const scene = await setScene(t, 2);
      const page = await openMap(scene, `${scene.origin}/`);

      // What is denied is listed; pressed, it is selected and told.
      const attention = page.getByRole('region', { name: 'Needs attention' });
      await attention.getByRole('button', { name: /traveller.*frontend.*:8443.*east/ }).click();
      const egress = page.getByRole('region', { name: 'egress of traveller' });
      await egress.getByText('no rule matches → egress default deny').waitFor();
      await egress.getByText('clients/travellers').waitFor();
      assert.match(await egress.innerText(), /:8443\/TCP/);
      await page
        .getByRole('region', { name: 'ingress of frontend' })
        .getByText('travel/front-door')
        .waitFor();
      await page.getByText('DROPPED · POLICY_DENIED').waitFor();

      // A colleague who opens the link sees the same.
      const link = page.url();
      assert.match(decodeURIComponent(link), /sel=edge:east\/clients\/traveller>east\/travel\/frontend/);
      const small = { viewport: { width: 1300, height: 800 }, colorScheme: 'light' } as const;
      const other = await openMap(scene, link, small);
      await other.getByText('no rule matches → egress default deny').waitFor();
      await other.close();

      // Nothing moves when the page is loaded again.
      const before = await readRects(page);
      await page.reload();
      await page.waitForFunction(
        () => ((globalThis as Partial<MapGlobals>).sluiceMap?.layout?.rects.length ?? 0) > 20,
      );
      const after = await readRects(page);
      const known = Object.keys(after).filter((id) => id in before);
      assert.ok(known.length > 20, `${known.length} nodes`);
      assert.deepEqual(
        known.map((id) => [id, after[id]]),
        known.map((id) => [id, before[id]]),
      );

      // The same edge by keyboard alone.
      await page.keyboard.press('Escape');
      await page.getByRole('complementary', { name: 'Overview' }).waitFor();
      await page.keyboard.press('m');
      const tree = page.getByRole('treegrid');
      const focused = tree.locator('[tabindex="0"]');
      await page.keyboard.press('Home');
      for (const [goal, open] of [
        [/namespace clients, cluster east/, true],
        [/^traveller/, true],
        [/^to travel\/frontend/, false],
      ] as const) {
        for (let steps = 0; !goal.test(await focused.innerText()); steps++) {
          assert.ok(steps < 200, `no row ${goal}`);
          await page.keyboard.press('ArrowDown');
        }
        if (open) await page.keyboard.press('ArrowRight');
      }
      assert.match(await focused.innerText(), /dropped/);
      await page.keyboard.press('Enter');
      await egress.getByText('no rule matches → egress default deny').waitFor();

      // An agent that ends is told, and what is there stays.
      process.kill(scene.lab.pidOf('east/node1 agent'), 'SIGKILL');
      await page
        .getByText(/not connected|not reachable|was away|3\/4/)
        .first()
        .waitFor();
      assert.deepEqual(scene.complaints, []);
    },
  );
});
