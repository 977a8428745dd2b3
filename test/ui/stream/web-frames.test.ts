import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseTrailers } from '../../../ui/stream/call-error.ts';
import { WebFrames } from '../../../ui/stream/web-frames.ts';

const frame = (flag: number, ...bytes: number[]): Uint8Array =>
  Uint8Array.of(flag, 0, 0, 0, bytes.length, ...bytes);

describe('frames of gRPC-web', () => {
  it('are found however the body is cut', () => {
    const body = Uint8Array.of(...frame(0, 1, 2, 3), ...frame(0), ...frame(0x80, 9));
    for (let size = 1; size <= body.length; size++) {
      const frames = new WebFrames();
      const found: [boolean, number[]][] = [];
      for (let pos = 0; pos < body.length; pos += size) {
        for (const { isTrailers, bytes } of frames.push(body.slice(pos, pos + size))) {
          found.push([isTrailers, [...bytes]]);
        }
      }
      assert.deepEqual(found, [
        [false, [1, 2, 3]],
        [false, []],
        [true, [9]],
      ]);
      assert.equal(frames.isBroken, false);
    }
  });

  it('are known to be broken off', () => {
    const frames = new WebFrames();
    assert.deepEqual(frames.push(frame(0, 1, 2).slice(0, 6)), []);
    assert.equal(frames.isBroken, true);
  });

  it('meet a bound on their announced length, and may not be compressed', () => {
    assert.throws(() => new WebFrames().push(Uint8Array.of(0, 255, 0, 0, 0)), /frame of 4278190080 bytes/);
    assert.throws(() => new WebFrames().push(frame(1, 5)), /flag 1, expected 0 or 128/);
  });
});

describe('trailers of gRPC-web', () => {
  it('hold a code and a message', () => {
    assert.deepEqual(parseTrailers('Grpc-Status: 3\r\ngrpc-message: caf%C3%A9\r\n'), {
      code: 3,
      message: 'café',
    });
    assert.deepEqual(parseTrailers('grpc-status:0\r\n'), { code: 0, message: '' });
    assert.deepEqual(parseTrailers('grpc-status: 2\r\ngrpc-message: 100%\r\n'), { code: 2, message: '100%' });
  });

  it('may hold no status', () => {
    assert.equal(parseTrailers('x: y\r\n'), null);
    assert.equal(parseTrailers('grpc-status: ok\r\n'), null);
  });
});
