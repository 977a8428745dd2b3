import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { RingReader } from '../../../agent/ring/ring-reader.ts';

const DATA_BYTES = 4096;
const CONTROL_BYTES = 4096;

/** A ring whose every byte the test chooses. */
function ring(head: number, tail: number): { memory: ArrayBuffer; data: Buffer; positions: BigUint64Array } {
  const memory = new ArrayBuffer(CONTROL_BYTES + DATA_BYTES);
  const positions = new BigUint64Array(memory, 1024, 2);
  positions.set([BigInt(head), BigInt(tail)]);
  return { memory, data: Buffer.from(memory, CONTROL_BYTES), positions };
}

function put(data: Buffer, at: number, bytes: Uint8Array): void {
  for (const [i, byte] of bytes.entries()) data[(at + i) % DATA_BYTES] = byte;
}

function record(type: number, size: number, ...words: readonly number[]): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt16LE(size, 6);
  for (const [i, word] of words.entries()) bytes.writeUInt32LE(word, 8 + i * 4);
  return bytes;
}

const lost = (count: bigint): Buffer =>
  record(2, 24, 0, 0, Number(count & 0xffffffffn), Number(count >> 32n));

describe('RingReader, whatever stands in the ring', () => {
  it('adds up LOST records at every place in the ring, wrapping or not, beyond 32 bits too', () => {
    for (let at = 0; at < DATA_BYTES; at += 8) {
      const { memory, data, positions } = ring(at + 24, at);
      put(data, at, lost(0x1_0000_0002n));
      const reader = new RingReader(memory, DATA_BYTES);
      assert.equal(
        reader.drain(() => assert.fail('no sample'), 10),
        0,
      );
      assert.equal(reader.lostRecords, 0x1_0000_0002);
      assert.equal(positions[1], BigInt(at + 24), 'and gives the space back');
    }
  });

  it('passes over records of kinds it does not know', () => {
    const { memory, data } = ring(64, 0);
    put(data, 0, record(11, 32));
    put(data, 32, record(9, 32, 20, 7));
    const samples: number[] = [];
    new RingReader(memory, DATA_BYTES).drain((_u8, u32, offset) => samples.push(u32[offset >> 2]), 10);
    assert.deepEqual(samples, [7]);
  });

  it('gives no more of a sample than its record holds', () => {
    const { memory, data } = ring(32, 0);
    put(data, 0, record(9, 32, 0xffffffff));
    const lengths: number[] = [];
    new RingReader(memory, DATA_BYTES).drain((_u8, _u32, _offset, length) => lengths.push(length), 10);
    assert.deepEqual(lengths, [20]);
  });

  it('stores the tail once per drain, after the last record was seen', () => {
    const { memory, data, positions } = ring(96, 0);
    for (const at of [0, 32, 64]) put(data, at, record(9, 32, 20));
    const tails: bigint[] = [];
    new RingReader(memory, DATA_BYTES).drain(() => tails.push(positions[1]), 10);
    assert.deepEqual(tails, [0n, 0n, 0n]);
    assert.equal(positions[1], 96n);
  });

  it('counts past 2^32 bytes', () => {
    const start = 2 ** 40 + 4088;
    const { memory, data, positions } = ring(start + 32, start);
    put(data, start % DATA_BYTES, record(9, 32, 20, 5));
    const reader = new RingReader(memory, DATA_BYTES);
    assert.equal(
      reader.drain((_u8, u32, offset) => assert.equal(u32[offset >> 2], 5), 10),
      1,
    );
    assert.equal(positions[1], BigInt(start + 32));
  });

  it('reads nothing out of bounds, ends, and never goes beyond the head', () => {
    const anything = fc.record({
      noise: fc.uint8Array({ minLength: 64, maxLength: 256 }),
      startAt: fc.nat(DATA_BYTES / 8 - 1).map((eights) => eights * 8),
      // Also more than a ring holds, which no kernel would claim.
      ahead: fc.nat(3 * DATA_BYTES).map((bytes) => bytes & ~7),
      sizes: fc.array(fc.nat(0xffff), { maxLength: 20 }),
    });
    fc.assert(
      fc.property(anything, ({ noise, startAt, ahead, sizes }) => {
        const { memory, data, positions } = ring(startAt + ahead, startAt);
        for (let at = 0; at < DATA_BYTES; at++) data[at] = noise[at % noise.length];
        let at = startAt;
        for (const size of sizes) {
          put(data, at, record(9, 16, size).subarray(0, 6));
          data.writeUInt16LE(size, (at % DATA_BYTES) + 6);
          at += Math.max(8, size & ~7);
        }
        const reader = new RingReader(memory, DATA_BYTES);
        let drained = 0;
        for (let rounds = 0; rounds < 5; rounds++) {
          drained += reader.drain((u8, u32, offset, length) => {
            assert.equal(offset % 4, 0);
            assert.ok(offset >= 0 && offset + length <= u8.length);
            assert.equal(u32.buffer, u8.buffer);
          }, 1000);
        }
        assert.ok(drained <= ahead / 8);
        assert.equal(positions[0], BigInt(startAt + ahead), 'the head is the kernel’s');
        assert.ok(positions[1] <= positions[0] && positions[1] >= BigInt(startAt));
      }),
      { numRuns: 500 },
    );
  });

  it('refuses memory that cannot be a ring', () => {
    const memory = new ArrayBuffer(CONTROL_BYTES + DATA_BYTES);
    for (const bytes of [DATA_BYTES * 2, 4095]) {
      assert.throws(
        () => new RingReader(memory, bytes),
        new RangeError(`ring of ${bytes} data bytes in ${memory.byteLength} bytes of memory`),
      );
    }
  });
});
