import assert from 'node:assert/strict';
import { create, toBinary, toJson } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { after, describe, it } from 'node:test';
import { lostEventFrame } from '../../../history/index.ts';
import { StoreReader } from '../../../history/store/query/store-reader.ts';
import { compileFlowFilters } from '../../../proto/flow/filter/compile-filter.ts';
import { FRAME_PREFIX_BYTES, frameMessage } from '../../../proto/flow/frame.ts';
import { FlowIndex } from '../../../proto/flow/flow-index.ts';
import { type Flow, type FlowFilter, FlowFilterSchema } from '../../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { filters, flows } from '../../support/filter-arbitrary.ts';
import { newest, openWriter, queryOf, scanTexts, storeDirectory } from './support/store-files.ts';
import { textsOf } from '../support/flow-frames.ts';

/** Pairs of filter and flow that are tried; `SLUICE_HISTORY_PAIRS` asks for more. */
const PAIRS = Number(process.env['SLUICE_HISTORY_PAIRS'] ?? 160_000);
const FLOWS = 4000;
const BLOCK_FLOWS = 100;
const BASE_SECONDS = 1_700_000_000;

interface Entry {
  readonly frame: Uint8Array;
  readonly isLost: boolean;
  readonly ns: number;
}

/** A flow as an encoder writes it; of some the message comes in two pieces, which is legal, and which columns have no place for. */
function flowFrame(flow: Flow, i: number, ns: number): Uint8Array {
  flow.uuid = flow.uuid === '' ? String(i) : flow.uuid;
  const encode = (part: Partial<Flow>): Uint8Array =>
    toBinary(
      GetFlowsResponseSchema,
      create(GetFlowsResponseSchema, { responseTypes: { case: 'flow', value: part as Flow } }),
    );
  const time = toBinary(
    GetFlowsResponseSchema,
    create(GetFlowsResponseSchema, {
      nodeName: 'n1',
      time: { seconds: BigInt(BASE_SECONDS + Math.floor(ns / 1e9)), nanos: ns % 1e9 },
    }),
  );
  const pieces = i % 50 === 7 ? [encode({ verdict: 2 }), encode(flow), time] : [encode(flow), time];
  return frameMessage(Buffer.concat(pieces));
}

const { directory, remove } = storeDirectory();
after(remove);

/** Fills a store: some segments closed, the last one open, its last blocks without columns. */
function fill(generated: readonly Flow[]): Entry[] {
  const entries = Array.from({ length: FLOWS }, (_, i): Entry => {
    // Nearly in order, now and then the same microsecond.
    const ns = i * 700 + (i % 11 === 0 ? 5000 : 0) + 10_000;
    const isLost = i % 97 === 3;
    if (!isLost) return { frame: flowFrame(generated[i % generated.length], i, ns), isLost, ns };
    const frame = lostEventFrame(
      { source: 1, events: 5, nodeName: 'n', firstMs: 0, lastMs: 0 },
      BASE_SECONDS * 1000,
    );
    return { frame, isLost, ns: 0 };
  });
  for (const [from, to, closes] of [
    [0, 1500, true],
    [1500, 2800, true],
    [2800, FLOWS, false],
  ] as const) {
    const { writer } = openWriter(directory);
    for (let i = from; i < to; i += BLOCK_FLOWS) {
      const frames = entries.slice(i, Math.min(to, i + BLOCK_FLOWS)).map(({ frame }) => frame);
      assert.ok(writer.append(Buffer.concat(frames), i));
    }
    if (closes) writer.close();
  }
  return entries;
}

const describeFilters = (lists: readonly FlowFilter[][]): string =>
  JSON.stringify(lists.map((list) => list.map((filter) => toJson(FlowFilterSchema, filter))));

describe('the history of a store', () => {
  it('is what a live filter lets pass, for every filter and time range', () => {
    const generated = fc.sample(flows, 500);
    const entries = fill(generated);
    const store = new StoreReader(directory);
    const index = new FlowIndex();
    const answers = { yes: 0, no: 0 };
    const time = fc.option(fc.nat(FLOWS * 700), { nil: null });
    fc.assert(
      fc.property(
        fc.array(filters, { maxLength: 2 }),
        fc.array(filters, { maxLength: 1 }),
        time,
        time,
        (whitelist, blacklist, sinceNs, untilNs) => {
          const match = compileFlowFilters(whitelist, blacklist);
          const at = (ns: number | null) =>
            ns === null ? null : { seconds: BASE_SECONDS + Math.floor(ns / 1e9), nanos: ns % 1e9 };
          const expected = entries.filter(({ frame, isLost, ns }) => {
            if ((sinceNs !== null && ns < sinceNs) || (untilNs !== null && ns > untilNs)) return false;
            if (isLost || match === null) return true;
            index.reset(frame, FRAME_PREFIX_BYTES, frame.length);
            return match(index);
          });
          answers.yes += expected.length;
          answers.no += entries.length - expected.length;
          const query = queryOf(whitelist, blacklist, { since: at(sinceNs), until: at(untilNs) });
          assert.deepEqual(
            scanTexts(store, query),
            textsOf(expected.map(({ frame }) => frame)),
            describeFilters([whitelist, blacklist]),
          );
          assert.deepEqual(query.damage, []);
          const flowsOnly = expected.filter(({ isLost }) => !isLost);
          const wanted = 1 + (flowsOnly.length >> 1);
          const start = newest(store, query, wanted);
          assert.equal(start.found, Math.min(wanted, flowsOnly.length));
          if (flowsOnly.length >= wanted) assert.equal(start.seq, entries.indexOf(flowsOnly.at(-wanted)!));
        },
      ),
      { numRuns: Math.ceil(PAIRS / FLOWS) },
    );
    assert.ok(answers.yes > 1000 && answers.no > 1000, `${answers.yes} yes, ${answers.no} no`);
  });
});
