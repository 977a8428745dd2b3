import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MapLayout } from '../../../ui/layout/map-layout.ts';
import { keepPlaces, keptPlaces } from '../../../ui/map/kept-places.ts';
import { nodeOf } from '../../../ui/model/service-node.ts';

/** A browser's storage that takes so many characters in all. */
function storageOf(limit = Infinity): Storage {
  const methods = {
    getItem(this: Record<string, string>, key: string): string | null {
      return Object.hasOwn(this, key) ? this[key] : null;
    },
    setItem(this: Record<string, string>, key: string, value: string): void {
      if (value.length > limit) throw new DOMException('full', 'QuotaExceededError');
      this[key] = value;
    },
    removeItem(this: Record<string, string>, key: string): void {
      delete this[key];
    },
  };
  return Object.create(methods) as Storage;
}

const workload = (name: string): ReturnType<typeof nodeOf> =>
  nodeOf({ cluster: 'east', workload: name, name: '' });
const [web, api, store, late] = ['shop/web', 'shop/api', 'data/store', 'shop/late'].map(workload);
const links = [
  { from: web.id, to: api.id },
  { from: api.id, to: store.id },
];

/** A layout that grew step by step. */
function grown(): MapLayout {
  const layout = new MapLayout();
  layout.place([store], []);
  layout.place([store, api], links);
  layout.place([store, api, web], links);
  return layout;
}

describe('kept places', () => {
  it('show the same picture when a page is loaded again, however it came about', () => {
    const storage = storageOf();
    const before = grown();
    keepPlaces(storage, '', before.save(), 1000);
    const after = new MapLayout();
    after.restore(keptPlaces(storage, '', 2000));
    after.place([web, api, store, late], links);
    for (const { id } of [web, api, store]) assert.deepEqual(after.card(id), before.card(id));
    assert.ok(after.card(late.id) !== undefined);
    before.place([web, api, store, late], links);
    assert.deepEqual(after.list(), before.list());
  });

  it('hold the rows of pods', () => {
    const pods = ['web-1', 'web-2'].map((pod) =>
      nodeOf({ cluster: 'east', workload: 'shop/web', name: `shop/${pod}` }),
    );
    const before = new MapLayout();
    before.place(pods, []);
    const after = new MapLayout();
    after.restore(before.save());
    assert.deepEqual(after.card(pods[1].id), before.card(pods[1].id));
  });

  it('are those of the same question, and not older than a day', () => {
    const storage = storageOf();
    keepPlaces(storage, '--namespace shop', grown().save(), 1000);
    assert.deepEqual(keptPlaces(storage, '', 1000), []);
    assert.equal(keptPlaces(storage, '--namespace shop', 1000).length, 2);
    assert.deepEqual(keptPlaces(storage, '--namespace shop', 1001 + 24 * 3_600_000), []);
  });

  it('are kept of the four questions that were seen last', () => {
    const storage = storageOf();
    for (let i = 0; i < 6; i++) keepPlaces(storage, `q${i}`, grown().save(), 1000 + i);
    const known = [0, 1, 2, 3, 4, 5].filter((i) => keptPlaces(storage, `q${i}`, 2000).length > 0);
    assert.deepEqual(known, [2, 3, 4, 5]);
  });

  it('are none where the storage is full, or holds something else', () => {
    const full = storageOf(10);
    keepPlaces(full, '', grown().save(), 1000);
    assert.deepEqual(keptPlaces(full, '', 1000), []);
    const [island] = grown().save();
    for (const islands of [
      null,
      [null],
      [{ ...island, x: 'far' }],
      [{ ...island, cards: [] }],
      [{ ...island, cards: [{ ...island.cards[0], slot: { column: 1e9, row: 0 } }] }],
      [{ ...island, island: { ...island.island, kind: 'moon' } }],
    ]) {
      const storage = storageOf();
      storage.setItem('sluice.places.', JSON.stringify({ savedMs: 1000, islands }));
      assert.deepEqual(keptPlaces(storage, '', 1000), [], JSON.stringify(islands));
    }
    const broken = storageOf();
    broken.setItem('sluice.places.', '{');
    assert.deepEqual(keptPlaces(broken, '', 1000), []);
  });
});
