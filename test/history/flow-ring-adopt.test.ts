import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FlowRing } from '../../history/index.ts';
import { batchOf, flowFrame, lostFrame } from '../relay/support/flow-bytes.ts';

const flows = (from: number, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => flowFrame('n', BigInt(from + i) * 1000n, String(from + i)));

describe('a FlowRing that takes batches over', () => {
  it('reads them like copied ones, losses not counted as flows', () => {
    const ring = new FlowRing({ capacity: 100, maxBytes: 1e8 });
    let appends = 0;
    ring.onAppend(() => appends++);
    const first = batchOf([...flows(0, 3), lostFrame('n', 9n, 4)]);
    ring.adopt(first);
    ring.append(batchOf(flows(3, 2)));
    ring.adopt(batchOf(flows(5, 2)));
    assert.deepEqual([appends, ring.endSeq, ring.seenFlows, ring.flowOrdinal(4)], [3, 8, 7, 3]);
    const run = ring.read(0, 100, 1e6)!;
    assert.equal(run.count, 4);
    assert.equal(run.bytes.buffer, first.bytes.buffer, 'no copy');
    assert.deepEqual(
      [0, 1, 2, 3].map((i) => run.isFlow(i)),
      [true, true, true, false],
    );
    assert.equal(run.timeUs(2), 2);
    assert.equal(ring.read(4, 100, 1e6)!.count, 2);
    assert.equal(ring.read(6, 100, 1e6)!.timeUs(1), 6);
  });

  it('gives old ones up at its bounds', () => {
    const ring = new FlowRing({ capacity: 5, maxBytes: 1e6 });
    for (let i = 0; i < 10; i++) ring.adopt(batchOf(flows(2 * i, 2)));
    assert.deepEqual([ring.oldestSeq, ring.endSeq, ring.flowCount], [15, 20, 5]);
    const narrow = new FlowRing({ capacity: 1000, maxBytes: 300 });
    for (let i = 0; i < 10; i++) narrow.adopt(batchOf(flows(2 * i, 2)));
    assert.ok(narrow.heldBytes <= 300);
    assert.equal(narrow.endSeq - narrow.oldestSeq, narrow.flowCount);
  });

  it('gives up what all have read, and keeps the newest', () => {
    const ring = new FlowRing({ capacity: 1000, maxBytes: 1e6 });
    for (let i = 0; i < 4; i++) ring.adopt(batchOf(flows(2 * i, 2)));
    ring.discardBefore(5);
    assert.deepEqual([ring.oldestSeq, ring.endSeq], [4, 8]);
    ring.discardBefore(8);
    assert.deepEqual([ring.oldestSeq, ring.endSeq], [6, 8]);
    assert.equal(ring.flowOrdinal(6), 6);
  });
});
