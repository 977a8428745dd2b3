import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Locator, Page } from 'playwright-core';
import { noBrowser } from './support/browser.ts';
import { labIsLacking } from './support/lab-harness.ts';
import { openPage, type Scene, setScene, WAIT_MS } from './support/ui-scene.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

const rowsOf = (page: Page): Locator => page.getByRole('grid').locator('.flow-row');
const cellOf = (row: Locator, column: number): Locator => row.getByRole('gridcell').nth(column);
const chipsOf = (page: Page): Promise<string[]> =>
  page
    .locator('[data-filter]')
    .evaluateAll((chips) => chips.map((chip) => chip.getAttribute('data-filter') ?? ''));

/** Waits until a text is read off the page that a test likes. */
async function until<T>(read: () => Promise<T>, isGood: (value: T) => boolean): Promise<T> {
  const deadlineMs = Date.now() + WAIT_MS;
  for (;;) {
    const value = await read();
    if (isGood(value)) return value;
    if (Date.now() > deadlineMs) throw new Error(`not in ${WAIT_MS / 1000} s: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Rows hold still below a pointer, which is what a person relies on, too. */
async function holdStill(page: Page): Promise<void> {
  const paused = page.getByRole('button', { name: 'Paused by hover' });
  // A pointer that was there already when the grid came has not entered it: it comes from outside, and again if the grid was exchanged meanwhile.
  await until(
    async () => {
      await page.mouse.move(1, 1);
      const { x, y, width, height } = (await page.getByRole('grid').boundingBox())!;
      await page.mouse.move(x + width / 2, y + height / 2);
      await page.waitForTimeout(500);
      return paused.isVisible();
    },
    (isPaused) => isPaused,
  );
}

async function filterByNamespace(scene: Scene): Promise<Page> {
  const page = await openPage(scene, `${scene.origin}/flows`);
  await rowsOf(page).first().waitFor();
  // Names that are there are offered: nobody types the whole of them.
  await page.keyboard.press('/');
  await page.keyboard.type('trav');
  await page.getByRole('option', { name: '--namespace travel' }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await until(
    () => chipsOf(page),
    (chips) => chips.join() === '--namespace travel',
  );
  assert.match(page.url(), /\/flows\?q=--namespace\+travel$/);
  await page.keyboard.press('Escape');
  const ends = await until(
    () =>
      rowsOf(page).evaluateAll((rows) =>
        rows.map((row) => `${row.children[2].textContent} ${row.children[3].textContent}`),
      ),
    (texts) => texts.length > 3,
  );
  for (const text of ends) assert.match(text, /(^| )travel\//);

  // A cell is a filter; with Alt it hides.
  await holdStill(page);
  const row = rowsOf(page).filter({ hasText: 'FORWARDED' }).first();
  await cellOf(row, 1)
    .locator('.is-filter')
    .click({ modifiers: ['Alt'] });
  await until(
    () => chipsOf(page),
    (chips) => chips.join(' ') === '--namespace travel --not --verdict FORWARDED',
  );
  await until(
    () => rowsOf(page).allInnerTexts(),
    (texts) => texts.every((text) => !text.includes('FORWARDED')),
  );

  // A mistake is told as on a terminal, and a whole command line is taken.
  const input = page.getByLabel('Add a filter');
  await input.fill('--namspace travel');
  await input.press('Enter');
  assert.match(
    await page.getByRole('alert').innerText(),
    /unknown flag: --namspace · Did you mean --namespace\?/,
  );
  await input.fill('hubble observe -f --verdict DROPPED -n travel --not --port 53 -o json');
  await input.press('Enter');
  await until(
    () => chipsOf(page),
    (chips) => chips.join(' ') === '--verdict DROPPED --namespace travel --not --port 53',
  );
  await page.getByText('left out: --output').waitFor();
  return page;
}

async function shareTheUrl(scene: Scene, page: Page): Promise<void> {
  await page.keyboard.press('Escape');
  const row = rowsOf(page).filter({ hasText: 'POLICY_DENIED' }).first();
  await row.waitFor();
  await holdStill(page);
  await cellOf(row, 0).click();
  const drawer = page.getByRole('complementary', { name: 'Details' });
  await drawer.getByText('Every field').waitFor();
  await drawer
    .locator('.connection-list, .muted', { hasText: /this|no other flow/ })
    .first()
    .waitFor();
  const facts = async (details: Locator): Promise<string> =>
    await details.locator('.drawer-title').innerText();
  const uuid = /sel=flow%3A([0-9a-f-]{36})/.exec(page.url())![1];

  const colleague = await openPage(scene, page.url());
  const theirs = colleague.getByRole('complementary', { name: 'Details' });
  await theirs.getByText('Every field').waitFor();
  assert.equal(await facts(theirs), await facts(drawer));
  assert.ok((await theirs.innerText()).includes(uuid), 'the fields hold the id of the flow');
  assert.deepEqual(await chipsOf(colleague), await chipsOf(page));
  await colleague.close();
}

async function goBackInTime(scene: Scene, page: Page): Promise<void> {
  await page.keyboard.press('Escape');
  const plot = page.locator('.timeline-plot');
  await page.locator('.timeline .bar').nth(2).waitFor();
  const { x, y, width } = (await plot.boundingBox())!;
  await page.mouse.move(x + width * 0.93, y + 30);
  await page.mouse.down();
  await page.mouse.move(x + width * 0.96, y + 30, { steps: 4 });
  await page.mouse.move(x + width * 0.99, y + 30, { steps: 4 });
  await page.mouse.up();
  const url = await until(
    () => Promise.resolve(decodeURIComponent(page.url())),
    (text) => text.includes('at='),
  );
  const [, since, till] = /at=([^.]+)\.\.([^.&]+)/.exec(url)!;

  // What the table shows is what the command line shows of the same stretch.
  const args = ['observe', '--server', new URL(scene.origin).host, '--since', since, '--until', till];
  const filters = ['--verdict', 'DROPPED', '-n', 'travel', '--not', '--port', '53'];
  const cli = [join(ROOT, 'cli/main.ts'), ...args, ...filters, '--count'];
  const { stdout } = await run(process.execPath, cli);
  const wanted = Number(/\d+/.exec(stdout.replaceAll(',', ''))![0]);
  assert.ok(wanted > 0, 'something was dropped in that time');
  await until(
    () => page.locator('.table-told').innerText(),
    (text) => text.startsWith(`${wanted.toLocaleString('en-US')} rows`),
  );
  const rows = await page.getByRole('grid').getAttribute('aria-rowcount');
  assert.equal(rows, String(wanted + 1));

  // It can be sorted, and does not move.
  await page.getByRole('columnheader', { name: 'Destination' }).getByRole('button').click();
  await page.locator('[role="columnheader"][aria-sort="ascending"]', { hasText: 'Destination' }).waitFor();
  const sources = await rowsOf(page).evaluateAll((all) =>
    all.slice(0, 10).map((row) => row.children[3].textContent),
  );
  assert.deepEqual(sources, sources.toSorted(new Intl.Collator('en', { numeric: true }).compare));

  await page.keyboard.press('Escape');
  await until(
    () => Promise.resolve(page.url()),
    (text) => !text.includes('at='),
  );
  await page.getByText('LIVE', { exact: true }).waitFor();
}

describe('the flow table in Chromium', () => {
  it(
    'shows flows of the lab as somebody looks for them',
    { skip: labIsLacking() ?? noBrowser, timeout: 580_000 },
    async (t) => {
      const scene = await setScene(t, 0.5);
      let page: Page;
      await t.test('filters by namespace, by cells, and by a pasted command line', async () => {
        page = await filterByNamespace(scene);
      });
      await t.test('shares a view by its address', () => shareTheUrl(scene, page));
      await t.test('goes back in time, to what the command line shows', () => goBackInTime(scene, page));
      assert.deepEqual(scene.complaints, []);
    },
  );
});
