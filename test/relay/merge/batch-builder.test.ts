import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BatchBuilder } from '../../../relay/merge/batch-builder.ts';

const frame = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

function add(builder: BatchBuilder, bytes: Uint8Array, timeUs: number): void {
  builder.add(bytes, 0, bytes.length, timeUs);
}

describe('BatchBuilder', () => {
  it('gathers frames with their places and times, and begins anew', () => {
    const builder = new BatchBuilder();
    builder.add(Uint8Array.of(9, 1, 2, 3, 9), 1, 4, 10);
    add(builder, frame(2, 7), 20);
    assert.equal(builder.count, 2);
    const { batch } = builder.finish();
    assert.deepEqual([...batch.bytes], [1, 2, 3, 7, 7]);
    assert.deepEqual([...batch.offsets], [0, 3, 5]);
    assert.deepEqual([...batch.timesUs], [10, 20]);
    assert.equal(builder.count, 0);
  });

  it('is full at 64 KiB, or at 1024 frames', () => {
    const builder = new BatchBuilder();
    add(builder, frame(40_000, 1), 1);
    assert.equal(builder.fits(25_536), true);
    assert.equal(builder.fits(25_537), false);
    builder.finish();
    for (let i = 0; i < 1024; i++) {
      assert.equal(builder.fits(1), true);
      add(builder, frame(1, i), i);
    }
    assert.equal(builder.fits(1), false);
    assert.equal(builder.finish().batch.count, 1024);
  });

  it('makes room for a frame larger than a batch, which stands alone', () => {
    const builder = new BatchBuilder();
    assert.equal(builder.fits(200_000), true);
    add(builder, frame(200_000, 5), 1);
    assert.equal(builder.fits(1), false);
    assert.equal(builder.finish().batch.bytes.length, 200_000);
    add(builder, frame(3, 6), 2);
    assert.deepEqual([...builder.finish().batch.bytes], [6, 6, 6]);
  });

  it('leaves a batch as it is until it is released, and uses its memory again then', () => {
    const builder = new BatchBuilder();
    add(builder, frame(4, 1), 1);
    const first = builder.finish();
    const seen = new Set([first.batch.bytes.buffer]);
    for (let i = 2; i < 40; i++) {
      add(builder, frame(4, i), i);
      seen.add(builder.finish().batch.bytes.buffer);
    }
    assert.equal(seen.size, 39, 'nothing was released');
    assert.deepEqual([...first.batch.bytes], [1, 1, 1, 1]);
    assert.deepEqual([...first.batch.timesUs], [1]);
    first.release();
    add(builder, frame(4, 50), 50);
    builder.finish();
    add(builder, frame(4, 51), 51);
    assert.equal(builder.finish().batch.bytes.buffer, first.batch.bytes.buffer);
  });
});
