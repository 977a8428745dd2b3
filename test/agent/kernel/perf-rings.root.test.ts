import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import type { BpfMap } from '../../../agent/kernel/bpf-map.ts';
import { BpfObject } from '../../../agent/kernel/bpf-object.ts';
import { c, viewMemory } from '../../../agent/kernel/ffi.ts';
import { openPerfRings, type PerfRings } from '../../../agent/kernel/perf-rings.ts';
import { runProgram } from '../../../agent/kernel/prog-test-run.ts';
import { CONTROL_PAGE_BYTES, RingReader } from '../../../agent/ring/ring-reader.ts';
import { BpfObjects } from './support/build-bpf.ts';

const source = `
struct {
  __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
  __uint(key_size, 4);
  __uint(value_size, 4);
} events SEC(".maps");
SEC("tc") int tell(struct __sk_buff *skb)
{
  __u32 told[4] = {1, 2, 3, skb->mark};
  return -bpf_perf_event_output(skb, &events, BPF_F_CURRENT_CPU, told, sizeof(told));
}`;
const packet = Buffer.alloc(64);
const ENOENT = 2;
const ENOSPC = 28;

describe('openPerfRings()', () => {
  const objects = new BpfObjects();
  let path = '';
  let object: BpfObject;
  let events: BpfMap;

  before(() => {
    // On one CPU, so that all events come into one ring: a LOST record is written with the next event of that CPU only.
    const pinned = spawnSync('taskset', ['-pc', '0', String(process.pid)], { encoding: 'utf8' });
    assert.equal(pinned.status, 0, pinned.stderr);
    path = objects.build('tell', source);
    object = BpfObject.load({ path });
    events = object.map('events');
  });
  after(() => {
    object.close();
    objects.remove();
  });

  /** What the program's output gave, as a positive errno. */
  const tell = (from: BpfObject, times = 1): number =>
    runProgram(from.programFd('tell'), { packet, mark: 77, repeat: times }).verdict;
  const readers = (rings: PerfRings): RingReader[] =>
    rings.rings.map(
      ({ pointer, dataBytes }) =>
        new RingReader(viewMemory(pointer, CONTROL_PAGE_BYTES + dataBytes), dataBytes),
    );
  const wakes = (rings: PerfRings): number =>
    c.epollWait(rings.epollFd, new Uint8Array(16 * 64), 64, 0) as number;

  it('gives a ring for each online CPU, of the size that was asked for', () => {
    const rings = openPerfRings(events, 8192, 4096);
    assert.ok(rings.rings.length >= 1);
    assert.deepEqual(
      rings.rings.map(({ dataBytes }) => dataBytes),
      rings.rings.map(() => 8192),
    );
    assert.equal(new Set(rings.rings.map(({ cpu }) => cpu)).size, rings.rings.length);
    rings.close();
  });

  it('carries what programs tell, and takes the rings away when it closes', () => {
    assert.equal(tell(object), ENOENT, 'before');
    const rings = openPerfRings(events, 1 << 16, 1 << 15);
    assert.equal(tell(object, 3), 0);
    const samples: number[][] = [];
    for (const reader of readers(rings))
      reader.drain(
        (_u8, u32, offset) => samples.push([...u32.subarray(offset >> 2, (offset >> 2) + 4)]),
        100,
      );
    assert.deepEqual(samples, [
      [1, 2, 3, 77],
      [1, 2, 3, 77],
      [1, 2, 3, 77],
    ]);
    rings.close();
    assert.equal(tell(object), ENOENT, 'after');
  });

  it('wakes when the watermark is passed, and not for each event', () => {
    const rings = openPerfRings(events, 1 << 16, 1 << 14);
    tell(object, 100);
    assert.equal(wakes(rings), 0, '4 kB of 16');
    tell(object, 1000);
    assert.equal(wakes(rings), 1);
    rings.close();
  });

  it('tells programs that a ring is full', () => {
    const rings = openPerfRings(events, 4096, 2048);
    assert.equal(tell(object, 1000), ENOSPC);
    const all = readers(rings);
    const fitted = all.reduce((sum, reader) => sum + reader.drain(() => {}, 1e6), 0);
    tell(object);
    assert.equal(
      all.reduce((sum, reader) => sum + reader.drain(() => {}, 1e6), 0),
      1,
    );
    assert.equal(fitted + all.reduce((sum, reader) => sum + reader.lostRecords, 0), 1000);
    rings.close();
  });

  it('outlives the object that the map came from', () => {
    const pinned = BpfObject.load({ path });
    const rings = openPerfRings(pinned.map('events'), 4096, 2048);
    const duplicate = c.fcntl(pinned.programFd('tell'), 1030, 0) as number;
    pinned.close();
    assert.equal(runProgram(duplicate, { packet }).verdict, 0);
    c.close(duplicate);
    rings.close();
  });

  it('refuses sizes that no ring can have', () => {
    for (const bytes of [0, 100, 4095, 12288, -4096, Number.NaN]) {
      assert.throws(
        () => openPerfRings(events, bytes, 1),
        new RangeError(`perf ring of ${bytes} bytes, expected a power of two of at least 4096`),
      );
    }
    for (const watermark of [0, 4096, Number.NaN]) {
      assert.throws(
        () => openPerfRings(events, 4096, watermark),
        new RangeError(`watermark of ${watermark} bytes, expected 1 to 4095`),
      );
    }
  });
});
