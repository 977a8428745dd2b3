import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { encodeAddressKey, layouts } from '../../../agent/datapath/map-layout.ts';
import { queryTcx } from '../../../agent/kernel/tcx-link.ts';
import { parseIp } from '../../../proto/flow/ip.ts';
import { followed, LocalDatapath } from './support/local-datapath.ts';
import { PodNetwork } from './support/pod-network.ts';
import { pod } from './support/pod.ts';

const a = { ipv4: '10.5.0.2', ipv6: 'fd05:1::2' };
const b = { ipv4: '10.5.0.3' };
const podA = pod('a', [a.ipv4, a.ipv6], 1001);

describe('a node whose network changes', () => {
  let network: PodNetwork;
  let local: LocalDatapath;

  before(() => {
    network = new PodNetwork('change');
    network.addPod('a', a);
    local = new LocalDatapath(network);
    local.start(podA);
  });
  after(() => {
    local.close(true);
    network.remove();
  });

  const programOn = (name: string): number | undefined =>
    queryTcx(network.ifindex(name), 'ingress')[0]?.programId;
  const attachments = (podName: string): number =>
    local.attached.filter(({ pod }) => pod.podName === podName).length;
  const podMac = (): string => {
    const value = local.lookup('local_addresses', a.ipv4)!;
    const start = layouts.local_address.pod_mac;
    return value
      .subarray(start, start + 6)
      .toString('hex')
      .replace(/..(?=.)/g, '$&:');
  };

  it('knows its own addresses, those that come and those that go', async () => {
    for (const address of ['192.168.5.1', 'fd05::1']) {
      const value = local.lookup('local_addresses', address);
      assert.equal(value?.readUInt32LE(layouts.local_address.identity), 1, address);
      assert.equal(value.readUInt32LE(layouts.local_address.ifindex), 0);
    }
    assert.equal(local.lookup('local_addresses', '127.0.0.1'), null);
    network.ip('addr add 192.168.6.1/32 dev lo');
    await followed('a new address', () => local.lookup('local_addresses', '192.168.6.1') !== null);
    network.ip('addr del 192.168.6.1/32 dev lo');
    await followed('it is gone', () => local.lookup('local_addresses', '192.168.6.1') === null);
  });

  it('knows the address of a pod’s interface, a new one after the next look', async () => {
    assert.equal(podMac(), network.macOf(network.pod('a'), 'eth0'));
    network.ipOf(network.pod('a'), 'link set dev eth0 address 02:00:00:00:aa:bb');
    // Inside the pod's namespace: nobody here is told. Anything makes the datapath look.
    network.ip('addr add 192.168.6.1/32 dev lo');
    await followed('the new one', () => podMac() === '02:00:00:00:aa:bb', podMac);
    network.ip('addr del 192.168.6.1/32 dev lo');
  });

  it('leaves packets to a pod whose interface’s address is not known to the kernel’s stack', async () => {
    network.addPod('b', b);
    local.apply({ kind: 'endpoint-upsert', endpoint: pod('b', [b.ipv4], 1002) });
    await followed('pod b is served', () => local.served.includes('b on b'));
    const map = local.datapath.object.map('local_addresses');
    const key = encodeAddressKey(parseIp(a.ipv4)!);
    const known = map.lookup(key)!;
    const unknown = Uint8Array.from(known).fill(
      0,
      layouts.local_address.pod_mac,
      layouts.local_address.host_mac,
    );
    const redirected = (): number => local.counter('COUNTER_PACKETS_REDIRECTED');
    const before = redirected();
    assert.ok(network.ping(network.pod('b'), a.ipv4));
    assert.equal(redirected(), before + 2, 'request and answer');
    map.update(key, unknown);
    assert.ok(network.ping(network.pod('b'), a.ipv4), 'which finds it');
    map.update(key, known);
    local.apply({ kind: 'endpoint-delete', endpoint: pod('b', [b.ipv4], 1002) });
    await followed('pod b is let go', () => !local.served.includes('b on b'));
    network.removePod('b');
  });

  it('gives a pod another identity in all maps at once', async () => {
    local.apply({ kind: 'endpoint-upsert', endpoint: { ...podA, identity: 1111 }, old: podA });
    const identity = (): number | undefined =>
      local.lookup('local_addresses', a.ipv6)?.readUInt32LE(layouts.local_address.identity);
    assert.equal(local.lookup('ipcache', a.ipv6)?.readUInt32LE(layouts.ipcache_info.identity), 1111);
    await followed('the endpoint’s own', () => identity() === 1111, identity);
    assert.equal(attachments('a'), 1, 'which is no new attachment');
  });

  it('keeps a pod whose interface is renamed', async () => {
    network.ip('link set dev a down');
    network.ip('link set dev a name cali0');
    network.ip('link set dev cali0 up');
    network.ip(`route replace ${a.ipv4}/32 dev cali0`);
    await followed(
      'under its new name',
      () => local.served.includes('a on cali0'),
      () => local.served,
    );
    assert.equal(network.attachedTo('cali0', 'ingress'), 1);
    assert.equal(attachments('a'), 1);
    assert.deepEqual(
      network.pins('links').filter((name) => name.includes('_a_')),
      [],
    );
    network.ip('link set dev cali0 down');
    network.ip('link set dev cali0 name a');
    network.ip('link set dev a up');
    network.routePod('a', { ipv4: a.ipv4 });
    network.ip(`route replace ${a.ipv6}/128 dev a`);
    await followed('and back', () => local.served.includes('a on a'));
  });

  it('goes on when its device is deleted and made again, with programs that know the new one', async () => {
    const before = programOn('a');
    network.ip('link del dev dev0');
    await followed('the lack is told', () => local.problems.some(({ where }) => where === 'device dev0'));
    assert.deepEqual(local.problems, [
      { where: 'device dev0', message: 'no such interface: traffic with other nodes is not seen' },
    ]);
    network.addDevice();
    await followed('it is taken up', () => network.attachedTo('dev0', 'ingress') === 1);
    await followed('the pod’s programs are exchanged', () => programOn('a') !== before);
    assert.equal(network.attachedTo('dev0', 'egress'), 1);
    assert.equal(network.attachedTo('a', 'ingress'), 1);
    assert.deepEqual(local.problems, []);
    assert.ok(network.ping(network.pod('a'), '192.168.5.2'));
  });

  it('goes on when its device goes down and up', async () => {
    network.ip('link set dev dev0 down');
    await new Promise((resolve) => setTimeout(resolve, 100));
    network.ip('link set dev dev0 up');
    network.ip('route replace default via 192.168.5.2');
    assert.ok(network.ping(network.pod('a'), '192.168.5.2'));
    assert.equal(network.attachedTo('dev0', 'ingress'), 1);
  });

  it('serves pods on a bridge, to which no single route leads', async () => {
    network.ip('link add name cni0 type bridge');
    network.ip('addr add 10.5.1.1/24 dev cni0');
    network.ip('link set dev cni0 up');
    network.addPod('x', { ipv4: '10.5.1.2' }, { routed: false });
    network.ip('link set dev x master cni0');
    local.apply({ kind: 'endpoint-upsert', endpoint: pod('x', ['10.5.1.2'], 1005) });
    await followed(
      'it is served',
      () => local.served.includes('x on x'),
      () => local.problems,
    );
    assert.equal(network.attachedTo('x', 'egress'), 1);
  });

  it('tells a pod that has no interface of its own', async () => {
    network.ip(`route add ${b.ipv4}/32 dev a`);
    local.apply({ kind: 'endpoint-upsert', endpoint: pod('b', [b.ipv4], 1002) });
    await followed('it is told', () => local.problems.length > 0);
    assert.deepEqual(local.problems, [
      {
        where: 'pod shop/b',
        message: "interface a is that of pod shop/a: its traffic is told as that pod's",
      },
    ]);
    local.apply({ kind: 'endpoint-delete', endpoint: pod('b', [b.ipv4], 1002) });
    await followed('and forgotten', () => local.problems.length === 0);
  });

  it('takes no pod of another node or cluster for its own', async () => {
    const count = local.datapath.endpoints.length;
    network.addPod('far', { ipv4: '10.5.0.9' });
    local.apply(
      { kind: 'endpoint-upsert', endpoint: pod('far', ['10.5.0.9'], 1009, { nodeName: 'n2' }) },
      { kind: 'endpoint-upsert', endpoint: pod('far', ['10.5.0.9'], 2009, { cluster: 'west' }) },
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(local.datapath.endpoints.length, count);
    assert.equal(network.attachedTo('far', 'ingress'), 0);
  });
});

describe('a node whose device comes later than the agent', () => {
  let network: PodNetwork;

  before(() => {
    network = new PodNetwork('late-device');
  });
  after(() => network.remove());

  it('is told, and mended', async () => {
    network.ip('link del dev dev0');
    const local = new LocalDatapath(network);
    local.start();
    assert.equal(local.problems.length, 1);
    network.addDevice();
    await followed(
      'it is taken up',
      () => local.problems.length === 0 && network.attachedTo('dev0', 'egress') === 1,
    );
    local.close(true);
  });
});
