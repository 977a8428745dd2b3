import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { RingReader } from '../../../agent/ring/ring-reader.ts';
import { RingMemory } from '../../support/ring-memory.ts';

function drainAll(reader: RingReader): Buffer[] {
  const samples: Buffer[] = [];
  reader.drain((u8, u32, offset, length) => {
    assert.equal(offset % 4, 0);
    assert.equal(u32.buffer, u8.buffer);
    samples.push(Buffer.from(u8.slice(offset, offset + length)));
  }, 1e9);
  return samples;
}

describe('RingReader', () => {
  it('gives every record whole, wherever the ring wraps', () => {
    fc.assert(
      fc.property(
        fc.nat(511).map((eights) => eights * 8),
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 60 }),
        (startAt, payloads) => {
          const ring = new RingMemory(4096, startAt);
          const reader = new RingReader(ring.memory, ring.dataBytes);
          for (const payload of payloads) {
            assert.ok(ring.write(payload));
            const [sample, ...rest] = drainAll(reader);
            assert.equal(rest.length, 0);
            // raw_size is padded to 8k + 4: the reader of the payload has to know its own length.
            assert.deepEqual(sample.subarray(0, payload.length), Buffer.from(payload));
          }
        },
      ),
    );
  });

  it('counts exactly what did not fit: written = read + lost', () => {
    const ring = new RingMemory(4096);
    const reader = new RingReader(ring.memory, ring.dataBytes);
    let fitted = 0;
    for (let i = 0; i < 500; i++) if (ring.write(Buffer.alloc(100, i))) fitted++;
    const read = drainAll(reader).length;
    assert.equal(read, fitted);
    assert.equal(reader.lostRecords, 0, 'told only when a later event fits');
    ring.write(Buffer.from('later'));
    assert.equal(drainAll(reader).length, 1);
    assert.equal(read + 1 + reader.lostRecords, 501);
  });

  it('hands space back only when asked to stop early', () => {
    const ring = new RingMemory(4096);
    const reader = new RingReader(ring.memory, ring.dataBytes);
    for (let i = 0; i < 10; i++) ring.write(Buffer.alloc(20, i));
    let seen = 0;
    assert.equal(
      reader.drain(() => seen++, 4),
      4,
    );
    assert.equal(seen, 4);
    assert.equal(drainAll(reader).length, 6);
  });

  it('gives up what is unread, and says so, when the ring holds no record', () => {
    for (const size of [0, 4, 12, 4096 + 8]) {
      const ring = new RingMemory(8192);
      const reader = new RingReader(ring.memory, ring.dataBytes);
      const record = Buffer.alloc(32);
      record.writeUInt32LE(9, 0);
      record.writeUInt16LE(size, 6);
      ring.writeRaw(record);
      assert.equal(drainAll(reader).length, 0);
      assert.equal(reader.corruptions, 1);
      ring.write(Buffer.from('next'));
      assert.equal(drainAll(reader).length, 1);
    }
  });
});
