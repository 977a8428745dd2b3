import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { FlowRing, type FlowSelection, LossLedger, lostEventBatch, readFlows } from '../../history/index.ts';
import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import { frameMessage, FrameSplitter } from '../../proto/flow/frame.ts';
import { GetFlowsResponseSchema, type GetFlowsResponse } from '../../proto/gen/observer/observer_pb.ts';
import { LossCause } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';

const BASE_US = 1_700_000_000_000_000;

/** A flow whose uuid is its number and whose verdict is the number's parity, at a time in microseconds behind the base. */
function flowBatch(number: number, us: number): FlowBatch {
  const time = { seconds: BigInt(Math.floor((BASE_US + us) / 1e6)), nanos: ((BASE_US + us) % 1e6) * 1000 };
  const message = create(GetFlowsResponseSchema, {
    responseTypes: { case: 'flow', value: { uuid: String(number), verdict: number % 2 === 0 ? 1 : 2 } },
    time,
  });
  const bytes = frameMessage(toBinary(GetFlowsResponseSchema, message));
  return {
    bytes,
    count: 1,
    offsets: Uint32Array.of(0, bytes.length),
    timesUs: Float64Array.of(BASE_US + us),
  };
}

const lostBatch = (): FlowBatch =>
  lostEventBatch({ source: 1, events: 5, nodeName: 'n', firstMs: 0, lastMs: 0 }, 1_700_000_000_000);

/** A sink that keeps what it gets, and can refuse more. */
function createSink(signal = new AbortController().signal): {
  sink: Parameters<typeof readFlows>[2];
  texts: () => string[];
} {
  const splitter = new FrameSplitter();
  const messages: GetFlowsResponse[] = [];
  return {
    sink: {
      signal,
      write: (frames) => {
        const run = splitter.push(frames.slice());
        const count = run?.count ?? 0;
        for (let i = 0; i < count; i++) {
          messages.push(
            fromBinary(GetFlowsResponseSchema, run!.bytes.subarray(run!.offsets[i] + 5, run!.offsets[i + 1])),
          );
        }
        return true;
      },
      drained: () => Promise.resolve(),
      flush: () => {},
    },
    texts: () =>
      messages.map(({ responseTypes: { case: kind, value } }) =>
        kind === 'flow' ? value.uuid : kind === 'lostEvents' ? `lost ${value.numEventsLost}` : `${kind}`,
      ),
  };
}

const everything: FlowSelection = {
  number: 0,
  first: false,
  follow: false,
  since: null,
  until: null,
  matches: null,
  transform: null,
};

const isForwarded = (bytes: Uint8Array, start: number, end: number): boolean => {
  const { value } = fromBinary(GetFlowsResponseSchema, bytes.subarray(start, end)).responseTypes;
  return (value as { verdict: number }).verdict === 1;
};

const point = (us: number): FlowSelection['since'] => ({
  seconds: Math.floor((BASE_US + us) / 1e6),
  nanos: ((BASE_US + us) % 1e6) * 1000,
});

interface Entry {
  readonly number: number;
  readonly us: number;
  readonly isLost: boolean;
}

/** The selection rules once more, over a plain array, as the contract states them. */
function expected(
  kept: readonly Entry[],
  x: { number: number; first: boolean; since: number | null; until: number | null; filter: boolean },
): string[] {
  const matches = (entry: Entry): boolean => !entry.isLost && (!x.filter || entry.number % 2 === 0);
  let start = 0;
  if (x.since !== null) {
    for (const [i, entry] of kept.entries()) if (matches(entry) && entry.us < x.since) start = i + 1;
  } else if (!x.first && x.number > 0) {
    const matching = [...kept.keys()].filter((i) => matches(kept[i]));
    start = matching.length >= x.number ? matching.at(-x.number)! : 0;
  }
  const out: string[] = [];
  let flows = 0;
  for (const entry of kept.slice(start)) {
    if (entry.isLost) {
      out.push('lost 5');
      continue;
    }
    if (x.until !== null && entry.us > x.until) break;
    if ((x.since !== null && entry.us < x.since) || !matches(entry)) continue;
    out.push(String(entry.number));
    if (x.number > 0 && ++flows === x.number) break;
  }
  return out;
}

describe('readFlows()', () => {
  it('selects as the contract says, for every combination of count, end, times, filter, losses and evictions', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ step: fc.nat(3), isLost: fc.boolean() }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 50 }),
        fc.record({
          number: fc.nat(12),
          first: fc.boolean(),
          since: fc.option(fc.nat(60), { nil: null }),
          until: fc.option(fc.nat(60), { nil: null }),
          filter: fc.boolean(),
        }),
        async (steps, capacity, x) => {
          const ring = new FlowRing({ capacity, maxBytes: 1 << 30 });
          let us = 0;
          const entries = steps.map(({ step, isLost }, number) => {
            us += step;
            ring.append(isLost ? lostBatch() : flowBatch(number, us));
            return { number, us, isLost };
          });
          const { sink, texts } = createSink();
          const selection = {
            ...everything,
            number: x.number,
            first: x.first,
            since: x.since === null ? null : point(x.since),
            until: x.until === null ? null : point(x.until),
            matches: x.filter ? isForwarded : null,
          };
          await readFlows(ring, selection, sink, { nodeName: 'n', ledger: new LossLedger() });
          assert.deepEqual(texts(), expected(entries.slice(-capacity), x));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('follows from the newest flow on, until cancelled', async () => {
    const ring = new FlowRing({ capacity: 100, maxBytes: 1 << 30 });
    for (let i = 0; i < 5; i++) ring.append(flowBatch(i, i));
    const abort = new AbortController();
    const { sink, texts } = createSink(abort.signal);
    const reading = readFlows(ring, { ...everything, follow: true }, sink, {
      nodeName: 'n',
      ledger: new LossLedger(),
    });
    await new Promise((resolve) => setImmediate(resolve));
    ring.append(flowBatch(5, 5));
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    await reading;
    assert.deepEqual(texts(), ['4', '5']);
  });

  for (const [name, waits, cause] of [
    ['history was overwritten', false, LossCause.HISTORY_OVERWRITTEN],
    ['its client was slow', true, LossCause.SUBSCRIBER_SLOW],
  ] as const) {
    it(`tells exactly what a reader lost because ${name}: appended = delivered + lost`, async () => {
      const ring = new FlowRing({ capacity: 50, maxBytes: 1 << 30 });
      const ledger = new LossLedger();
      const abort = new AbortController();
      const { sink, texts } = createSink(abort.signal);
      let gate: (() => void) | null = null;
      const slow = waits
        ? {
            ...sink,
            write: (frames: Uint8Array) => {
              sink.write(frames);
              return gate !== null;
            },
            drained: () => new Promise<void>((resolve) => (gate = resolve)),
          }
        : sink;
      const reading = readFlows(ring, { ...everything, follow: true }, slow, { nodeName: 'n', ledger });
      await new Promise((resolve) => setImmediate(resolve));
      ring.append(flowBatch(0, 0));
      await new Promise((resolve) => setImmediate(resolve));
      for (let i = 1; i < 500; i++) ring.append(flowBatch(i, i));
      (gate as (() => void) | null)?.();
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
      abort.abort();
      await reading;
      const delivered = texts().filter((text) => !text.startsWith('lost')).length;
      const lost = texts()
        .filter((text) => text.startsWith('lost'))
        .reduce((sum, text) => sum + Number(text.slice(5)), 0);
      assert.ok(lost > 0);
      assert.equal(delivered + lost, 500);
      assert.equal(ledger.total(cause), lost);
    });
  }
});

describe('FlowRing', () => {
  it('keeps exactly its capacity, and never more bytes than allowed by more than a segment', () => {
    const ring = new FlowRing({ capacity: 1000, maxBytes: 3 << 20 });
    for (let i = 0; i < 5000; i++) ring.append(flowBatch(i, i));
    assert.equal(ring.flowCount, 1000);
    assert.equal(ring.seenFlows, 5000);
    const small = new FlowRing({ capacity: 1e9, maxBytes: 1 << 20 });
    for (let i = 0; i < 100_000; i++) small.append(flowBatch(i, i));
    assert.ok(small.heldBytes <= 2 << 20);
    assert.ok(small.flowCount > 0);
  });
});
