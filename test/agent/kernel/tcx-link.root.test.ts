import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { BpfObject } from '../../../agent/kernel/bpf-object.ts';
import { programId } from '../../../agent/kernel/bpf-syscall.ts';
import { preparePinDir, removePinDir } from '../../../agent/kernel/bpffs.ts';
import { attachTcx, detachTcx, queryTcx } from '../../../agent/kernel/tcx-link.ts';
import { BpfObjects } from './support/build-bpf.ts';
import { TestNetns } from './support/test-netns.ts';

const pinDir = '/sys/fs/bpf/kern-tcx';
const pin = `${pinDir}/link`;

describe('attachTcx()', () => {
  const netns = new TestNetns('kern-tcx');
  const objects = new BpfObjects();
  let object: BpfObject;
  let passOne = 0;
  let passTwo = 0;

  before(() => {
    removePinDir(pinDir);
    preparePinDir(pinDir);
    netns.enter();
    object = BpfObject.load({
      path: objects.build(
        'pass',
        `SEC("tc") int one(struct __sk_buff *skb) { return TC_ACT_UNSPEC; }
         SEC("tc") int two(struct __sk_buff *skb) { return TC_ACT_UNSPEC; }`,
      ),
    });
    passOne = object.programFd('one');
    passTwo = object.programFd('two');
  });
  after(() => {
    object.close();
    objects.remove();
    removePinDir(pinDir);
    netns.remove();
  });

  const newLink = (name: string, index?: number): number => {
    netns.ip('link add name', name, ...(index === undefined ? [] : ['index', String(index)]), 'type veth');
    return netns.ifindex(name);
  };

  it('leaves a link that outlives its descriptor, found again by its pin', () => {
    const ifindex = newLink('first');
    assert.equal(attachTcx(passOne, ifindex, 'ingress', pin), 'attached');
    assert.deepEqual(
      queryTcx(ifindex, 'ingress').map((found) => found.programId),
      [programId(passOne)],
    );
    assert.deepEqual(queryTcx(ifindex, 'egress'), [], 'on one side only');
    assert.equal(attachTcx(passOne, ifindex, 'ingress', pin), 'kept');
  });

  it('replaces the program within the same link, so that no packet passes without one', () => {
    const ifindex = netns.ifindex('first');
    const [before] = queryTcx(ifindex, 'ingress');
    assert.equal(attachTcx(passTwo, ifindex, 'ingress', pin), 'replaced');
    assert.deepEqual(queryTcx(ifindex, 'ingress'), [
      { programId: programId(passTwo), linkId: before.linkId },
    ]);
  });

  it('stands beside the programs of others and leaves them alone', () => {
    const ifindex = netns.ifindex('first');
    const foreign = `${pinDir}/foreign`;
    attachTcx(passOne, ifindex, 'ingress', foreign);
    assert.equal(queryTcx(ifindex, 'ingress').length, 2);
    detachTcx(pin);
    assert.deepEqual(
      queryTcx(ifindex, 'ingress').map((found) => found.programId),
      [programId(passOne)],
    );
    detachTcx(foreign);
    assert.deepEqual(queryTcx(ifindex, 'ingress'), []);
    detachTcx(foreign); // does no harm
  });

  it('attaches anew when the pin’s interface is gone and its index another’s', () => {
    const ifindex = newLink('old', 500);
    attachTcx(passOne, ifindex, 'egress', pin);
    netns.ip('link del dev old');
    assert.equal(newLink('young', 500), 500);
    assert.equal(attachTcx(passOne, 500, 'egress', pin), 'attached');
    assert.equal(queryTcx(500, 'egress').length, 1);
    detachTcx(pin);
  });

  it('attaches anew when the pin leads to an interface of that index in another namespace', () => {
    const other = new TestNetns('kern-tcx-other');
    other.ip('link add name twin index 500 type veth');
    other.enter();
    attachTcx(passOne, 500, 'egress', pin);
    netns.enter();
    assert.equal(attachTcx(passOne, 500, 'egress', pin), 'attached');
    assert.equal(queryTcx(500, 'egress').length, 1);
    detachTcx(pin);
    other.remove();
  });

  it('says which interface is not there, and pins nothing', () => {
    assert.throws(() => attachTcx(passOne, 9999, 'ingress', pin), {
      name: 'KernelError',
      kind: 'missing',
      message: 'cannot attach to ingress of interface 9999: ENODEV',
    });
    assert.throws(() => queryTcx(9999, 'ingress'), { kind: 'missing' });
    assert.equal(existsSync(pin), false);
  });

  it('leaves nothing attached when it cannot pin', () => {
    const ifindex = netns.ifindex('first');
    assert.throws(() => attachTcx(passOne, ifindex, 'ingress', `${pinDir}/no/such/dir`), {
      message: `cannot pin the link ${pinDir}/no/such/dir: ENOENT`,
    });
    assert.deepEqual(queryTcx(ifindex, 'ingress'), []);
    assert.deepEqual(readdirSync(pinDir), []);
  });

  it('refuses a pin that is no link', () => {
    const mapPin = `${pinDir}/map`;
    const path = objects.build(
      'map',
      `struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32); } map SEC(".maps");
       SEC("tc") int one(struct __sk_buff *skb) { __u32 k = 0; return bpf_map_lookup_elem(&map, &k) ? 0 : 1; }`,
    );
    BpfObject.load({ path, pinDir }).close();
    assert.throws(() => attachTcx(passOne, netns.ifindex('first'), 'ingress', mapPin), {
      name: 'KernelError',
      message: new RegExp(`${mapPin} is no link`),
    });
    assert.ok(existsSync(mapPin));
  });
});
