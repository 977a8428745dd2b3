import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { FRAME_PREFIX_BYTES, frameMessage, type FrameRun, FrameSplitter } from '../../../proto/flow/frame.ts';
import { WireError } from '../../../proto/flow/wire.ts';

function messagesOf(run: FrameRun): Uint8Array[] {
  assert.equal(run.offsets.length, run.count + 1);
  assert.equal(run.offsets[0], 0);
  assert.equal(run.offsets[run.count], run.bytes.length);
  return Array.from({ length: run.count }, (_, i) =>
    run.bytes.subarray(run.offsets[i] + FRAME_PREFIX_BYTES, run.offsets[i + 1]),
  );
}

/** Feeds a stream cut at the given sizes (repeated) and returns the messages that came out, copied at the moment they did. */
function splitInto(stream: Uint8Array, sizes: readonly number[]): Buffer[] {
  const splitter = new FrameSplitter();
  const messages: Buffer[] = [];
  let at = 0;
  for (let i = 0; at < stream.length; i++) {
    const chunk = stream.slice(at, at + sizes[i % sizes.length]);
    at += chunk.length;
    const run = splitter.push(chunk);
    if (run !== null) messages.push(...messagesOf(run).map((message) => Buffer.from(message)));
    assert.ok(splitter.heldBytes <= at);
  }
  splitter.end();
  return messages;
}

function named(code: string, message: string): (error: unknown) => boolean {
  return (error) => error instanceof WireError && error.code === code && error.message === message;
}

describe('FrameSplitter', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 30 });
  const sizes = fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 8 });

  it('gives back every message, however the stream is cut', () => {
    fc.assert(
      fc.property(messages, sizes, (messages, sizes) => {
        const stream = Buffer.concat(messages.map(frameMessage));
        assert.deepEqual(
          splitInto(stream, sizes),
          messages.map((message) => Buffer.from(message)),
        );
      }),
    );
  });

  it('gives back every message when fed one, two or three bytes at a time', () => {
    const messages = [0, 1, 4, 5, 6, 255, 256, 70_000].map((length) => Buffer.alloc(length, length));
    const stream = Buffer.concat(messages.map(frameMessage));
    for (const size of [1, 2, 3]) assert.deepEqual(splitInto(stream, [size]), messages);
  });

  it('hands out views of the chunk, not copies, when the chunk holds its frames whole', () => {
    const chunk = Buffer.concat([frameMessage(Buffer.from('one')), frameMessage(Buffer.from('two'))]);
    const run = new FrameSplitter().push(chunk);
    assert.equal(run?.bytes.buffer, chunk.buffer);
    assert.equal(run?.count, 2);
  });

  it('does not keep a chunk alive for the few bytes of a frame that it ends in', () => {
    const splitter = new FrameSplitter();
    const chunk = Buffer.concat([frameMessage(Buffer.alloc(1000)), Buffer.from([0, 0, 0])]);
    splitter.push(chunk);
    chunk.fill(0xff); // what is held must be a copy by now
    const run = splitter.push(Buffer.from([0, 1, 42]));
    assert.deepEqual(run && messagesOf(run).map((message) => [...message]), [[42]]);
  });

  it('grows with what has come, not with what was announced', () => {
    const splitter = new FrameSplitter(1 << 30);
    const before = process.memoryUsage().arrayBuffers;
    splitter.push(Uint8Array.of(0, 0x3f, 0xff, 0xff, 0xff));
    splitter.push(new Uint8Array(1000));
    assert.equal(splitter.heldBytes, 1005);
    assert.ok(process.memoryUsage().arrayBuffers - before < 1 << 20);
  });

  it('holds many frames in one chunk', () => {
    const stream = Buffer.concat(
      Array.from({ length: 5000 }, (_, i) => frameMessage(Uint8Array.of(i, i >> 8))),
    );
    const run = new FrameSplitter().push(stream);
    assert.equal(run?.count, 5000);
    assert.deepEqual([...messagesOf(run)[4999]], [4999 & 255, 4999 >> 8]);
  });

  it('refuses a message above the limit by its announced length, and takes one of just that length', () => {
    const splitter = new FrameSplitter(300);
    assert.equal(splitter.push(frameMessage(new Uint8Array(300)))?.count, 1);
    assert.throws(
      () => splitter.push(Uint8Array.of(0, 0, 0, 1, 45)),
      named('too-large', 'message of 301 bytes, at most 300 allowed'),
    );
    assert.throws(
      () => new FrameSplitter().push(Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff)),
      named('too-large', 'message of 4294967295 bytes, at most 4194304 allowed'),
    );
  });

  it('refuses compressed messages', () => {
    assert.throws(
      () => new FrameSplitter().push(Uint8Array.of(1, 0, 0, 0, 0)),
      named('compressed', 'message frame with flag 1, expected 0 (not compressed)'),
    );
  });

  it('tells that a stream ended inside a frame', () => {
    const splitter = new FrameSplitter();
    splitter.push(Uint8Array.of(0, 0, 0));
    assert.throws(() => splitter.end(), named('truncated', 'stream ended 3 bytes into a message frame'));
  });
});
