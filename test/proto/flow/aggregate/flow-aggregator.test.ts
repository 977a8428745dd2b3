import assert from 'node:assert/strict';
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeRows, addRows } from '../../../../proto/flow/aggregate/decode-rows.ts';
import { encodeRows } from '../../../../proto/flow/aggregate/encode-rows.ts';
import {
  FlowAggregator,
  GroupKeyError,
  maskOfKeys,
} from '../../../../proto/flow/aggregate/flow-aggregator.ts';
import { keyOfName, namedKeys } from '../../../../proto/flow/aggregate/group-keys.ts';
import { listRows, type RowCounts } from '../../../../proto/flow/aggregate/list-rows.ts';
import { FLOWS } from '../../../../proto/flow/aggregate/row-measures.ts';
import { RowTable } from '../../../../proto/flow/aggregate/row-table.ts';
import { compileFieldMask } from '../../../../proto/flow/field-mask.ts';
import { FRAME_PREFIX_BYTES } from '../../../../proto/flow/frame.ts';
import { createFlowPeek, ENVELOPE_FLOW, peekFlow } from '../../../../proto/flow/peek-flow.ts';
import { GetFlowsResponseSchema } from '../../../../proto/gen/observer/observer_pb.ts';
import { scrambled } from '../../../support/encoded-responses.ts';
import { flows } from '../../../support/filter-arbitrary.ts';
import { aggregatePlainly, keysOf, type PlainRow } from '../../../support/plain-aggregate.ts';

const names = namedKeys.map(({ name }) => name);

/** Responses of few different flows, encoded. */
const messages = fc.array(
  fc.record({ flow: flows, nanos: fc.nat(999_999_999) }).map(({ flow, nanos }) =>
    toBinary(
      GetFlowsResponseSchema,
      create(GetFlowsResponseSchema, {
        responseTypes: { case: 'flow', value: flow },
        time: { seconds: BigInt(nanos % 7), nanos },
      }),
    ),
  ),
  { maxLength: 20 },
);

const someKeys = fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 4 });

function aggregate(list: readonly Uint8Array[], keys: readonly string[], maxRows = 1000): RowTable {
  const table = new RowTable({ keyCount: keys.length, maxRows, rankBy: FLOWS });
  const aggregator = new FlowAggregator(keysOf(keys), table);
  for (const message of list) aggregator.add(message, 0, message.length);
  return table;
}

function rowsOf(table: RowTable): Map<string, RowCounts> {
  const { rows } = listRows(table, Infinity, FLOWS);
  return new Map(rows.map(({ texts, ...counts }) => [JSON.stringify(texts), counts]));
}

function sorted(rows: Map<string, PlainRow | RowCounts>): unknown {
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Sends the content of a table to another one, as servers do. */
function send(from: RowTable, to: RowTable, maxRows = 1000): void {
  const peek = createFlowPeek();
  for (const frame of encodeRows({ table: from, maxRows, elapsedUs: 1 })) {
    peekFlow(frame, FRAME_PREFIX_BYTES, frame.length, peek);
    assert.equal(peek.kind, ENVELOPE_FLOW);
    addRows(to, decodeRows(frame, peek.memberStart, peek.memberEnd, to.keyCount));
  }
}

describe('FlowAggregator', () => {
  it('counts what decoding and counting by strings counts', () => {
    fc.assert(
      fc.property(messages, someKeys, (list, keys) => {
        assert.deepEqual(sorted(rowsOf(aggregate(list, keys))), sorted(aggregatePlainly(list, keys)));
      }),
      { numRuns: 500 },
    );
  });

  it('reads every single key as it stands in the decoded flow', () => {
    fc.assert(
      fc.property(messages, (list) => {
        for (const name of names) {
          assert.deepEqual(sorted(rowsOf(aggregate(list, [name]))), sorted(aggregatePlainly(list, [name])));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('reads flows encoded in odd ways like any others', () => {
    const short = fc.array(scrambled, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(short, fc.constantFrom(...names), (list, name) => {
        const plain = aggregatePlainly(list, [name]);
        assert.deepEqual(sorted(rowsOf(aggregate(list, [name]))), sorted(plain));
      }),
      { numRuns: 100 },
    );
  });

  it('finds in the parts, added up, what it finds in the whole', () => {
    fc.assert(
      fc.property(fc.array(messages, { maxLength: 4 }), someKeys, (parts, keys) => {
        const sum = new RowTable({ keyCount: keys.length, maxRows: 1000, rankBy: FLOWS });
        for (const part of parts) send(aggregate(part, keys), sum);
        assert.deepEqual(sorted(rowsOf(sum)), sorted(rowsOf(aggregate(parts.flat(), keys))));
      }),
      { numRuns: 200 },
    );
  });

  it('needs no other fields than its mask names', () => {
    fc.assert(
      fc.property(messages, someKeys, (list, keys) => {
        const mask = compileFieldMask(maskOfKeys(keysOf(keys)))!;
        const masked = list.map((message) => mask(message, 0, message.length).subarray(FRAME_PREFIX_BYTES));
        assert.deepEqual(sorted(rowsOf(aggregate(masked, keys))), sorted(rowsOf(aggregate(list, keys))));
      }),
      { numRuns: 200 },
    );
  });

  it('counts by time in buckets of any width', () => {
    const list = [0n, 59n, 60n, 61n, 3_600n].map((second) =>
      toBinary(
        GetFlowsResponseSchema,
        create(GetFlowsResponseSchema, {
          responseTypes: { case: 'flow', value: {} },
          time: { seconds: 1_790_000_040n + second, nanos: 250_000_000 },
        }),
      ),
    );
    const countsBy = (bucketMs: number): readonly (readonly [string, number])[] => {
      const table = new RowTable({ keyCount: 1, maxRows: 10, rankBy: FLOWS });
      const aggregator = new FlowAggregator([{ ...keyOfName('time')!, bucketMs }], table);
      for (const message of list) aggregator.add(message, 0, message.length);
      return listRows(table, Infinity, FLOWS)
        .rows.map(({ texts, flows }) => [texts[0], flows] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1));
    };
    assert.deepEqual(countsBy(0), [
      ['2026-09-21T14:14:00Z', 2],
      ['2026-09-21T14:15:00Z', 2],
      ['2026-09-21T15:14:00Z', 1],
    ]);
    assert.deepEqual(countsBy(60_000), countsBy(0));
    assert.deepEqual(countsBy(86_400_000), [['2026-09-21T00:00:00Z', 5]]);
    assert.deepEqual(countsBy(200)[0], ['2026-09-21T14:14:00.200Z', 1]);
  });

  it('refuses keys that do not exist, by name', () => {
    const table = new RowTable({ keyCount: 1, maxRows: 10, rankBy: FLOWS });
    const compile = (field: number, end: number) => () =>
      new FlowAggregator([{ field, end } as never], table);
    assert.throws(compile(2, 0), new GroupKeyError('key POD with end 0: expected one of 1 to 4'));
    assert.throws(compile(2, 9), new GroupKeyError('key POD with end 9: expected one of 1 to 4'));
    assert.throws(compile(33, 1), new GroupKeyError('key VERDICT with end 1: it concerns no end'));
    assert.throws(compile(999, 0), new GroupKeyError('key 999 does not exist'));
    const withBucket = (field: number, bucketMs: number) => () =>
      new FlowAggregator([{ field, end: 0, bucketMs } as never], table);
    assert.throws(withBucket(33, 5000), new GroupKeyError('bucket_ms 5000 of key 33: only TIME has buckets'));
    assert.throws(withBucket(49, 99), new GroupKeyError('bucket_ms 99: expected 100 to 86400000'));
  });
});

describe('a RowTable without room', () => {
  it('keeps sums exact, and tells how much a row may lack at most', () => {
    fc.assert(
      fc.property(
        fc.array(messages, { maxLength: 5 }),
        someKeys,
        fc.integer({ min: 1, max: 4 }),
        (parts, keys, maxRows) => {
          const whole = rowsOf(aggregate(parts.flat(), keys));
          const sum = new RowTable({ keyCount: keys.length, maxRows, rankBy: FLOWS });
          for (const part of parts) send(aggregate(part, keys, maxRows), sum, maxRows);
          const { rows, others, maxMissingFlows } = listRows(sum, maxRows, FLOWS);
          const total = rows.reduce((all, { flows }) => all + flows, others.flows);
          assert.equal(total, parts.flat().length);
          assert.ok(rows.length <= maxRows);
          const found = new Map(rows.map(({ texts, flows }) => [JSON.stringify(texts), flows]));
          for (const [key, { flows }] of whole) {
            const counted = found.get(key) ?? 0;
            assert.ok(
              counted <= flows && flows <= counted + maxMissingFlows,
              `${key}: ${counted} of ${flows}, ${maxMissingFlows} may be missing`,
            );
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('finds a place for what comes often, however late', () => {
    const table = new RowTable({ keyCount: 1, maxRows: 100, rankBy: FLOWS });
    const count = (text: string): void => {
      table.makeRoom();
      table.key[0] = table.texts.internText(text);
      table.countFlow(1, 1);
    };
    for (let i = 0; i < 10_000; i++) count(`rare-${i}`);
    for (let i = 0; i < 10_000; i++) count(i % 2 === 0 ? 'often' : `late-${i}`);
    const { rows, maxMissingFlows } = listRows(table, 1, FLOWS);
    assert.deepEqual(
      rows.map(({ texts, flows }) => [texts[0], flows]),
      [['often', 5000]],
    );
    assert.ok(maxMissingFlows < 500, `${maxMissingFlows} may be missing`);
    assert.ok(table.texts.count < 300);
  });
});
