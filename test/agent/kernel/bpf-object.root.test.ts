import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { BpfObject } from '../../../agent/kernel/bpf-object.ts';
import { preparePinDir, removePinDir } from '../../../agent/kernel/bpffs.ts';
import { KernelError } from '../../../agent/kernel/kernel-error.ts';
import { runProgram } from '../../../agent/kernel/prog-test-run.ts';
import { BpfObjects } from './support/build-bpf.ts';

const pinDir = '/sys/fs/bpf/kern-object';
const packet = Buffer.alloc(64);

const counting = (entries: number): string => `
const volatile struct { __u32 verdict; __u32 mark; } constants = {};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, ${entries});
  __type(key, __u32);
  __type(value, __u64);
} runs SEC(".maps");
SEC("tc") int count(struct __sk_buff *skb)
{
  __u32 key = 0;
  __u64 *runs_seen = bpf_map_lookup_elem(&runs, &key);
  if (runs_seen)
    (*runs_seen)++;
  skb->mark = constants.mark;
  return constants.verdict;
}`;

const outOfBounds = `
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} left SEC(".maps");
SEC("tc") int careless(struct __sk_buff *skb)
{
  __u32 key = 0;
  __u32 *value = bpf_map_lookup_elem(&left, &key);
  return *value;
}`;

describe('BpfObject', () => {
  const objects = new BpfObjects();
  let path = '';

  before(() => {
    removePinDir(pinDir);
    preparePinDir(pinDir);
    path = objects.build('counting', counting(4));
  });
  after(() => {
    removePinDir(pinDir);
    objects.remove();
  });

  const load = (file: string, more: Partial<Parameters<typeof BpfObject.load>[0]> = {}): BpfObject =>
    BpfObject.load({ path: file, pinDir, ...more });
  const runs = (object: BpfObject): number =>
    Number(Buffer.from(object.map('runs').lookup(Buffer.alloc(4))!).readBigUInt64LE());
  const failure = (work: () => unknown): KernelError => {
    try {
      work();
    } catch (error) {
      if (error instanceof KernelError) return error;
      throw error;
    }
    return assert.fail('nothing was thrown');
  };

  it('makes its constants known to the program', () => {
    const rodata = Buffer.alloc(8);
    rodata.writeUInt32LE(2, 0);
    rodata.writeUInt32LE(0x77, 4);
    const object = load(path, { rodata });
    const result = runProgram(object.programFd('count'), { packet });
    assert.deepEqual([result.verdict, result.mark], [2, 0x77]);
    object.close();
  });

  it('takes up pinned maps with what is in them', () => {
    const first = load(path);
    const before = runs(first);
    runProgram(first.programFd('count'), { packet, repeat: 3 });
    first.close();
    const second = load(path);
    assert.equal(runs(second), before + 3);
    second.close();
    assert.deepEqual(readdirSync(pinDir), ['runs'], 'constants are not pinned: they are the program’s own');
  });

  it('says which pinned map does not fit, and what to do', () => {
    const other = objects.build('other', counting(9));
    const error = failure(() => load(other));
    assert.equal(error.kind, 'exists');
    assert.equal(
      error.message,
      `pinned map ${pinDir}/runs has another type or size than in ${other}; stop what uses it, then remove ${pinDir}`,
    );
    const resized = load(other, { maxEntries: { runs: 4 } });
    assert.ok(runs(resized) >= 0, 'the size that was asked for decides');
    resized.close();
  });

  it('shows the end of the verifier’s log, keeps all of it, and leaves no pin behind', () => {
    const careless = objects.build('careless', outOfBounds);
    const error = failure(() => load(careless));
    assert.equal(error.kind, 'verifier');
    assert.match(error.message, /^the kernel's verifier refused careless of .*careless\.bpf\.o:\n/);
    assert.match(error.message, /invalid mem access 'map_value_or_null'/);
    assert.ok(error.message.split('\n').length <= 13, 'short');
    assert.match(error.detail, /BEGIN PROG LOAD LOG[^]*0: \(/);
    assert.deepEqual(readdirSync(pinDir), ['runs']);
  });

  it('says what is not there', () => {
    assert.equal(
      failure(() => load('/nowhere.o')).message,
      'no BPF object at /nowhere.o; build it with: npm run build:bpf',
    );
    const object = load(path);
    assert.equal(failure(() => object.map('walks')).message, `no map "walks" in ${path}`);
    assert.equal(failure(() => object.programFd('walk')).message, `no program "walk" in ${path}`);
    object.close();
    assert.equal(
      failure(() => load(path, { maxEntries: { walks: 1 } })).message,
      `no map "walks" in ${path}`,
    );
  });

  it('refuses constants of another size', () => {
    assert.throws(
      () => load(path, { rodata: Buffer.alloc(4) }),
      new RangeError(`constants of 4 bytes for ${path}, whose section .rodata has 8`),
    );
  });

  it('refuses a file that is no object', () => {
    const error = failure(() => load(import.meta.filename));
    assert.match(error.message, /^cannot open BPF object .*bpf-object\.root\.test\.ts: /);
  });

  it('removes all pins of a directory, and only there', () => {
    mkdirSync(`${pinDir}/below`);
    load(path, { pinDir: `${pinDir}/below` }).close();
    assert.equal(removePinDir(pinDir), 2);
    assert.equal(removePinDir(pinDir), 0, 'which does no harm twice');
    preparePinDir(pinDir);
    for (const dir of ['/sys/fs/bpf', '/sys/fs/bpf/', '/tmp/x', '/sys/fs/bpf/../fs', '/sys/fs/bpf/a.b']) {
      assert.throws(() => removePinDir(dir), { name: 'KernelError', kind: 'invalid' }, dir);
    }
  });
});

describe('runProgram()', () => {
  const objects = new BpfObjects();
  after(() => objects.remove());

  it('hands over packet, mark and interface, and gives back what the program made of them', () => {
    const path = objects.build(
      'rewrite',
      `SEC("tc") int rewrite(struct __sk_buff *skb)
       {
         __u8 value = 0xee;
         bpf_skb_store_bytes(skb, 20, &value, 1, 0);
         skb->mark = skb->mark + skb->ifindex;
         return TC_ACT_SHOT;
       }`,
    );
    const object = BpfObject.load({ path });
    const input = Buffer.from(Array.from({ length: 60 }, (_, i) => i));
    const result = runProgram(object.programFd('rewrite'), {
      packet: input,
      mark: 100,
      ifindex: 1,
      repeat: 1,
    });
    assert.deepEqual([result.verdict, result.mark], [2, 101]);
    const expected = Buffer.from(input);
    expected[20] = 0xee;
    assert.deepEqual(Buffer.from(result.packet), expected);
    assert.equal(input[20], 20, 'its own input is left alone');
    assert.throws(() => runProgram(object.programFd('rewrite'), { packet: Buffer.alloc(3) }), {
      message: 'test run on a packet of 3 bytes: EINVAL',
    });
    object.close();
  });
});
