import { create, toBinary } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { FlowRing } from '../../history/index.ts';
import { frameMessage } from '../../proto/flow/frame.ts';
import { FlowSchema } from '../../proto/gen/flow/flow_pb.ts';
import { batchOf, flows, type TestEntry, textsOf } from './support/flow-frames.ts';

const text = ({ number, isLost }: TestEntry): string => (isLost ? 'lost 5' : String(number));

describe('FlowRing', () => {
  it('is a window over an array: what it keeps, counts, finds and gives back', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(
          fc.record({ isLost: fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }), adopt: fc.boolean() }),
          { maxLength: 12 },
        ),
        (capacity, batches) => {
          const ring = new FlowRing({ capacity, maxBytes: 1 << 30 });
          const all: TestEntry[] = [];
          for (const { isLost, adopt } of batches) {
            const batch = isLost.map((lost, i) => ({
              number: all.length + i,
              ns: (all.length + i) * 5000,
              isLost: lost,
            }));
            all.push(...batch);
            if (adopt) ring.adopt(batchOf(batch));
            else ring.append(batchOf(batch));
          }
          const oldest = Math.max(0, all.length - capacity);
          const kept = all.slice(oldest);
          const keptFlows = kept.filter((entry) => !entry.isLost);
          assert.deepEqual(
            [ring.oldestSeq, ring.endSeq, ring.flowCount, ring.seenFlows],
            [oldest, all.length, keptFlows.length, all.filter((entry) => !entry.isLost).length],
          );
          const chunks: Uint8Array[] = [];
          for (let seq = oldest; seq < ring.endSeq;) {
            const run = ring.read(seq, 7, 200);
            assert.ok(run !== null && run.count > 0 && run.firstSeq === seq);
            chunks.push(run.bytes);
            for (let i = 0; i < run.count; i++) {
              const entry = all[seq + i];
              assert.equal(run.isFlow(i), !entry.isLost);
              if (!entry.isLost) assert.equal(run.timeUs(i) % 1e6, entry.ns / 1000);
              const before = all.slice(0, seq + i).filter(({ isLost }) => !isLost).length;
              assert.equal(ring.flowOrdinal(seq + i), before);
            }
            seq += run.count;
          }
          assert.deepEqual(textsOf(chunks), kept.map(text));
          const backwards: string[] = [];
          for (let seq = ring.endSeq; ;) {
            const run = ring.readBefore(seq, 5);
            if (run === null) break;
            assert.equal(run.firstSeq + run.count, seq);
            backwards.unshift(...textsOf([run.bytes]));
            seq = run.firstSeq;
          }
          assert.deepEqual(backwards, kept.map(text));
          for (let n = 1; n <= keptFlows.length + 1; n++) {
            const seq = keptFlows.at(-n)?.number ?? oldest;
            assert.equal(ring.seqOfNewest(n), n > keptFlows.length ? oldest : seq);
          }
        },
      ),
    );
  });

  it('keeps exactly its capacity over many segments', () => {
    const ring = new FlowRing({ capacity: 30_000, maxBytes: 1 << 30 });
    for (let i = 0; i < 50; i++) ring.append(flows(i * 1000, 1000));
    assert.deepEqual([ring.flowCount, ring.seenFlows, ring.oldestSeq], [30_000, 50_000, 20_000]);
    assert.deepEqual(textsOf([ring.read(20_000, 1, 1000)!.bytes]), ['20000']);
  });

  it('never holds more bytes than allowed by more than a segment', () => {
    const ring = new FlowRing({ capacity: 1e9, maxBytes: 2 << 20 });
    const batch = flows(0, 5000);
    for (let i = 0; i < 60; i++) {
      ring.append(batch);
      assert.ok(ring.heldBytes <= 3 << 20);
    }
    assert.ok(ring.flowCount >= 10_000);
  });

  it('leaves runs that are held as they are, whatever is appended', () => {
    const ring = new FlowRing({ capacity: 100, maxBytes: 1 << 20 });
    ring.append(flows(0, 100));
    const run = ring.read(0, 100, 1 << 20)!;
    run.hold();
    const copy = Buffer.from(run.bytes);
    const batch = flows(100, 1000);
    for (let i = 0; i < 100; i++) ring.append(batch);
    assert.ok(copy.equals(run.bytes));
    assert.throws(() => ring.read(0, 1, 1), {
      name: 'RangeError',
      message: 'history entry 0, kept are 100000 to 100099',
    });
  });

  it('uses the memory of segments again: those that nobody holds, and held ones once everybody let go', () => {
    const ring = new FlowRing({ capacity: 100, maxBytes: 1 << 20 });
    const batch = flows(0, 1000);
    const memoryNow = (): ArrayBufferLike => ring.read(ring.endSeq - 1, 1, 1000)!.bytes.buffer;
    /** What the ring writes into while it appends far more than it keeps. */
    const seenMemory = (): Set<ArrayBufferLike> => {
      const seen = new Set<ArrayBufferLike>();
      for (let i = 0; i < 300; i++) {
        ring.append(batch);
        seen.add(memoryNow());
      }
      return seen;
    };
    const usual = seenMemory();
    assert.ok(usual.size <= 3, `${usual.size} blocks of memory for a ring of one segment`);
    const held = ring.read(ring.endSeq - 1, 1, 1000)!;
    const letGo = [held.hold(), held.hold()];
    ring.append(batch);
    for (let i = 0; i < 300; i++) ring.append(batch);
    assert.equal(seenMemory().has(held.bytes.buffer), false);
    letGo[0]();
    assert.equal(seenMemory().has(held.bytes.buffer), false, 'held twice');
    letGo[1]();
    assert.equal(seenMemory().has(held.bytes.buffer), true);
  });

  it('takes a flow that is larger than a segment', () => {
    const ring = new FlowRing({ capacity: 10, maxBytes: 8 << 20 });
    const flow = create(FlowSchema, { Summary: 'x'.repeat(1_500_000) });
    const message = toBinary(FlowSchema, flow);
    // Field 1 of the response, whose length takes three bytes.
    const tag = Uint8Array.of(
      0x0a,
      (message.length & 0x7f) | 0x80,
      ((message.length >> 7) & 0x7f) | 0x80,
      message.length >> 14,
    );
    const bytes = frameMessage(Buffer.concat([tag, message]));
    const batch = { bytes, count: 1, offsets: Uint32Array.of(0, bytes.length), timesUs: Float64Array.of(0) };
    ring.append(flows(0, 2));
    ring.append(batch);
    ring.append(flows(2, 2));
    assert.deepEqual([ring.flowCount, ring.read(2, 1, 10)?.bytes.length], [5, bytes.length]);
  });

  it('knows a flow by its envelope when the fields come in another order', () => {
    const ring = new FlowRing({ capacity: 10, maxBytes: 1 << 20 });
    const [nodeName, flow, lost] = ['c23e016e', '0a00', '1a00'].map((hex) => Buffer.from(hex, 'hex'));
    const frames = [[nodeName, flow], [nodeName, lost], [nodeName], []].map((parts) =>
      frameMessage(Buffer.concat(parts)),
    );
    const offsets = frames.reduce((ends, frame) => [...ends, ends.at(-1)! + frame.length], [0]);
    ring.append({
      bytes: Buffer.concat(frames),
      count: frames.length,
      offsets: Uint32Array.from(offsets),
      timesUs: new Float64Array(frames.length),
    });
    const run = ring.read(0, 10, 1000)!;
    assert.deepEqual(
      frames.map((_, i) => run.isFlow(i)),
      [true, false, false, false],
    );
    assert.equal(ring.flowCount, 1);
  });

  it('wakes listeners once for a batch, and not any more once they have left', () => {
    const ring = new FlowRing({ capacity: 1000, maxBytes: 1 << 20 });
    let calls = 0;
    const stop = ring.onAppend(() => calls++);
    ring.append(flows(0, 100));
    ring.adopt(flows(100, 100));
    assert.equal(calls, 2);
    stop();
    ring.append(flows(200, 1));
    assert.equal(calls, 2);
  });

  it('is empty at first', () => {
    const ring = new FlowRing({ capacity: 1, maxBytes: 1 });
    assert.deepEqual(
      [ring.oldestSeq, ring.endSeq, ring.flowCount, ring.heldBytes, ring.flowsPerSecond(0)],
      [0, 0, 0, 0, 0],
    );
    assert.equal(ring.read(0, 1, 1), null);
    assert.equal(ring.readBefore(0, 1), null);
  });

  for (const options of [
    { capacity: 0, maxBytes: 1 },
    { capacity: 1, maxBytes: 0 },
    { capacity: Number.NaN, maxBytes: 1 },
  ]) {
    it(`refuses ${options.capacity} flows in ${options.maxBytes} bytes`, () => {
      assert.throws(() => new FlowRing(options), {
        name: 'RangeError',
        message: `history of ${options.capacity} flows in ${options.maxBytes} bytes: both must be 1 or more`,
      });
    });
  }
});

describe('FlowRing.flowsPerSecond()', () => {
  const baseMs = 1_700_000_000_000;
  const flowAt = (ms: number, isLost = false): TestEntry => ({ number: 0, ns: ms * 1e6, isLost });

  it('divides the flows of the last minute by sixty', () => {
    const ring = new FlowRing({ capacity: 1000, maxBytes: 1 << 20 });
    ring.append(batchOf([0, 10, 100, 110, 120, 130].map((seconds) => flowAt(seconds * 1000))));
    assert.equal(ring.flowsPerSecond(baseMs + 150_000), 4 / 60);
  });

  it('divides by the age of the oldest flow when it keeps less than a minute', () => {
    const ring = new FlowRing({ capacity: 4, maxBytes: 1 << 20 });
    ring.append(batchOf([1, 2, 3, 4, 5, 6].map((seconds) => flowAt(seconds * 1000))));
    assert.equal(ring.flowsPerSecond(baseMs + 13_000), 4 / 10);
  });

  it('counts no losses', () => {
    const ring = new FlowRing({ capacity: 10, maxBytes: 1 << 20 });
    ring.append(batchOf([flowAt(0), flowAt(0, true), flowAt(10_000)]));
    assert.equal(ring.flowsPerSecond(baseMs + 20_000), 2 / 20);
  });
});
