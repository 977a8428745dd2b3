import assert from 'node:assert/strict';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { addRows, decodeRows } from '../../../../proto/flow/aggregate/decode-rows.ts';
import { encodeRows, encodeSignOfLife } from '../../../../proto/flow/aggregate/encode-rows.ts';
import { listRows } from '../../../../proto/flow/aggregate/list-rows.ts';
import { FLOWS } from '../../../../proto/flow/aggregate/row-measures.ts';
import { RowTable } from '../../../../proto/flow/aggregate/row-table.ts';
import { FRAME_PREFIX_BYTES } from '../../../../proto/flow/frame.ts';
import { WireError } from '../../../../proto/flow/wire.ts';
import {
  type AggregateFlowsResponse,
  AggregateFlowsResponseSchema,
  type FlowRows,
  FlowRowsSchema,
} from '../../../../proto/gen/sluice/v1/aggregation_pb.ts';

function tableOf(rows: readonly (readonly [string, string, number])[], maxRows = 100_000): RowTable {
  const table = new RowTable({ keyCount: 2, maxRows, rankBy: FLOWS });
  for (const [first, second, verdict] of rows) {
    table.makeRoom();
    table.key[0] = table.texts.internText(first);
    table.key[1] = table.texts.internText(second);
    table.countFlow(verdict, 1_772_615_722_118_204 + verdict);
  }
  return table;
}

function decodeFrame(frame: Uint8Array): AggregateFlowsResponse {
  assert.equal(frame[0], 0);
  assert.equal(new DataView(frame.buffer, frame.byteOffset).getUint32(1), frame.length - FRAME_PREFIX_BYTES);
  return fromBinary(AggregateFlowsResponseSchema, frame.subarray(FRAME_PREFIX_BYTES));
}

function rowsOf(frame: Uint8Array): FlowRows {
  const { responseTypes } = decodeFrame(frame);
  assert.equal(responseTypes.case, 'rows');
  return responseTypes.value;
}

const someRows = fc.array(
  fc.tuple(fc.constantFrom('', 'a', 'ünïcode', 'x'.repeat(200)), fc.string({ maxLength: 3 }), fc.nat(7)),
  { maxLength: 40 },
);

describe('encodeRows()', () => {
  it('writes what protobuf-es reads', () => {
    fc.assert(
      fc.property(someRows, fc.integer({ min: 1, max: 50 }), (input, maxRows) => {
        const table = tableOf(input);
        const [frame] = encodeRows({ table, maxRows, elapsedUs: 1_000_123 });
        const message = rowsOf(frame);
        const { rows, others, maxMissingFlows } = listRows(table, maxRows, FLOWS);
        assert.equal(message.flows.length, rows.length);
        const column = (values: readonly bigint[], i: number): number => Number(values[i] ?? 0n);
        const read = message.flows.map((flows, i) => ({
          texts: [message.texts[message.keys[2 * i]], message.texts[message.keys[2 * i + 1]]],
          flows: Number(flows),
          forwarded: column(message.forwarded, i),
          dropped: column(message.dropped, i),
          audited: column(message.audited, i),
          errors: column(message.errors, i),
          redirected: column(message.redirected, i),
          firstUs: column(message.firstUs, i),
          lastUs: column(message.lastUs, i),
        }));
        assert.deepEqual(read, rows);
        assert.equal(Number(message.others?.flows ?? 0n), others.flows);
        assert.equal(Number(message.others?.lastUs ?? 0n), others.lastUs);
        assert.equal(Number(message.maxMissingFlows), maxMissingFlows);
        assert.equal(message.elapsedUs, 1_000_123n);
        assert.equal(new Set(message.texts).size, message.texts.length);
      }),
      { numRuns: 200 },
    );
  });

  it('cuts a long answer into messages that clients take, of which only the last ends it', () => {
    const names = Array.from({ length: 9000 }, (_, i) => `${'n'.repeat(300)}${i}`);
    const table = tableOf(names.map((name) => [name, '', 2]));
    const frames = encodeRows({ table, maxRows: 8000, elapsedUs: 5 });
    const messages = frames.map(rowsOf);
    assert.ok(frames.length > 3 && frames.every(({ length }) => length < 1024 * 1024));
    assert.deepEqual(
      messages.map(({ isUnfinished }) => isUnfinished),
      frames.map((_, i) => i < frames.length - 1),
    );
    assert.equal(messages.flatMap(({ flows }) => flows).length, 8000);
    assert.deepEqual(
      messages.map(({ others, elapsedUs }) => [others?.dropped, elapsedUs]),
      frames.map((_, i) => (i < frames.length - 1 ? [undefined, 0n] : [1000n, 5n])),
    );
  });

  it('writes an answer for an empty table, and a sign of life that ends no answer', () => {
    const [frame, ...more] = encodeRows({ table: tableOf([]), maxRows: 5, elapsedUs: 7 });
    assert.deepEqual(more, []);
    assert.deepEqual(rowsOf(frame), create(FlowRowsSchema, { elapsedUs: 7n }));
    assert.deepEqual(rowsOf(encodeSignOfLife()), create(FlowRowsSchema, { isUnfinished: true }));
  });
});

describe('decodeRows()', () => {
  const decode = (init: Parameters<typeof create<typeof FlowRowsSchema>>[1], keyCount = 1) => {
    const bytes = toBinary(FlowRowsSchema, create(FlowRowsSchema, init));
    return decodeRows(bytes, 0, bytes.length, keyCount);
  };

  it('reads what protobuf-es writes', () => {
    const table = new RowTable({ keyCount: 1, maxRows: 10, rankBy: FLOWS });
    const message = {
      texts: ['a', 'b'],
      keys: [1, 0, 1],
      flows: [5n, 6n, 300n],
      dropped: [0n, 2n, 1n],
      lastUs: [7n, 8n, 9n],
      others: { flows: 4n, forwarded: 4n },
      maxMissingFlows: 3n,
      elapsedUs: 2n ** 40n,
    };
    const rows = decode(message);
    addRows(table, rows);
    const listed = listRows(table, 10, FLOWS);
    assert.deepEqual(
      listed.rows.map(({ texts, flows, dropped, lastUs }) => [texts[0], flows, dropped, lastUs]),
      [
        ['b', 305, 1, 9],
        ['a', 6, 2, 8],
      ],
    );
    assert.deepEqual([listed.others.flows, listed.others.forwarded, listed.maxMissingFlows], [4, 4, 3]);
    assert.deepEqual([rows.elapsedUs, rows.isUnfinished], [2 ** 40, false]);
  });

  const wrong: readonly (readonly [string, Parameters<typeof decode>[0], RegExp])[] = [
    ['fewer keys than rows', { texts: ['a'], keys: [0], flows: [1n, 2n] }, /1 keys of 2 rows, expected 1/],
    ['a text that is not there', { texts: ['a'], keys: [1], flows: [1n] }, /text 1 of a row, there are 1/],
    ['a short column', { texts: ['a'], keys: [0, 0], flows: [1n, 1n], errors: [1n] }, /1 values for 2 rows/],
  ];
  for (const [what, init, message] of wrong) {
    it(`refuses ${what}`, () => assert.throws(() => decode(init), { name: 'WireError', message }));
  }

  it('survives any bytes, with a WireError at most', () => {
    const table = tableOf([
      ['a', 'b', 1],
      ['a', 'c', 2],
    ]);
    const [frame] = encodeRows({ table, maxRows: 1, elapsedUs: 9 });
    const good = toBinary(FlowRowsSchema, rowsOf(frame));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }),
          fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => {
            const bytes = good.slice();
            bytes[at] = byte;
            return bytes;
          }),
        ),
        (bytes) => {
          const into = new RowTable({ keyCount: 2, maxRows: 10, rankBy: FLOWS });
          try {
            addRows(into, decodeRows(bytes, 0, bytes.length, 2));
            // What came in can go out again, whatever its numbers.
            encodeRows({ table: into, maxRows: 10, elapsedUs: 1 }).forEach(decodeFrame);
          } catch (error) {
            assert.ok(error instanceof WireError, String(error));
          }
        },
      ),
      { numRuns: 1500 },
    );
  });
});
