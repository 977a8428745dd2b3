import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { MessageStreams } from '../../../agent/dns/message-streams.ts';

/** What came out: the bytes that were there, and how many had been sent. */
interface Got {
  readonly bytes: Uint8Array;
  readonly sentBytes: number;
}

function collect(maxStreams = 8): { streams: MessageStreams; got: Got[] } {
  const got: Got[] = [];
  const streams = new MessageStreams(maxStreams, (bytes, start, end, sentBytes) =>
    got.push({ bytes: bytes.slice(start, end), sentBytes }),
  );
  return { streams, got };
}

const framed = (message: Uint8Array): Buffer =>
  Buffer.concat([Uint8Array.of(message.length >> 8, message.length & 255), message]);
const take = (
  streams: MessageStreams,
  sequence: number,
  bytes: Uint8Array,
  { key = 'a', sentBytes = bytes.length } = {},
): void => streams.take(key, sequence, bytes, 0, bytes.length, sentBytes);
const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

describe('DNS messages in a TCP stream', () => {
  it('come out as they went in, however the stream is cut into segments and wherever its numbers start', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 400 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.boolean(),
        (messages, sizes, first, again) => {
          const { streams, got } = collect();
          const stream = Buffer.concat(messages.map(framed));
          let at = 0;
          for (let i = 0; at < stream.length; i++) {
            const segment = stream.subarray(at, at + sizes[i % sizes.length]);
            take(streams, (first + at) | 0, segment);
            // Sent again, some of it or all.
            if (again) take(streams, (first + at) | 0, segment);
            at += segment.length;
          }
          assert.deepEqual(
            got.map(({ bytes }) => [...bytes]),
            messages.map((message) => [...message]),
          );
          assert.ok(got.every(({ bytes, sentBytes }) => bytes.length === sentBytes));
          assert.equal(streams.gaps, 0);
        },
      ),
    );
  });

  it('are read from what a segment brings beyond what is known', () => {
    const { streams, got } = collect();
    const stream = Buffer.concat([framed(filled(20, 1)), framed(filled(30, 2))]);
    take(streams, 1000, stream.subarray(0, 15));
    take(streams, 1000, stream);
    assert.deepEqual(
      got.map(({ bytes }) => bytes.length),
      [20, 30],
    );
  });

  it('longer than what is kept are given up to there, and those behind them whole', () => {
    const { streams, got } = collect();
    const stream = Buffer.concat([framed(filled(5000, 1)), framed(filled(30, 2))]);
    for (let at = 0; at < stream.length; at += 1000) take(streams, at, stream.subarray(at, at + 1000));
    assert.deepEqual(
      got.map(({ bytes, sentBytes }) => [bytes.length, sentBytes, bytes[0]]),
      [
        [1278, 5000, 1],
        [30, 30, 2],
      ],
    );
    assert.equal(streams.gaps, 0);
  });

  it('of which a segment was captured in part are given up to there', () => {
    const { streams, got } = collect();
    const long = framed(filled(3000, 1));
    take(streams, 0, long.subarray(0, 1280), { sentBytes: long.length });
    take(streams, long.length, framed(filled(30, 2)));
    assert.deepEqual(
      got.map(({ bytes, sentBytes }) => [bytes.length, sentBytes]),
      [
        [1278, 3000],
        [30, 30],
      ],
    );
    assert.equal(streams.gaps, 0);
  });

  it('that begin where nothing was captured are a gap, and the next segment a new beginning', () => {
    const { streams, got } = collect();
    const first = Buffer.concat([framed(filled(1000, 1)), framed(filled(1000, 2)), framed(filled(1000, 3))]);
    take(streams, 0, first.subarray(0, 1280), { sentBytes: first.length });
    assert.equal(streams.gaps, 1);
    take(streams, first.length, framed(filled(30, 4)));
    assert.deepEqual(
      got.map(({ bytes, sentBytes }) => [bytes.length, sentBytes]),
      [
        [1000, 1000],
        [276, 1000],
        [30, 30],
      ],
    );
  });

  it('behind a segment that is missing are read from the next one on', () => {
    const { streams, got } = collect();
    take(streams, 0, framed(filled(500, 1)).subarray(0, 100));
    take(streams, 502, framed(filled(30, 2)));
    assert.deepEqual(
      got.map(({ bytes }) => bytes[0]),
      [2],
    );
    assert.equal(streams.gaps, 1);
  });

  it('of another connection with the same ports are no gap', () => {
    const { streams, got } = collect();
    take(streams, 0, framed(filled(30, 1)));
    take(streams, 0x40000000, framed(filled(30, 2)));
    take(streams, 0x3fffffff - 0x10000000, framed(filled(30, 3)));
    assert.equal(got.length, 3);
    assert.equal(streams.gaps, 0);
  });

  it('have a length', () => {
    const { streams, got } = collect();
    take(streams, 0, new Uint8Array(10));
    take(streams, 10, Uint8Array.of(0));
    take(streams, 11, Uint8Array.of(0, 5));
    assert.deepEqual([got.length, streams.gaps], [0, 2]);
  });

  it('of more connections than are remembered lose those that were silent for longest', () => {
    const { streams, got } = collect(2);
    const message = framed(filled(30, 1));
    take(streams, 0, message.subarray(0, 9), { key: 'a' });
    take(streams, 0, message.subarray(0, 9), { key: 'b' });
    take(streams, 9, message.subarray(9, 12), { key: 'a' });
    take(streams, 0, message.subarray(0, 9), { key: 'c' });
    take(streams, 12, message.subarray(12), { key: 'a' });
    assert.equal(got.length, 1);
    take(streams, 9, message.subarray(9), { key: 'b' });
    assert.equal(got.length, 1, 'b was forgotten: its second half is no message');
  });

  it('never take more memory or time than their bounds, whatever comes', () => {
    const segment = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      sequence: fc.oneof(fc.nat(3000), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
      bytes: fc.uint8Array({ maxLength: 60 }),
      more: fc.nat(3000),
    });
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 40 }), (segments) => {
        const { streams, got } = collect(2);
        for (const { key, sequence, bytes, more } of segments) {
          take(streams, sequence, bytes, { key, sentBytes: bytes.length + more });
        }
        for (const { bytes, sentBytes } of got) assert.ok(bytes.length <= 1280 && bytes.length <= sentBytes);
      }),
      { numRuns: 2000 },
    );
  });
});
