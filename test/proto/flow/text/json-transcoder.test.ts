import { equals, fromBinary, fromJson, type JsonValue } from '@bufbuild/protobuf';
import fc from 'fast-check';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { messageJson } from '../../../../proto/flow/text/json-text.ts';
import { JsonTranscoder } from '../../../../proto/flow/text/json-transcoder.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../../../proto/gen/observer/observer_pb.ts';
import {
  flowResponse,
  lostResponse,
  nodeStatusResponse,
  sampleTime,
} from '../../../support/build-responses.ts';
import { messageArbitrary } from '../../../support/message-arbitrary.ts';

const MAX_BYTES = 64 * 1024;
const transcoder = new JsonTranscoder(GetFlowsResponseSchema, MAX_BYTES);

/** What the transcoder makes of a text; null when it declines. */
function transcoded(text: string): GetFlowsResponse | null {
  // Something in front and behind, as in a file.
  const bytes = Buffer.from(`{"x":\n${text}\n{"node_name":"next"}\n`);
  const start = 6;
  const length = transcoder.transcode(bytes, start, start + Buffer.byteLength(text));
  return length < 0 ? null : fromBinary(GetFlowsResponseSchema, transcoder.out.subarray(0, length));
}

/** What a full decoder makes of it; null for a mistake. */
function decoded(text: string): GetFlowsResponse | null {
  try {
    return fromJson(GetFlowsResponseSchema, JSON.parse(text) as JsonValue);
  } catch {
    return null;
  }
}

function assertSame(text: string, actual: GetFlowsResponse): void {
  const expected = decoded(text);
  assert.ok(expected !== null, `a full decoder refuses ${text}`);
  assert.ok(equals(GetFlowsResponseSchema, actual, expected), text);
}

describe('JsonTranscoder', () => {
  const rich = flowResponse({
    Summary: 'GET http://a?b=1&c=<2> \u2028 "q" \\ \u0007',
    uuid: 'é'.repeat(100),
    socketCookie: 2n ** 64n - 1n,
    cgroupId: 2n ** 53n,
    ipTraceId: { traceId: 5n, ipOptionType: 4_294_967_295 },
    sourceNames: ['a.example.org', ''],
    l7: {
      type: 1,
      latencyNs: 7n,
      record: { case: 'http', value: { code: 200, headers: [{ key: 'a' }, {}] } },
    },
    sockXlatePoint: 2,
  });
  for (const [what, response] of [
    ['flow', rich],
    [
      'loss',
      lostResponse({ source: 3, numEventsLost: 12n, cpu: 0, first: sampleTime(), last: sampleTime(7) }),
    ],
    ['node state', nodeStatusResponse({ stateChange: 2, nodeNames: ['a', 'b'], message: 'x\n' })],
  ] as const) {
    it(`reads a ${what} as our own tools write it`, () => {
      const text = messageJson(GetFlowsResponseSchema, response);
      const actual = transcoded(text);
      assert.ok(actual !== null && equals(GetFlowsResponseSchema, actual, response), text);
    });
  }

  const accepted = [
    '{}',
    '{ "node_name": "x" , "flow": { } } ',
    '{"nodeName":"x","lostEvents":{"numEventsLost":"0"}}',
    String.raw`{"node_name":"\u00e9\u20ac\/\b\f\t\u0000"}`,
    '{"flow":{"verdict":2,"Type":"L7","is_reply":true,"IP":{"encrypted":false}}}',
    '{"flow":{"source":{"labels":[],"workloads":[{},{"name":"a"}]}}}',
    '{"time":"1970-01-01T00:00:00Z"}',
    '{"time":"2026-03-04T09:15:22.5Z"}',
  ];
  for (const text of accepted) {
    it(`reads ${text}`, () => {
      const actual = transcoded(text);
      assert.ok(actual !== null);
      assertSame(text, actual);
    });
  }

  const declined: Readonly<Record<string, string>> = {
    'an empty line': '',
    'a blank before a colon': '{"node_name" :"x"}',
    'a list': '[]',
    'an unknown field': '{"flow":{"new_field":1}}',
    'an unknown enum name': '{"flow":{"verdict":"NEW"}}',
    'a field twice': '{"node_name":"a","node_name":"b"}',
    'a field twice under its two names': '{"node_name":"a","nodeName":"b"}',
    'two members of a oneof': '{"flow":{},"lost_events":{}}',
    null: '{"flow":null}',
    'a fraction': '{"flow":{"source":{"ID":1.0}}}',
    'an exponent': '{"flow":{"source":{"ID":1e2}}}',
    'a negative number': '{"flow":{"event_type":{"type":-1}}}',
    'a number in quotes': '{"flow":{"source":{"ID":"1"}}}',
    '64 bits without quotes': '{"lost_events":{"num_events_lost":1}}',
    'a leading zero': '{"flow":{"source":{"ID":01}}}',
    'more than 32 bits': '{"flow":{"source":{"ID":4294967296}}}',
    'more than 64 bits': '{"lost_events":{"num_events_lost":"18446744073709551616"}}',
    'half of a surrogate pair': String.raw`{"node_name":"\ud83d"}`,
    'a whole surrogate pair': String.raw`{"node_name":"\ud83d\ude00"}`,
    'a control character': '{"node_name":"a\u0001"}',
    'an unknown escape': String.raw`{"node_name":"\x"}`,
    'a time with an offset': '{"time":"2026-03-04T09:15:22+01:00"}',
    'a time before 1970': '{"time":"1969-03-04T09:15:22Z"}',
    'a day that is none': '{"time":"2026-02-32T09:15:22Z"}',
    'a fraction of ten digits': '{"time":"2026-03-04T09:15:22.1234567890Z"}',
    'a string without an end': '{"node_name":"a',
    'an object without an end': '{"node_name":"a"',
    'something behind it': '{}{}',
    'a comma too many': '{"node_name":"a",}',
    'a word that is cut off': '{"flow":{"is_reply":tru',
    'an extension': '{"flow":{"extensions":{"@type":"type.googleapis.com/flow.IP"}}}',
  };
  for (const [what, text] of Object.entries(declined)) {
    it(`leaves ${what} to a full decoder`, () => assert.equal(transcoded(text), null));
  }

  it('declines a line that is too long', () => {
    const small = new JsonTranscoder(GetFlowsResponseSchema, 10);
    assert.equal(small.transcode(Buffer.from('{"node_name":"a"}\n'), 0, 17), -1);
  });

  it('tells of bytes beyond ASCII', () => {
    transcoded('{"node_name":"abcdefgh"}');
    assert.equal(transcoder.hasHighBytes, false);
    for (const text of ['é', 'abcdefghijé', 'aé']) {
      transcoded(`{"node_name":"${text}"}`);
      assert.equal(transcoder.hasHighBytes, true);
    }
  });

  it('reads an endpoint again as it read it first, and one that only begins so as another', () => {
    const labels = ['k8s:app=cart', 'k8s:io.kubernetes.pod.namespace=shop'];
    const endpoint = { ID: 311, identity: 20417, namespace: 'shop', labels, podName: 'cart-7d9' };
    const others = [
      endpoint,
      { ...endpoint, podName: 'cart-7da' },
      { ...endpoint, podName: 'cart-7d9-é' },
      { ...endpoint, clusterName: 'east' },
      { ...endpoint, labels: [...labels, 'x'.repeat(1000)] },
      { ...endpoint, ID: 312 },
      {},
    ];
    for (let round = 0; round < 3; round++) {
      for (const source of others) {
        for (const destination of others) {
          const text = messageJson(GetFlowsResponseSchema, flowResponse({ source, destination }));
          const actual = transcoded(text);
          assert.ok(actual !== null);
          assertSame(text, actual);
          assert.equal(transcoder.hasHighBytes, text.includes('é'));
        }
      }
    }
  });

  it('reads every message as a full decoder does', () => {
    let read = 0;
    let all = 0;
    fc.assert(
      fc.property(messageArbitrary(GetFlowsResponseSchema), (message) => {
        let text: string;
        try {
          text = messageJson(GetFlowsResponseSchema, message);
        } catch {
          return; // an impossible time
        }
        all++;
        const actual = transcoded(text);
        if (actual === null) return;
        read++;
        assertSame(text, actual);
      }),
      { numRuns: 1500 },
    );
    assert.ok(read > all / 10, `${read} of ${all}`);
  });

  it('never answers otherwise than a full decoder, whatever happened to the text', () => {
    const base = messageJson(GetFlowsResponseSchema, rich);
    const piece = fc.constantFrom(
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      ' ',
      '0',
      '-',
      'null',
      'é',
      '\t',
      '.',
      '"flow":{}',
    );
    const change = fc.record({
      at: fc.nat(base.length),
      cut: fc.nat(3),
      piece: fc.oneof(piece, fc.string()),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 2 }), (changes) => {
        let text = base;
        for (const { at, cut, piece } of changes) text = text.slice(0, at) + piece + text.slice(at + cut);
        if (text.includes('\n')) return;
        const actual = transcoded(text);
        if (actual !== null) assertSame(text, actual);
      }),
      { numRuns: 5000 },
    );
  });
});
