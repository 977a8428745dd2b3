import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { FlowRing, type RingRun } from '../../history/index.ts';
import { batchOf, flowFrame, lostFrame } from '../relay/support/flow-bytes.ts';

/** Puts frame i of a batch that begins somewhere in its buffer. */
function put(ring: FlowRing, frame: Uint8Array, isFlow: boolean): void {
  const shifted = Buffer.concat([Uint8Array.of(9, 9, 9), frame, Uint8Array.of(9)]);
  ring.put(shifted, 3, 3 + frame.length, batchOf([frame]).timesUs[0], isFlow);
}

function describeRun(run: RingRun): unknown {
  const entries = Array.from({ length: run.count }, (_, i) => [run.offset(i), run.timeUs(i), run.isFlow(i)]);
  return { bytes: Buffer.from(run.bytes).toString('hex'), entries };
}

describe('a FlowRing that is given single frames', () => {
  it('holds what it would if they were appended', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.boolean(), { maxLength: 5 }), { maxLength: 8 }),
        fc.constantFrom(3, 1000),
        (groups, capacity) => {
          const [single, appended] = [0, 1].map(() => new FlowRing({ capacity, maxBytes: 1e8 }));
          let ns = 0n;
          for (const group of groups) {
            const frames = group.map((isFlow) =>
              isFlow ? flowFrame('n', (ns += 1000n), `f${ns}`) : lostFrame('n', ns, 1),
            );
            for (const [i, frame] of frames.entries()) put(single, frame, group[i]);
            single.publish();
            appended.append(batchOf(frames));
          }
          const facts = [single, appended].map((ring) => {
            const run = ring.oldestSeq === ring.endSeq ? null : ring.read(ring.oldestSeq, 100, 1e9);
            return [ring.oldestSeq, ring.endSeq, ring.seenFlows, ring.flowCount, run && describeRun(run)];
          });
          assert.deepEqual(facts[0], facts[1]);
        },
      ),
    );
  });

  it('shows none of them before they are published, and wakes its readers once for all', () => {
    const ring = new FlowRing({ capacity: 100, maxBytes: 1e8 });
    let wakes = 0;
    ring.onAppend(() => wakes++);
    ring.append(batchOf([flowFrame('n', 1000n, 'a')]));
    put(ring, flowFrame('n', 2000n, 'b'), true);
    put(ring, flowFrame('n', 3000n, 'c'), true);
    assert.deepEqual([ring.endSeq, ring.seenFlows, wakes], [1, 1, 1]);
    assert.equal(ring.read(0, 100, 1e6)!.count, 1);
    assert.equal(ring.read(1, 100, 1e6), null);
    ring.publish();
    assert.deepEqual([ring.endSeq, ring.seenFlows, wakes], [3, 3, 2]);
    assert.equal(ring.read(0, 100, 1e6)!.count, 3);
  });
});
