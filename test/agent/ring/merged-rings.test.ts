import assert from 'node:assert/strict';
import fc from 'fast-check';
import { it } from 'node:test';
import { MergedRings } from '../../../agent/ring/merged-rings.ts';
import { RingReader } from '../../../agent/ring/ring-reader.ts';
import { RingMemory } from '../../support/ring-memory.ts';

/** Records of eight bytes: when and which. */
function record(time: number, mark: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(time, mark).buffer);
}

interface Rings {
  readonly memories: readonly RingMemory[];
  readonly merged: MergedRings;
  /** Marks and times in the order of the visit. */
  readonly drain: (until: number, maxRecords?: number, now?: number) => [mark: number, time: number][];
}

function openRings(count: number, dataBytes = 4096): Rings {
  const memories = Array.from({ length: count }, (_, i) => new RingMemory(dataBytes, i * 8));
  const merged = new MergedRings(
    memories.map((memory) => new RingReader(memory.memory, memory.dataBytes)),
    (u32, offset) => u32[offset >> 2],
  );
  return {
    memories,
    merged,
    drain: (until, maxRecords = Infinity, now = 1000) => {
      const visited: [number, number][] = [];
      const count = merged.drain(
        until,
        () => now,
        maxRecords,
        (_u8, u32, offset) => {
          visited.push([u32[(offset >> 2) + 1], u32[offset >> 2]]);
        },
      );
      assert.equal(count, visited.length);
      return visited;
    },
  };
}

it('visits all rings as one, in the order of time, whatever is taken at once', () => {
  const times = fc.array(fc.nat(50), { maxLength: 30 }).map((list) => list.sort((a, b) => a - b));
  fc.assert(
    fc.property(
      fc.array(times, { minLength: 1, maxLength: 40 }),
      fc.nat(55),
      fc.integer({ min: 1, max: 50 }),
      (rings, until, step) => {
        const { memories, drain } = openRings(rings.length);
        let mark = 0;
        const expected: number[] = [];
        for (const [ring, list] of rings.entries()) {
          for (const time of list) {
            assert.ok(memories[ring].write(record(time, mark++)));
            if (time <= until) expected.push(time);
          }
        }
        const visited: [number, number][] = [];
        for (let part = drain(until, step); part.length > 0; part = drain(until, step)) {
          assert.ok(part.length <= step);
          visited.push(...part);
        }
        assert.deepEqual(
          visited.map(([, time]) => time),
          expected.sort((a, b) => a - b),
        );
        assert.equal(new Set(visited.map(([mark]) => mark)).size, visited.length);
        assert.equal(visited.length + drain(Infinity).length, mark);
      },
    ),
  );
});

it('leaves what is too young in its ring, and with it its space', () => {
  const { memories, merged, drain } = openRings(2, 64);
  for (const [time, mark] of [
    [5, 1],
    [20, 2],
  ]) {
    assert.ok(memories[0].write(record(time, mark)));
  }
  assert.ok(!merged.waiting, 'nothing was looked at yet');
  assert.deepEqual(drain(10), [[1, 5]]);
  assert.ok(merged.waiting);
  assert.ok(memories[0].write(record(21, 3)));
  assert.ok(!memories[0].write(record(22, 4)), 'the ring has room for two');
  assert.deepEqual(drain(30), [
    [2, 20],
    [3, 21],
  ]);
  assert.ok(!merged.waiting);
});

it('takes a time that lies ahead of the clock for broken, not for a reason to wait', () => {
  const { memories, drain } = openRings(2);
  memories[0].write(record(5000, 1));
  memories[0].write(record(7, 2));
  memories[1].write(record(6, 3));
  assert.deepEqual(
    drain(10).map(([mark]) => mark),
    [1, 3, 2],
  );
});

it('has nothing to say without rings', () => {
  assert.deepEqual(openRings(0).drain(Infinity), []);
});
