import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { BpfMap } from '../../../agent/kernel/bpf-map.ts';
import { BpfObject } from '../../../agent/kernel/bpf-object.ts';
import { runProgram } from '../../../agent/kernel/prog-test-run.ts';
import { BpfObjects } from './support/build-bpf.ts';

const source = `
struct range { __u32 prefix_len; __u32 address; };
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 10000);
  __type(key, __u32);
  __type(value, __u64);
} table SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, __u64);
} tiny SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 100);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct range);
  __type(value, __u64);
} ranges SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, __u32);
} counters SEC(".maps");
SEC("tc") int count(struct __sk_buff *skb)
{
  __u32 key = 1;
  __u32 *value = bpf_map_lookup_elem(&counters, &key);
  if (value)
    (*value)++;
  return 0;
}`;

const key = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const value = (number: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(number));
  return bytes;
};
const keyOf = (bytes: Uint8Array): number => Buffer.from(bytes).readUInt32LE(0);
const valueOf = (bytes: Uint8Array): number => Number(Buffer.from(bytes).readBigUInt64LE(0));
const numbers = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i);

describe('BpfMap', () => {
  const objects = new BpfObjects();
  let object: BpfObject;
  let table: BpfMap;

  before(() => {
    object = BpfObject.load({ path: objects.build('maps', source) });
    table = object.map('table');
  });
  after(() => {
    object.close();
    objects.remove();
  });

  const clear = (): void => {
    for (const found of table.keys()) table.delete(found);
  };

  it('holds, replaces and loses single entries', () => {
    assert.equal(table.lookup(key(1)), null);
    table.update(key(1), value(10));
    table.update(key(1), value(11));
    assert.equal(valueOf(table.lookup(key(1))!), 11);
    assert.equal(table.delete(key(1)), true);
    assert.equal(table.delete(key(1)), false);
  });

  it('refuses keys and values of another size before the kernel reads beyond them', () => {
    const small = Buffer.alloc(3);
    assert.throws(
      () => table.update(small, value(1)),
      new RangeError('map table: key of 3 bytes, expected 4'),
    );
    assert.throws(
      () => table.update(key(1), small),
      new RangeError('map table: value of 3 bytes, expected 8'),
    );
    assert.throws(() => table.lookup(small), RangeError);
    assert.throws(() => table.delete(small), RangeError);
    assert.throws(
      () => table.updateBatch(key(1), value(1), 2),
      new RangeError('map table: keys of 4 bytes, expected 8'),
    );
    assert.throws(() => table.deleteBatch(key(1), 2), RangeError);
  });

  it('writes, walks and deletes more than one batch holds', () => {
    const all = numbers(9_000);
    table.updateBatch(Buffer.concat(all.map(key)), Buffer.concat(all.map((i) => value(i * 2))), all.length);
    const entries = table.entries();
    assert.equal(entries.length, all.length);
    assert.ok(entries.every(([k, v]) => valueOf(v) === keyOf(k) * 2));
    assert.equal(new Set(entries.map(([k]) => keyOf(k))).size, all.length);
    assert.deepEqual(
      table
        .keys()
        .map(keyOf)
        .sort((a, b) => a - b),
      all,
    );
    table.deleteBatch(Buffer.concat(all.map(key)), all.length);
    assert.deepEqual(table.entries(), []);
  });

  it('passes over keys that are not there when it deletes many', () => {
    for (const i of numbers(10)) table.update(key(i), value(i));
    const wanted = [100, 1, 2, 101, 102, 3, 103];
    table.deleteBatch(Buffer.concat(wanted.map(key)), wanted.length);
    assert.deepEqual(
      table
        .keys()
        .map(keyOf)
        .sort((a, b) => a - b),
      [0, 4, 5, 6, 7, 8, 9],
    );
    clear();
  });

  it('says when it is full', () => {
    const tiny = object.map('tiny');
    const all = numbers(4);
    tiny.updateBatch(Buffer.concat(all.map(key)), Buffer.concat(all.map(value)), 4);
    const full = { name: 'KernelError', kind: 'full' };
    assert.throws(() => tiny.update(key(9), value(9)), {
      ...full,
      message: 'map tiny: update: E2BIG; the map is full',
    });
    assert.throws(() => tiny.updateBatch(key(9), value(9), 1), {
      ...full,
      message: 'map tiny: update of 1 entries: E2BIG; the map is full',
    });
  });

  it('walks tries of ranges too', () => {
    const ranges = object.map('ranges');
    const range = (bits: number, first: number): Buffer =>
      Buffer.concat([key(bits), Buffer.of(first, 0, 0, 0)]);
    ranges.update(range(8, 10), value(1));
    ranges.update(range(16, 10), value(2));
    assert.equal(
      valueOf(ranges.lookup(Buffer.concat([key(32), Buffer.of(10, 0, 0, 7)]))!),
      2,
      'the longest wins',
    );
    assert.deepEqual(
      ranges
        .entries()
        .map(([k, v]) => [keyOf(k), valueOf(v)])
        .sort(([a], [b]) => a - b),
      [
        [8, 1],
        [16, 2],
      ],
    );
  });

  it('gives the values of all CPUs of a per-CPU map, eight bytes apart', () => {
    const counters = object.map('counters');
    runProgram(object.programFd('count'), { packet: Buffer.alloc(64), repeat: 5 });
    const values = Buffer.from(counters.lookup(key(1))!);
    assert.equal(values.length % 8, 0);
    const sum = numbers(values.length / 8).reduce((total, cpu) => total + values.readUInt32LE(cpu * 8), 0);
    assert.equal(sum, 5);
  });
});
