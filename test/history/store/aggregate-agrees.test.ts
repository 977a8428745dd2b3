import assert from 'node:assert/strict';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { after, describe, it } from 'node:test';
import { aggregateStore, columnsOfKeys } from '../../../history/store/query/aggregate-store.ts';
import { histogramOf, VERDICTS } from '../../../history/store/query/histogram.ts';
import { StoreReader } from '../../../history/store/query/store-reader.ts';
import { FlowAggregator, type KeyOfGroup } from '../../../proto/flow/aggregate/flow-aggregator.ts';
import { keyOfName } from '../../../proto/flow/aggregate/group-keys.ts';
import { MEASURES } from '../../../proto/flow/aggregate/row-measures.ts';
import { RowTable } from '../../../proto/flow/aggregate/row-table.ts';
import { FRAME_PREFIX_BYTES, frameMessage } from '../../../proto/flow/frame.ts';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { filters, flows } from '../../support/filter-arbitrary.ts';
import { openWriter, queryOf, storeDirectory } from './support/store-files.ts';

const FLOWS = 2000;
const BASE_SECONDS = 1_700_000_000;

const names = [
  'source',
  'destination-pod',
  'client-workload',
  'server',
  'server-port',
  'source-identity',
  'destination-ip',
  'source-service',
  'client-dns-name',
  'node',
  'verdict',
  'protocol',
  'tcp-flags',
  'reply',
  'type',
  'drop-reason',
  'encrypted',
  'time',
  'policy',
  'http-status',
];
const keys = names.map((name) => keyOfName(name)!);

/** Rows by their texts, as their measures. */
function rowsOf(table: RowTable): Map<string, number[]> {
  const rows = new Map<string, number[]>();
  for (let row = 0; row < table.rowCount; row++) {
    const texts = Array.from({ length: table.keyCount }, (_, key) =>
      table.texts.text(table.textId(row, key)),
    );
    rows.set(
      texts.join('|'),
      Array.from({ length: MEASURES }, (_, measure) => table.measure(row, measure)),
    );
  }
  return rows;
}

const newAggregator = (wanted: readonly KeyOfGroup[]): FlowAggregator =>
  new FlowAggregator(wanted, new RowTable({ keyCount: wanted.length, maxRows: 100_000, rankBy: 0 }));

const { directory, remove } = storeDirectory();
after(remove);

describe('counting over a store', () => {
  const frames = fc.sample(flows, FLOWS).map((flow, i) =>
    frameMessage(
      toBinary(
        GetFlowsResponseSchema,
        create(GetFlowsResponseSchema, {
          responseTypes: { case: 'flow', value: flow },
          time: { seconds: BigInt(BASE_SECONDS + Math.floor(i / 7)), nanos: (i % 7) * 1000 },
        }),
      ),
    ),
  );
  const { writer } = openWriter(directory);
  for (let i = 0; i < FLOWS; i += 100) writer.append(Buffer.concat(frames.slice(i, i + 100)), i);
  writer.close();
  const store = new StoreReader(directory);

  it('comes to what counting flow by flow does, for every key', () => {
    let fromColumns = 0;
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom(...keys), { minLength: 1, maxLength: 3 }),
        fc.array(filters, { maxLength: 1 }),
        (wanted, whitelist) => {
          if (columnsOfKeys(wanted) !== null) fromColumns++;
          const query = queryOf(whitelist);
          const counted = newAggregator(wanted);
          for (const _ of aggregateStore(store, query, wanted, counted));
          const plain = newAggregator(wanted);
          for (const frame of frames) {
            if (query.matches === null || query.matches(frame, FRAME_PREFIX_BYTES, frame.length)) {
              plain.add(frame, FRAME_PREFIX_BYTES, frame.length);
            }
          }
          // Times are told to the bucket where time itself is a key, and not otherwise.
          assert.deepEqual(rowsOf(counted.table), rowsOf(plain.table), JSON.stringify(wanted));
        },
      ),
      { numRuns: 60 },
    );
    assert.ok(fromColumns > 20, `${fromColumns} from columns`);
  });

  it('tells how many flows there were in each span of time', () => {
    const steps = histogramOf(store, queryOf([{ verdict: [2] }] as never), 10_000_000);
    let answer = steps.next();
    while (answer.done !== true) answer = steps.next();
    const { startUs, counts } = answer.value;
    const plain = newAggregator([{ ...keyOfName('time')!, bucketMs: 10_000 }]);
    const { matches } = queryOf([{ verdict: [2] }] as never);
    for (const frame of frames) {
      if (matches!(frame, FRAME_PREFIX_BYTES, frame.length))
        plain.add(frame, FRAME_PREFIX_BYTES, frame.length);
    }
    for (const [text, [flowCount]] of rowsOf(plain.table)) {
      const bucket = (Date.parse(text) * 1000 - startUs) / 10_000_000;
      assert.equal(counts[bucket * VERDICTS + 2], flowCount, text);
    }
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      plain.table.total()[0],
    );
  });
});
