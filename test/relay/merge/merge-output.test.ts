import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FlowRing } from '../../../history/index.ts';
import { type MergeOutput, BatchOutput, RingOutput } from '../../../relay/merge/merge-output.ts';
import { batchOf, decodeRun, flowFrame, wordOf } from '../support/flow-bytes.ts';

function putAll(output: MergeOutput, words: readonly string[]): void {
  for (const [i, word] of words.entries()) {
    const { bytes, timesUs } = batchOf([flowFrame('n', BigInt(i) * 1000n, word)]);
    output.put(bytes, 0, bytes.length, timesUs[0], true);
  }
}

describe('BatchOutput', () => {
  it('gives what was put as one batch, and says whether more is taken', () => {
    const seen: string[] = [];
    const output = new BatchOutput((batch) => {
      seen.push(...decodeRun(batch).map(wordOf));
      return seen.length < 3;
    });
    putAll(output, ['a', 'b']);
    assert.deepEqual([output.count, seen], [2, []]);
    assert.equal(output.send(), true);
    putAll(output, ['c']);
    assert.equal(output.send(), false);
    assert.deepEqual([output.count, seen], [0, ['a', 'b', 'c']]);
  });
});

describe('RingOutput', () => {
  it('puts frames where readers find them once they are sent, and says whether more is taken', () => {
    const ring = new FlowRing({ capacity: 100, maxBytes: 1e6 });
    const output = new RingOutput(ring, () => ring.endSeq < 3);
    putAll(output, ['a', 'b']);
    assert.deepEqual([output.count, ring.endSeq], [2, 0]);
    assert.equal(output.send(), true);
    putAll(output, ['c']);
    assert.equal(output.send(), false);
    assert.equal(output.count, 0);
    const run = ring.read(0, 10, 1e6)!;
    const offsets = Uint32Array.from({ length: run.count + 1 }, (_, i) => run.offset(i));
    assert.deepEqual(decodeRun({ ...run, offsets }).map(wordOf), ['a', 'b', 'c']);
  });

  it('asks for a send after 256 frames', () => {
    const output = new RingOutput(new FlowRing({ capacity: 1000, maxBytes: 1e6 }), () => true);
    putAll(output, Array.from({ length: 256 }, String));
    assert.equal(output.fits(), false);
    output.send();
    assert.equal(output.fits(), true);
  });
});
