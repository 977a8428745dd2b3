import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { FlowRing, type FlowSelection, LossLedger, readFlows } from '../../history/index.ts';
import { frameMessage } from '../../proto/flow/frame.ts';
import { WireError } from '../../proto/flow/wire.ts';
import { LossCause } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import {
  batchOf,
  createTestSink,
  flows,
  isEven,
  pointAt,
  type TestEntry,
  type TestSink,
  textsOf,
  turn,
} from './support/flow-frames.ts';

const everything: FlowSelection = {
  number: 0,
  first: false,
  follow: false,
  since: null,
  until: null,
  matches: null,
  transform: null,
};

/** A request as the properties draw it; times in nanoseconds behind the base. */
interface Asked {
  readonly number: number;
  readonly first: boolean;
  readonly follow: boolean;
  readonly since: number | null;
  readonly until: number | null;
  readonly filter: boolean;
}

function selectionOf({ number, first, follow, since, until, filter }: Asked): FlowSelection {
  return {
    number,
    first: first && !follow,
    follow,
    since: since === null ? null : pointAt(since),
    until: until === null ? null : pointAt(until),
    matches: filter ? isEven : null,
    transform: null,
  };
}

/**
 * The selection rules once more, over plain arrays, as the contract states them.
 * @param kept what the history holds when the request comes
 * @param later what is appended afterwards; only a request that follows sees it
 */
function expected(kept: readonly TestEntry[], later: readonly TestEntry[], asked: Asked): string[] {
  const { number, follow, since, until, filter } = asked;
  const first = asked.first && !follow;
  const matches = (entry: TestEntry): boolean => !entry.isLost && (!filter || entry.number % 2 === 0);
  let start = 0;
  if (since !== null) {
    for (const [i, entry] of kept.entries()) if (matches(entry) && entry.ns < since) start = i + 1;
  } else if (follow && number === 0) {
    start = Math.max(0, kept.length - 1);
  } else if (!first && number > 0) {
    const matching = [...kept.keys()].filter((i) => matches(kept[i]));
    start = matching.length >= number ? (matching.at(-number) ?? 0) : 0;
  }
  const texts: string[] = [];
  let delivered = 0;
  for (const entry of [...kept.slice(start), ...(follow ? later : [])]) {
    if (entry.isLost) {
      texts.push('lost 5');
      continue;
    }
    if (until !== null && entry.ns > until) break;
    if ((since !== null && entry.ns < since) || !matches(entry)) continue;
    texts.push(String(entry.number));
    delivered++;
    if (!follow && number > 0 && delivered === number) break;
  }
  return texts;
}

/** Steps of some nanoseconds, so that many entries share a microsecond and some a nanosecond. */
const steps = (maxLength: number): fc.Arbitrary<{ step: number; isLost: boolean }[]> =>
  fc.array(fc.record({ step: fc.constantFrom(0, 1, 400, 3000), isLost: fc.boolean() }), { maxLength });

const time = fc.option(fc.nat(60_000), { nil: null });

const asking = (follow: boolean): fc.Arbitrary<Asked> =>
  fc.record({
    number: fc.oneof(fc.nat(12), fc.constant(2 ** 64)),
    first: fc.boolean(),
    follow: fc.constant(follow),
    since: time,
    until: time,
    filter: fc.boolean(),
  });

function entriesOf(
  from: number,
  ns: number,
  drawn: readonly { step: number; isLost: boolean }[],
): TestEntry[] {
  let at = ns;
  return drawn.map(({ step, isLost }, i) => ({ number: from + i, ns: (at += step), isLost }));
}

/** Appends entries in batches of up to three. */
function appendAll(ring: FlowRing, entries: readonly TestEntry[]): void {
  for (let i = 0; i < entries.length; i += 3) ring.append(batchOf(entries.slice(i, i + 3)));
}

function read(
  ring: FlowRing,
  selection: FlowSelection,
  sink: TestSink,
  ledger = new LossLedger(),
): Promise<void> {
  return readFlows(ring, selection, sink, { nodeName: 'n', ledger });
}

describe('readFlows()', () => {
  it('selects as the contract says: every combination of count, end, times, filter, losses and evictions', async () => {
    await fc.assert(
      fc.asyncProperty(
        steps(40),
        fc.integer({ min: 1, max: 50 }),
        asking(false),
        async (drawn, capacity, asked) => {
          const ring = new FlowRing({ capacity, maxBytes: 1 << 30 });
          const entries = entriesOf(0, 0, drawn);
          appendAll(ring, entries);
          const sink = createTestSink();
          await read(ring, selectionOf(asked), sink);
          assert.deepEqual(textsOf(sink.chunks), expected(entries.slice(-capacity), [], asked));
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('follows as the contract says: the replay, then everything new, until its end or for ever', async () => {
    await fc.assert(
      fc.asyncProperty(
        steps(20),
        steps(20),
        fc.integer({ min: 1, max: 30 }),
        asking(true),
        async (before, after, capacity, asked) => {
          const ring = new FlowRing({ capacity, maxBytes: 1 << 30 });
          const kept = entriesOf(0, 0, before);
          const later = entriesOf(before.length, kept.at(-1)?.ns ?? 0, after);
          appendAll(ring, kept);
          const sink = createTestSink();
          let isOver = false;
          const reading = read(ring, selectionOf(asked), sink).then(() => (isOver = true));
          await turn();
          // Batch by batch, so that the reader is not overtaken even in a ring of one entry.
          for (const entry of later) {
            ring.append(batchOf([entry]));
            await turn();
          }
          const wasOver = isOver;
          sink.abort.abort();
          await reading;
          const given = expected(kept.slice(-capacity), later, asked);
          assert.deepEqual(textsOf(sink.chunks), given);
          if (asked.until === null) assert.equal(wasOver, false);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('tells flows of one microsecond apart by their nanoseconds', async () => {
    const ring = new FlowRing({ capacity: 10, maxBytes: 1 << 20 });
    ring.append(batchOf([100, 200, 300, 400].map((ns, number) => ({ number, ns, isLost: false }))));
    const sink = createTestSink();
    await read(ring, { ...everything, since: pointAt(200), until: pointAt(300) }, sink);
    assert.deepEqual(textsOf(sink.chunks), ['1', '2']);
  });

  it('changes what it sends by the transform, after the filter, and leaves losses alone', async () => {
    const ring = new FlowRing({ capacity: 10, maxBytes: 1 << 20 });
    ring.append(batchOf([2, 3, 4].map((number) => ({ number, ns: number, isLost: number === 3 }))));
    const sink = createTestSink();
    const { bytes } = flows(77, 1);
    await read(ring, { ...everything, matches: isEven, transform: () => bytes }, sink);
    assert.deepEqual(textsOf(sink.chunks), ['77', 'lost 5', '77']);
  });

  it('counts and tells a flow that filter or mask cannot read, and goes on', async () => {
    const ring = new FlowRing({ capacity: 10, maxBytes: 1 << 20 });
    ring.append(flows(0, 6));
    let looks = 0;
    const failThirdTime = (): void => {
      if (++looks === 3) throw new WireError('truncated', 'varint cut off at byte 7');
    };
    const selections: Partial<FlowSelection>[] = [
      {
        matches: () => {
          failThirdTime();
          return true;
        },
      },
      {
        transform: (bytes, start, end) => {
          failThirdTime();
          return frameMessage(bytes.slice(start, end));
        },
      },
    ];
    for (const selection of selections) {
      looks = 0;
      const sink = createTestSink();
      const ledger = new LossLedger();
      await readFlows(ring, { ...everything, ...selection }, sink, { nodeName: 'n', ledger });
      assert.equal(ledger.total(LossCause.RECORD_MALFORMED), 1);
      assert.deepEqual(textsOf(sink.chunks), ['0', '1', '3', '4', '5', 'lost 1']);
    }
  });

  it('passes damaged flows by as it looks for its start', async () => {
    const ring = new FlowRing({ capacity: 10, maxBytes: 1 << 20 });
    ring.append(flows(0, 6));
    const matches = (bytes: Uint8Array, start: number, end: number): boolean => {
      if (isEven(bytes, start, end)) return true;
      throw new WireError('truncated', 'varint cut off at byte 7');
    };
    const sink = createTestSink();
    await read(ring, { ...everything, number: 2, matches }, sink);
    assert.deepEqual(textsOf(sink.chunks), ['2', '4', 'lost 1']);
  });

  it('hands unfiltered runs on as views into the ring', async () => {
    const ring = new FlowRing({ capacity: 1000, maxBytes: 1 << 20 });
    ring.append(flows(0, 500));
    const views: Uint8Array[] = [];
    const sink = { ...createTestSink(), write: (frames: Uint8Array) => views.push(frames) > 0 };
    await readFlows(ring, everything, sink, { nodeName: 'n', ledger: new LossLedger() });
    const whole = ring.read(0, 1000, 1 << 20);
    assert.equal(views.length, 1);
    assert.equal(views[0].buffer, whole?.bytes.buffer);
    assert.equal(views[0].length, whole?.bytes.length);
  });

  it('lets other work have its turn during a long search', async () => {
    const ring = new FlowRing({ capacity: 100_000, maxBytes: 1 << 30 });
    for (let i = 0; i < 20; i++) ring.append(flows(i * 1000, 1000));
    const sink = createTestSink();
    let turns = 0;
    let turnsOfSearch = 0;
    let asked = 0;
    const timer = setInterval(() => turns++, 0);
    // isEven decodes each flow, which takes far more than a slice over all of them: once back from the newest to find the start, once forth to deliver.
    const matches: FlowSelection['matches'] = (...at) => {
      asked++;
      if (asked === 20_000) turnsOfSearch = turns;
      return isEven(...at) && false;
    };
    await read(ring, { ...everything, number: 19_000, matches }, sink);
    clearInterval(timer);
    assert.equal(asked, 40_000);
    assert.ok(turnsOfSearch > 1 && turns - turnsOfSearch > 1, `${turnsOfSearch} of ${turns} turns`);
  });

  it('ends when its sink does, and leaves nothing behind in the ring', async () => {
    const ring = new FlowRing({ capacity: 10, maxBytes: 1 << 20 });
    let listening = 0;
    const listen = ring.onAppend.bind(ring);
    ring.onAppend = (listener) => {
      listening++;
      const stop = listen(listener);
      return () => {
        listening--;
        stop();
      };
    };
    const sink = createTestSink();
    const reading = read(ring, { ...everything, follow: true }, sink);
    await turn();
    assert.equal(listening, 1);
    sink.abort.abort();
    await reading;
    assert.equal(listening, 0);
  });
});

describe('readFlows(), overtaken', () => {
  function lostIn(texts: readonly string[]): number {
    return texts
      .filter((text) => text.startsWith('lost '))
      .reduce((sum, text) => sum + Number(text.slice('lost '.length)), 0);
  }

  it('accounts for every flow, whenever its client takes more: appended = delivered + lost', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 30 }),
        fc.array(
          fc.oneof(
            fc.record({ append: fc.integer({ min: 1, max: 40 }) }),
            fc.constantFrom('full' as const, 'take' as const, 'turn' as const),
          ),
          { maxLength: 40 },
        ),
        async (capacity, actions) => {
          const ring = new FlowRing({ capacity, maxBytes: 1 << 30 });
          const ledger = new LossLedger();
          const sink = createTestSink();
          const reading = read(ring, { ...everything, follow: true }, sink, ledger);
          let appended = 0;
          for (const action of actions) {
            if (typeof action === 'object') {
              ring.append(flows(appended, action.append));
              appended += action.append;
            } else if (action === 'full') {
              sink.isFull = true;
            } else if (action === 'take') {
              sink.isFull = false;
              sink.take();
            } else {
              await turn();
            }
          }
          sink.isFull = false;
          sink.take();
          await turn();
          sink.abort.abort();
          await reading;
          const texts = textsOf(sink.chunks);
          const numbers = texts.filter((text) => !text.startsWith('lost ')).map(Number);
          assert.equal(numbers.length + lostIn(texts), appended);
          assert.deepEqual(
            numbers,
            [...numbers].sort((a, b) => a - b),
          );
          const { HISTORY_OVERWRITTEN, SUBSCRIBER_SLOW } = LossCause;
          assert.equal(lostIn(texts), ledger.total(HISTORY_OVERWRITTEN) + ledger.total(SUBSCRIBER_SLOW));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('blames its client when it waited for it', async () => {
    const ring = new FlowRing({ capacity: 50, maxBytes: 1 << 30 });
    const ledger = new LossLedger();
    const sink = createTestSink();
    sink.isFull = true;
    const reading = read(ring, { ...everything, follow: true }, sink, ledger);
    ring.append(flows(0, 10));
    await turn();
    ring.append(flows(10, 490));
    sink.isFull = false;
    sink.take();
    await turn();
    sink.abort.abort();
    await reading;
    assert.equal(ledger.total(LossCause.SUBSCRIBER_SLOW), 440);
    assert.equal(ledger.total(LossCause.HISTORY_OVERWRITTEN), 0);
    assert.equal(textsOf(sink.chunks).at(-1), 'lost 440');
  });

  it('blames the history when it waited for flows', async () => {
    const ring = new FlowRing({ capacity: 50, maxBytes: 1 << 30 });
    const ledger = new LossLedger();
    const sink = createTestSink();
    const reading = read(ring, { ...everything, follow: true }, sink, ledger);
    await turn();
    for (let i = 0; i < 500; i++) ring.append(flows(i, 1));
    await turn();
    sink.abort.abort();
    await reading;
    assert.equal(ledger.total(LossCause.HISTORY_OVERWRITTEN), 450);
    assert.equal(ledger.total(LossCause.SUBSCRIBER_SLOW), 0);
  });

  it('ends when all that it still wanted is gone, and counts no more than that', async () => {
    const ring = new FlowRing({ capacity: 5000, maxBytes: 1 << 30 });
    ring.append(flows(0, 3000));
    const ledger = new LossLedger();
    const sink = createTestSink();
    sink.isFull = true;
    const reading = read(ring, everything, sink, ledger);
    await turn();
    const delivered = textsOf(sink.chunks).length;
    assert.ok(delivered > 0 && delivered < 3000);
    for (let i = 0; i < 10; i++) ring.append(flows(3000 + i * 1000, 1000));
    sink.take();
    await reading;
    assert.equal(ledger.total(LossCause.SUBSCRIBER_SLOW), 3000 - delivered);
    assert.equal(textsOf(sink.chunks).at(-1), `lost ${3000 - delivered}`);
  });
});
