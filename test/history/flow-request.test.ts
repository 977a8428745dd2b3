import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFlowsRequest } from '../../history/index.ts';
import { GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import { RpcCode } from '../../rpc/index.ts';

const bytesOf = (init: MessageInitShape<typeof GetFlowsRequestSchema>): Uint8Array =>
  toBinary(GetFlowsRequestSchema, create(GetFlowsRequestSchema, init));

const year10000 = { seconds: 253_402_300_800n, nanos: 0 };

describe('parseFlowsRequest()', () => {
  it('takes an empty request for everything stored', () => {
    assert.deepEqual(parseFlowsRequest(new Uint8Array(0)).selection, {
      number: 0,
      first: false,
      follow: false,
      since: null,
      until: null,
      matches: null,
      transform: null,
    });
  });

  it('reads counts, flags and times', () => {
    const { selection } = parseFlowsRequest(
      bytesOf({
        number: 2n ** 64n - 1n,
        first: true,
        since: { seconds: -1n, nanos: 999_999_999 },
        until: { seconds: 5n, nanos: 1 },
      }),
    );
    assert.equal(selection.number, 2 ** 64);
    assert.equal(selection.first, true);
    assert.deepEqual(selection.since, { seconds: -1, nanos: 999_999_999 });
    assert.deepEqual(selection.until, { seconds: 5, nanos: 1 });
  });

  it('ignores extensions and fields it does not know', () => {
    const known = bytesOf({
      follow: true,
      extensions: { typeUrl: 'x/other.Thing', value: new Uint8Array(3) },
    });
    const unknown = Uint8Array.of(0xf8, 0x3f, 5); // field 1023, varint
    assert.equal(parseFlowsRequest(Buffer.concat([known, unknown])).selection.follow, true);
  });

  const conflict = 'first and follow cannot be used together';
  const badFilter = [{ sourceIp: ['10.0.0.300'] }];
  const faults: readonly (readonly [
    string,
    MessageInitShape<typeof GetFlowsRequestSchema>,
    string | RegExp,
  ])[] = [
    ['first with follow', { first: true, follow: true }, conflict],
    ['a filter value that is none', { whitelist: badFilter }, /10\.0\.0\.300/],
    ['a denying filter value that is none', { blacklist: badFilter }, /10\.0\.0\.300/],
    [
      'a time beyond the calendar',
      { since: year10000 },
      'invalid since: 253402300800 s 0 ns is no time between the years 1 and 9999',
    ],
    [
      'nanoseconds beyond a second',
      { until: { seconds: 0n, nanos: 1_000_000_000 } },
      'invalid until: 0 s 1000000000 ns is no time between the years 1 and 9999',
    ],
    ['a mask path that names nothing', { fieldMask: { paths: ['no.such'] } }, /field mask path "no\.such"/],
    ['an empty mask path', { fieldMask: { paths: [''] } }, /field mask path ""/],
    [
      'more filters than anybody needs',
      {
        whitelist: Array.from({ length: 600 }, () => ({})),
        blacklist: Array.from({ length: 401 }, () => ({})),
      },
      '1001 filters in one request, at most 1000 allowed',
    ],
    [
      'several faults, of which the first counts',
      { first: true, follow: true, whitelist: badFilter, since: year10000 },
      conflict,
    ],
    ['a fault in the filter before one in the times', { whitelist: badFilter, since: year10000 }, /10\.0\.0/],
    [
      'a fault in the times before one in the mask',
      { since: year10000, fieldMask: { paths: ['x'] } },
      /since/,
    ],
  ];
  for (const [what, request, message] of faults) {
    it(`refuses ${what}`, () => {
      assert.throws(() => parseFlowsRequest(bytesOf(request)), {
        name: 'RpcError',
        code: RpcCode.InvalidArgument,
        message,
      });
    });
  }

  it('refuses bytes that are no request', () => {
    assert.throws(() => parseFlowsRequest(Uint8Array.of(0xff)), {
      code: RpcCode.InvalidArgument,
      message: /^request does not decode: /,
    });
  });
});
