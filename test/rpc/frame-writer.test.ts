import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { FrameWriter } from '../../rpc/frame-writer.ts';

/** A stream that keeps what it is given, by reference as http2 does, and lets the test decide when it was sent. */
class FakeSink extends EventEmitter {
  readonly chunks: Uint8Array[] = [];
  destroyed = false;
  writableLength = 0;

  write(chunk: Uint8Array): boolean {
    this.chunks.push(chunk);
    this.writableLength += chunk.length;
    return this.writableLength < 16_384;
  }

  sent(): void {
    this.writableLength = 0;
    this.emit('drain');
  }
}

const never = new AbortController().signal;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('FrameWriter', () => {
  it('gathers what is written in one turn of the event loop into one write', async () => {
    const sink = new FakeSink();
    const writer = new FrameWriter(sink);
    for (let i = 0; i < 100; i++) writer.write(new Uint8Array(300).fill(i));
    assert.equal(sink.chunks.length, 0);
    await turn();
    assert.deepEqual(
      sink.chunks.map((chunk) => chunk.length),
      [30_000],
    );
  });

  it('passes large runs on as they are, behind what was gathered before', () => {
    const sink = new FakeSink();
    const writer = new FrameWriter(sink);
    const large = new Uint8Array(20_000);
    writer.write(new Uint8Array(10));
    writer.write(large);
    assert.deepEqual(
      sink.chunks.map((chunk) => chunk.length),
      [10, 20_000],
    );
    assert.equal(sink.chunks[1], large, 'without a copy');
  });

  it('keeps order and bytes, however they are cut, and changes nothing that it handed over', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            bytes: fc.integer({ min: 0, max: 40_000 }),
            next: fc.constantFrom('', 'flush', 'turn'),
          }),
          { maxLength: 40 },
        ),
        async (steps) => {
          const sink = new FakeSink();
          const writer = new FrameWriter(sink);
          const seen: { chunk: Uint8Array; copy: Buffer }[] = [];
          const look = (): void => {
            for (const chunk of sink.chunks.slice(seen.length))
              seen.push({ chunk, copy: Buffer.from(chunk) });
          };
          const wanted: Buffer[] = [];
          for (const [i, { bytes, next }] of steps.entries()) {
            const frames = Buffer.alloc(bytes, i + 1);
            wanted.push(frames);
            writer.write(frames);
            if (next === 'flush') writer.flush();
            if (next === 'turn') await turn();
            look();
          }
          writer.flush();
          look();
          assert.ok(Buffer.concat(sink.chunks).equals(Buffer.concat(wanted)));
          for (const { chunk, copy } of seen) assert.ok(copy.equals(chunk));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('holds its writer once a mebibyte waits, until the stream has drained', async () => {
    const sink = new FakeSink();
    const writer = new FrameWriter(sink);
    const run = new Uint8Array(64 * 1024);
    let writes = 1;
    while (writer.write(run)) writes++;
    assert.equal(writes, 16);
    let isDrained = false;
    const waiting = writer.drained(never).then(() => (isDrained = true));
    await turn();
    assert.equal(isDrained, false);
    sink.sent();
    await waiting;
    assert.deepEqual([sink.listenerCount('drain'), sink.listenerCount('close')], [0, 0]);
  });

  it('lets its writer go when the call is over', async () => {
    const sink = new FakeSink();
    const writer = new FrameWriter(sink);
    sink.write(new Uint8Array(2 * 1024 * 1024));
    const abort = new AbortController();
    const waiting = writer.drained(abort.signal);
    abort.abort();
    await waiting;
    await writer.drained(abort.signal);
    assert.deepEqual([sink.listenerCount('drain'), sink.listenerCount('close')], [0, 0]);
  });

  it('lets its writer go when the stream is gone', async () => {
    const sink = new FakeSink();
    const writer = new FrameWriter(sink);
    sink.write(new Uint8Array(2 * 1024 * 1024));
    const waiting = writer.drained(never);
    sink.destroyed = true;
    sink.emit('close');
    await waiting;
    assert.equal(writer.write(new Uint8Array(10)), false);
    await writer.drained(never);
  });
});
