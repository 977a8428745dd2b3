import fc from 'fast-check';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FlowBatch } from '../../../proto/flow/flow-batch.ts';
import { BatchOutput } from '../../../relay/merge/merge-output.ts';
import type { MergeSource } from '../../../relay/merge/merge-source.ts';
import { TimeMerge, type TimeMergeOptions } from '../../../relay/merge/time-merge.ts';
import { batchOf, decodeRun, flowFrame, lostFrame, wordOf } from '../support/flow-bytes.ts';

const DELAY_MS = 300;
/** The time of day when a test's clock stands at 0. */
const EPOCH_MS = 1_700_000_000_000;

/** A merge on a clock that the test moves, and what came out of it. */
class Bench {
  nowMs = 0;
  readonly out: string[] = [];
  readonly notices: string[] = [];
  readonly passedOver: string[] = [];
  takes = true;
  readonly merge: TimeMerge;

  constructor(options: Partial<TimeMergeOptions> = {}) {
    this.merge = new TimeMerge(
      { mode: 'live', delayMs: () => DELAY_MS, maxBufferedBytes: 64 * 1024 * 1024, ...options },
      {
        output: new BatchOutput((batch) => {
          this.out.push(...decodeRun(batch).map(wordOf));
          return this.takes;
        }),
        onNotice: (source) => this.notices.push(source.name),
        onPassedOver: (source) => this.passedOver.push(source.name),
      },
    );
  }

  /** @param askedMs when it was asked, by the flows' clock; long ago, if that does not matter */
  add(name: string, askedMs = Number.NEGATIVE_INFINITY): MergeSource {
    return this.merge.add(name, this.nowMs, (EPOCH_MS + askedMs) * 1000);
  }

  /** Flows of a source with times in ms on the test's clock, named `<source>@<time>`. */
  push(source: MergeSource, ...timesMs: number[]): void {
    this.pushFrames(
      source,
      timesMs.map((ms) => flow(source.name, ms)),
    );
  }

  pushFrames(source: MergeSource, frames: readonly Uint8Array[]): void {
    this.pushBatch(source, batchOf(frames));
  }

  pushBatch(source: MergeSource, batch: FlowBatch): void {
    this.merge.push(source, batch, this.nowMs, (EPOCH_MS + this.nowMs) * 1000);
  }

  /** Lets time pass and what is due come out. Returns what did. */
  advance(ms = 0): string[] {
    this.nowMs += ms;
    const from = this.out.length;
    this.merge.advance(this.nowMs);
    return this.out.slice(from);
  }
}

const ns = (ms: number): bigint => BigInt(Math.round((EPOCH_MS + ms) * 1000)) * 1000n;
const flow = (name: string, ms: number): Uint8Array => flowFrame(name, ns(ms), `${name}@${ms}`);

describe('TimeMerge', () => {
  it('lets out at once what no source can precede', () => {
    const bench = new Bench();
    const a = bench.add('a');
    const b = bench.add('b');
    bench.push(a, 1, 3, 5);
    assert.deepEqual(bench.advance(), [], 'b may have something older');
    bench.push(b, 2, 4);
    assert.deepEqual(bench.advance(), ['a@1', 'b@2', 'a@3', 'b@4'], 'up to where b is silent again');
    bench.merge.end(b);
    assert.deepEqual(bench.advance(), ['a@5'], 'b has ended');
  });

  it('gives frames of one source alone out as they come', () => {
    const bench = new Bench();
    const a = bench.add('a');
    bench.push(a, 1, 2);
    assert.deepEqual(bench.advance(), ['a@1', 'a@2']);
    assert.equal(bench.merge.waitMs(bench.nowMs), null);
  });

  it('waits for a silent source no longer than the delay', () => {
    const bench = new Bench();
    const a = bench.add('a');
    bench.add('silent');
    bench.push(a, 1);
    bench.advance(100);
    bench.push(a, 101);
    assert.equal(bench.merge.waitMs(bench.nowMs), DELAY_MS - 100);
    assert.deepEqual(bench.advance(199), []);
    assert.deepEqual(bench.advance(1), ['a@1']);
    assert.deepEqual(bench.advance(100), ['a@101']);
  });

  it('counts what comes after its place was passed, and lets it out all the same', () => {
    const bench = new Bench();
    const a = bench.add('a');
    const slow = bench.add('slow');
    bench.push(a, 10);
    bench.advance(DELAY_MS);
    bench.push(slow, 5, 20);
    assert.deepEqual(bench.advance(DELAY_MS), ['slow@5', 'slow@20']);
    assert.equal(bench.merge.lateFlows, 1);
    assert.equal(bench.merge.mergedFlows, 3);
  });

  it('keeps the order of the others when one clock is minutes ahead', () => {
    const bench = new Bench();
    const [a, b, ahead] = [bench.add('a'), bench.add('b'), bench.add('ahead')];
    const skewMs = 300_000;
    const seen: string[] = [];
    for (let t = 0; t < 2000; t += 20) {
      bench.push(ahead, t + skewMs);
      bench.push(a, t - 15, t - 5);
      if (t % 40 === 0) bench.push(b, t - 30, t - 10);
      seen.push(...bench.advance(20));
    }
    seen.push(...bench.advance(DELAY_MS));
    const others = seen.filter((word) => !word.startsWith('ahead'));
    const times = others.map((word) => Number(word.split('@')[1]));
    assert.deepEqual(
      times,
      [...times].sort((x, y) => x - y),
    );
    assert.equal(times.length, 300);
    assert.equal(bench.merge.lateFlows, 0);
    assert.equal(bench.merge.aheadFlows, 100);
    // What the fast clock's node saw comes with what the others saw at that time: the flow it saw at 1000 behind theirs of before, ahead of theirs of after.
    const at = seen.indexOf(`ahead@${1000 + skewMs}`);
    const before = seen.slice(0, at).filter((word) => word.startsWith('a@'));
    assert.equal(before.at(-1), 'a@995');
  });

  it('neither stalls nor reorders the others when one clock is minutes behind and another source is silent', () => {
    const bench = new Bench();
    const [a, b, behind] = [bench.add('a'), bench.add('b'), bench.add('behind')];
    bench.add('silent');
    const leftAt = new Map<string, number>();
    for (let t = 0; t < 3000; t += 10) {
      bench.push(behind, t - 600_000);
      if (t % 20 === 0) bench.push(a, t - 9, t - 4);
      if (t % 30 === 0) bench.push(b, t - 12);
      for (const word of bench.advance(10)) leftAt.set(word, bench.nowMs);
    }
    const others = [...leftAt.keys()].filter((word) => !word.startsWith('behind'));
    const times = others.map((word) => Number(word.split('@')[1]));
    assert.deepEqual(
      times,
      [...times].sort((x, y) => x - y),
    );
    for (const word of others) {
      const waitedMs = leftAt.get(word)! - Number(word.split('@')[1]);
      assert.ok(waitedMs <= DELAY_MS + 30, `${word} waited ${waitedMs} ms`);
    }
    assert.ok(bench.merge.lateFlows > 0, 'flows of the slow clock are counted as late');
  });

  it('orders flows of clocks that differ by less than half of the delay by their times', () => {
    const bench = new Bench();
    const [a, b] = [bench.add('a'), bench.add('b')];
    bench.push(a, 100, 120);
    bench.push(b, 50, 110);
    bench.merge.end(a);
    bench.merge.end(b);
    assert.deepEqual(bench.advance(), ['b@50', 'a@100', 'b@110', 'a@120']);
    assert.equal(bench.merge.aheadFlows, 0);
  });

  it('tells flows of one microsecond apart by their nanoseconds', () => {
    const bench = new Bench();
    const [a, b] = [bench.add('a'), bench.add('b')];
    bench.pushFrames(a, [flowFrame('a', ns(1) + 7n, 'seven'), flowFrame('a', ns(1) + 9n, 'nine')]);
    bench.pushFrames(b, [flowFrame('b', ns(1) + 8n, 'eight')]);
    bench.merge.end(a);
    bench.merge.end(b);
    assert.deepEqual(bench.advance(), ['seven', 'eight', 'nine']);
  });

  it('counts no flow as late that had happened before its source was asked, unless that was long ago', () => {
    const bench = new Bench();
    const a = bench.add('a');
    bench.push(a, 100);
    bench.advance(DELAY_MS);
    const b = bench.add('b', 50);
    bench.push(b, 20);
    assert.deepEqual(bench.advance(DELAY_MS), ['b@20']);
    assert.equal(bench.merge.lateFlows, 0, 'the newest of its history');
    bench.push(b, 60);
    assert.deepEqual(bench.advance(DELAY_MS), ['b@60']);
    assert.equal(bench.merge.lateFlows, 1);
    bench.advance(10_000);
    bench.push(b, 30);
    assert.deepEqual(bench.advance(DELAY_MS), ['b@30']);
    assert.equal(bench.merge.lateFlows, 2, 'a clock that lags');
  });

  it('keeps a notice of loss at its place in its source, whatever its time', () => {
    const bench = new Bench();
    const [a, b] = [bench.add('a'), bench.add('b')];
    bench.pushFrames(a, [flow('a', 1), lostFrame('a', ns(90), 7), flow('a', 3)]);
    bench.push(b, 2, 4);
    bench.merge.end(a);
    bench.merge.end(b);
    assert.deepEqual(bench.advance(), ['a@1', 'lost 7', 'b@2', 'a@3', 'b@4']);
    assert.deepEqual(bench.notices, ['a']);
    assert.equal(bench.merge.mergedFlows, 4);
    assert.equal(bench.merge.lateFlows, 0);
  });

  it('keeps a notice in front of flows of other sources in the same microsecond, too', () => {
    const bench = new Bench();
    const [a, b] = [bench.add('a'), bench.add('b')];
    bench.pushFrames(a, [flowFrame('a', ns(1) + 1n, 'a1'), lostFrame('a', ns(90) + 900n, 7)]);
    bench.pushFrames(b, [flowFrame('b', ns(1) + 2n, 'b2')]);
    bench.merge.end(a);
    bench.merge.end(b);
    assert.deepEqual(bench.advance(), ['a1', 'lost 7', 'b2']);
  });

  it('takes a flow without a time for one of when it came', () => {
    const bench = new Bench();
    const [a, masked] = [bench.add('a'), bench.add('masked')];
    bench.nowMs = 50;
    bench.push(a, 10, 60);
    bench.pushFrames(masked, [flowFrame('masked', 0n, 'untimed')]);
    bench.merge.end(a);
    bench.merge.end(masked);
    assert.deepEqual(bench.advance(), ['a@10', 'untimed', 'a@60']);
    assert.equal(bench.merge.lateFlows, 0);
  });

  it('goes on without waiting when a source has filled its share', () => {
    const bench = new Bench({ maxBufferedBytes: 128 * 1024 });
    const a = bench.add('a');
    bench.add('silent');
    let t = 0;
    while (!a.isFull) bench.push(a, t++);
    const out = bench.advance();
    assert.ok(out.length > 0);
    assert.equal(a.isFull, false, 'only until there is room');
    assert.ok(bench.merge.bufferedBytes > 0, 'the rest waits for the silent source');
  });

  it('stops in the middle when its listener takes no more, and goes on from there', () => {
    const bench = new Bench();
    const a = bench.add('a');
    const times = Array.from({ length: 5000 }, (_, i) => i / 100);
    bench.push(a, ...times);
    bench.takes = false;
    const first = bench.advance();
    assert.ok(first.length > 0 && first.length < 1100, `${first.length} flows in the batch that was refused`);
    bench.takes = true;
    const rest = bench.advance();
    assert.deepEqual(
      [...first, ...rest],
      times.map((ms) => `a@${ms}`),
    );
  });

  it('lets nothing age while its listener takes no more', () => {
    const bench = new Bench();
    const [a, b] = [bench.add('a'), bench.add('b')];
    bench.takes = false;
    bench.push(a, 1);
    bench.push(b, 2);
    assert.deepEqual(bench.advance(), ['a@1']);
    bench.takes = true;
    bench.nowMs += 10_000;
    assert.deepEqual(bench.advance(), [], 'b@2 waits for a, which had no chance to send');
    bench.push(a, 1.5);
    assert.deepEqual(bench.advance(), ['a@1.5']);
    assert.equal(bench.merge.lateFlows, 0);
  });

  it('tells a source that has room for more', () => {
    const bench = new Bench({ maxBufferedBytes: 64 * 1024 });
    const a = bench.add('a');
    let room = 0;
    a.onRoom = () => room++;
    let t = 0;
    while (!a.isFull) bench.push(a, t++);
    assert.equal(room, 0);
    bench.advance();
    assert.ok(room > 0);
    assert.equal(bench.merge.bufferedBytes, 0);
  });

  it('is done when every source has ended and all is out', () => {
    const bench = new Bench();
    assert.equal(bench.merge.isDone, true);
    const a = bench.add('a');
    bench.push(a, 1);
    bench.merge.end(a);
    bench.merge.end(a);
    assert.equal(bench.merge.isDone, false);
    bench.advance();
    assert.equal(bench.merge.isDone, true);
  });
});

describe('TimeMerge of stored flows', () => {
  it('orders by time alone, whatever the clocks and however long it takes', () => {
    const bench = new Bench({ mode: 'stored', delayMs: () => 10_000 });
    const [a, b] = [bench.add('a'), bench.add('b')];
    bench.push(a, 500_000, 700_000);
    bench.advance(9000);
    bench.push(b, 1, 600_000);
    assert.deepEqual(bench.advance(), ['b@1', 'a@500000', 'b@600000']);
    bench.merge.end(b);
    assert.deepEqual(bench.advance(), ['a@700000']);
    assert.equal(bench.merge.aheadFlows, 0);
  });

  it('does not go ahead because a source has filled its share', () => {
    const bench = new Bench({ mode: 'stored', delayMs: () => 10_000, maxBufferedBytes: 128 * 1024 });
    const [a, b] = [bench.add('a'), bench.add('b')];
    let t = 10;
    while (!a.isFull) bench.push(a, t++);
    assert.deepEqual(bench.advance(), []);
    bench.push(b, 1);
    assert.deepEqual(bench.advance(), ['b@1']);
  });

  it('lets each source have little waiting, however many there are', () => {
    const bench = new Bench({ mode: 'stored', delayMs: () => 10_000, maxBufferedBytes: 1024 * 1024 });
    const sources = Array.from({ length: 1000 }, (_, i) => bench.add(String(i)));
    bench.pushFrames(sources[0], [flowFrame('0', ns(1), 'x'.repeat(16_000))]);
    assert.equal(sources[0].isFull, false);
    bench.push(sources[0], ...Array.from({ length: 20 }, (_, i) => 2 + i));
    assert.equal(sources[0].isFull, true);
  });

  it('passes over a source that stays silent, and goes on without waiting until it speaks', () => {
    const bench = new Bench({ mode: 'stored', delayMs: () => 10_000 });
    const a = bench.add('a');
    const dead = bench.add('dead');
    bench.push(a, 1);
    assert.equal(bench.merge.waitMs(bench.nowMs), 10_000);
    assert.deepEqual(bench.advance(9999), []);
    bench.push(a, 2);
    assert.deepEqual(bench.advance(1), ['a@1', 'a@2']);
    assert.deepEqual(bench.passedOver, ['dead']);
    bench.push(a, 3);
    assert.deepEqual(bench.advance(), ['a@3'], 'nobody waits for it now');
    bench.push(dead, 0);
    bench.push(a, 4);
    assert.deepEqual(bench.advance(), ['dead@0'], 'it speaks, and is waited for again');
    assert.equal(bench.merge.lateFlows, 1);
    bench.merge.end(dead);
    assert.deepEqual(bench.advance(), ['a@4']);
    bench.merge.end(a);
    assert.equal(bench.merge.isDone, true);
  });
});

/** Streams of several sources: times that never go back within a source, cut into batches. */
const streams = fc.array(
  fc.array(fc.tuple(fc.nat(2000), fc.boolean()), { maxLength: 60 }).map((steps) => {
    let us = 0;
    const batches: number[][] = [[]];
    for (const [step, cut] of steps) {
      us += step;
      if (cut && batches.at(-1)!.length > 0) batches.push([]);
      batches.at(-1)!.push(us);
    }
    return batches.filter((batch) => batch.length > 0);
  }),
  { minLength: 1, maxLength: 9 },
);

describe('TimeMerge against a sort', () => {
  for (const mode of ['live', 'stored'] as const) {
    it(`${mode}: gives what sorting all flows gives, nothing more or less, in whatever turns batches come`, () => {
      fc.assert(
        fc.property(streams, fc.infiniteStream(fc.nat(1000)), (all, choice) => {
          const bench = new Bench({ mode });
          const sources = all.map((_, i) => bench.add(`s${i}`));
          const left = all.map((batches) => [...batches]);
          const pick = choice[Symbol.iterator]();
          for (;;) {
            const open = sources.filter((source) => !source.ended);
            if (open.length === 0) break;
            const source = open[(pick.next().value as number) % open.length];
            const i = sources.indexOf(source);
            const batch = left[i].shift();
            if (batch === undefined) bench.merge.end(source);
            else bench.push(source, ...batch.map((us) => us / 1000));
            bench.takes = (pick.next().value as number) % 4 > 0;
            bench.advance();
          }
          bench.takes = true;
          bench.advance();
          const expected = all
            .flatMap((batches, i) => batches.flat().map((us) => ({ us, word: `s${i}@${us / 1000}` })))
            .sort((x, y) => x.us - y.us);
          const times = bench.out.map((word) => Number(word.split('@')[1]) * 1000);
          assert.deepEqual(
            times.map(Math.round),
            expected.map(({ us }) => us),
          );
          assert.deepEqual([...bench.out].sort(), expected.map(({ word }) => word).sort());
          assert.equal(bench.merge.lateFlows, 0);
          assert.equal(bench.merge.mergedFlows, expected.length);
          assert.equal(bench.merge.isDone, true);
          assert.equal(bench.merge.bufferedBytes, 0);
        }),
        { numRuns: 300 },
      );
    });
  }

  it('live: whatever comes late, each source keeps its own order and nothing is lost or waits beyond the delay', () => {
    const gap = fc.nat(400);
    fc.assert(
      fc.property(streams, fc.array(gap, { minLength: 40, maxLength: 40 }), (all, gaps) => {
        const bench = new Bench();
        const sources = all.map((_, i) => bench.add(`s${i}`));
        const arrivals = all
          .flatMap((batches, i) => batches.map((batch) => ({ i, batch })))
          .map((arrival, n) => ({ ...arrival, waitMs: gaps[n % gaps.length] }));
        const cameMs = new Map<string, number>();
        const leftMs = new Map<string, number>();
        const note = (words: readonly string[]): void =>
          words.forEach((word) => leftMs.set(word, bench.nowMs));
        for (const { i, batch, waitMs } of arrivals) {
          for (let passed = 0; passed < waitMs; passed += 50) note(bench.advance(50));
          bench.pushFrames(
            sources[i],
            batch.map((us, n) =>
              flowFrame(`s${i}`, BigInt(EPOCH_MS * 1000 + us) * 1000n, `s${i}@${us}#${n}`),
            ),
          );
          batch.forEach((us, n) => cameMs.set(`s${i}@${us}#${n}`, bench.nowMs));
          note(bench.advance());
        }
        for (let n = 0; n < 8; n++) note(bench.advance(50));
        assert.deepEqual([...leftMs.keys()].sort(), [...cameMs.keys()].sort());
        for (const [word, ms] of leftMs) assert.ok(ms - cameMs.get(word)! <= DELAY_MS + 50, word);
        for (const [i, batches] of all.entries()) {
          const own = bench.out
            .filter((word) => word.startsWith(`s${i}@`))
            .map((word) => word.split(/[@#]/)[1]);
          assert.deepEqual(own, batches.flat().map(String));
        }
      }),
      { numRuns: 200 },
    );
  });
});
