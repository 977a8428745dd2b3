import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FlowStore } from '../../../history/index.ts';
import { StoreReader } from '../../../history/store/query/store-reader.ts';
import { flows } from '../support/flow-frames.ts';
import { filesOf, openWriter, queryOf, scanTexts, storeDirectory } from './support/store-files.ts';

describe('the bounds of a store', () => {
  let directory: string;
  let remove: () => void;
  beforeEach(() => ({ directory, remove } = storeDirectory()));
  afterEach(() => remove());

  it('are kept by giving up the oldest segments, which are counted', () => {
    const maxBytes = 64 * 1024;
    const { writer } = openWriter(directory, { maxBytes });
    const { bytes } = flows(0, 400);
    for (let i = 0; i < 60; i++) {
      assert.ok(writer.append(bytes, i * 400));
      assert.ok(writer.state.bytes <= maxBytes, `${writer.state.bytes} bytes`);
    }
    const { oldestSeq, endSeq, expired } = writer.state;
    assert.equal(endSeq, 24_000);
    assert.ok(oldestSeq > 0);
    assert.equal(expired, oldestSeq);
    writer.close();
    assert.equal(scanTexts(new StoreReader(directory), queryOf()).length, endSeq - oldestSeq);
    assert.equal(filesOf(directory, '.col').length, filesOf(directory, '.raw').length);
  });

  it('end with age', () => {
    for (let i = 0; i < 3; i++) {
      const { writer } = openWriter(directory);
      writer.append(flows(i * 100_000_000, 10).bytes, i * 10);
      writer.close();
    }
    const { writer } = openWriter(directory, { maxAgeMs: 0 });
    assert.equal(writer.state.segments, 3);
    writer.close();
    // The segments begin 100 s apart.
    const { writer: aged } = openWriter(directory, { maxAgeMs: Date.now() - 1_700_000_150_000 });
    assert.equal(aged.state.segments, 2);
    aged.close();
  });

  it('keep a second writer out', async () => {
    const options = { directory, maxBytes: 2 ** 26, maxAgeMs: 0, log: () => {}, onLost: () => {} };
    const store = await FlowStore.open(options);
    await assert.rejects(FlowStore.open(options), /another process keeps flows in/);
    await store.close();
    await (await FlowStore.open(options)).close();
  });

  it('count what waits for the disk too long, and leave its numbers out', async () => {
    let lost = 0;
    const store = await FlowStore.open({
      directory,
      maxBytes: 2 ** 26,
      maxAgeMs: 0,
      maxQueuedBytes: 1,
      log: () => {},
      onLost: (count) => (lost += count),
    });
    for (let i = 0; i < 5; i++) {
      store.append(flows(i * 100, 100).bytes);
      store.flush();
    }
    // The first is on its way; nothing else has room before the thread has answered.
    assert.equal(lost, 400);
    assert.equal(store.endSeq, 500);
    await store.changed;
    store.append(flows(500, 10).bytes);
    await store.close();
    const query = queryOf();
    const texts = scanTexts(new StoreReader(directory), query);
    assert.deepEqual([texts.length, texts[0], texts[100]], [110, '0', '500']);
    assert.deepEqual(query.damage, [{ where: 'not stored', events: 400, isCounted: true }]);
  });
});
