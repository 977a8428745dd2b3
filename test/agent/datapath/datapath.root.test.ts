import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { followed, LocalDatapath } from './support/local-datapath.ts';
import { pod } from './support/pod.ts';
import { PodNetwork } from './support/pod-network.ts';

const a = { ipv4: '10.5.0.2', ipv6: 'fd05:1::2' };
const b = { ipv4: '10.5.0.3', ipv6: 'fd05:1::3' };
const podA = pod('a', [a.ipv4, a.ipv6], 1001);
const podB = pod('b', [b.ipv4, b.ipv6], 1002);

describe('the datapath of a node', () => {
  let network: PodNetwork;
  let local: LocalDatapath;

  before(() => {
    network = new PodNetwork('follow');
    network.addPod('a', a);
    local = new LocalDatapath(network);
    local.start(podA);
  });
  after(() => {
    local.close(true);
    network.remove();
  });

  it('serves the pods that are there, and the device', () => {
    assert.deepEqual(local.served, ['a on a']);
    assert.deepEqual(local.problems, []);
    for (const name of ['a', 'dev0']) {
      for (const direction of ['ingress', 'egress'] as const)
        assert.equal(network.attachedTo(name, direction), 1, `${direction} of ${name}`);
    }
  });

  it('lets pods speak to the node, to the outside and to each other, over IPv4 and IPv6', async () => {
    network.addPod('b', b);
    local.apply({ kind: 'endpoint-upsert', endpoint: podB });
    await followed('pod b is served', () => local.served.includes('b on b'));
    for (const address of ['192.168.5.1', '192.168.5.2', 'fd05::1', b.ipv4, b.ipv6])
      assert.ok(network.ping(network.pod('a'), address), `a to ${address}`);
  });

  it('follows a pod whose interface comes after the cluster told of it', async () => {
    const late = { ipv4: '10.5.0.4' };
    local.apply({ kind: 'endpoint-upsert', endpoint: pod('late', [late.ipv4], 1003) });
    await followed('the lack is told', () => local.problems.some(({ where }) => where === 'pod shop/late'));
    network.addPod('late', late);
    await followed('it is served', () => local.served.includes('late on late'));
    assert.deepEqual(local.problems, []);
    assert.equal(network.attachedTo('late', 'ingress'), 1);
  });

  it('lets go of a pod that the cluster does not know any more, interface or not', async () => {
    const id = local.idOf('late');
    local.apply({ kind: 'endpoint-delete', endpoint: pod('late', ['10.5.0.4'], 1003) });
    await followed('it is let go', () => !local.served.includes('late on late'));
    assert.equal(network.attachedTo('late', 'ingress'), 0);
    assert.equal(network.attachedTo('late', 'egress'), 0);
    assert.equal(local.detached.at(-1)?.id, id);
    assert.ok(network.ping(network.pod('late'), '192.168.5.1'), 'its packets pass unseen');
    network.removePod('late');
  });

  it('keeps a pod whose interface goes down, which takes its routes away, and comes up again', async () => {
    const { ifindex, id } = local.datapath.endpoints.find(({ pod }) => pod.podName === 'a')!;
    network.ip('link set dev a down');
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(local.ifindexOf('a'), ifindex);
    assert.equal(network.attachedTo('a', 'ingress'), 1);
    network.ip('link set dev a up');
    network.routePod('a', { ipv4: a.ipv4 });
    network.ip(`route replace ${a.ipv6}/128 dev a`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(network.attachedTo('a', 'ingress'), 1, 'not attached twice');
    assert.equal(local.idOf('a'), id);
    assert.ok(network.ping(network.pod('a'), '192.168.5.2'));
    assert.ok(network.ping(network.pod('b'), a.ipv4), 'past the stack too');
  });

  it('follows a pod whose interface is deleted and made again, under the same number', async () => {
    const id = local.idOf('a');
    const old = local.ifindexOf('a');
    network.unplug('a');
    network.plug('a', a);
    await followed('the new interface is served', () => local.ifindexOf('a') === network.ifindex('a'));
    assert.notEqual(local.ifindexOf('a'), old);
    assert.equal(local.idOf('a'), id);
    assert.equal(network.attachedTo('a', 'ingress'), 1);
    assert.equal(
      network.pins('links').some((name) => name.startsWith(`link_${old}_`)),
      false,
    );
    assert.ok(network.ping(network.pod('a'), b.ipv4));
    assert.ok(network.ping(network.pod('b'), a.ipv6));
  });

  it('is not deceived by an index that was given to another interface', async () => {
    const [indexA, indexB] = [local.ifindexOf('a'), local.ifindexOf('b')];
    network.unplug('a');
    network.unplug('b');
    network.plug('a', a, { index: indexB });
    network.plug('b', b, { index: indexA });
    await followed(
      'both are served where they are now',
      () => local.ifindexOf('a') === indexB && local.ifindexOf('b') === indexA,
      () => local.served,
    );
    for (const name of ['a', 'b']) assert.equal(network.attachedTo(name, 'ingress'), 1);
    assert.equal(network.pins('links').length, 6);
    assert.ok(network.ping(network.pod('a'), b.ipv4));
    assert.ok(network.ping(network.pod('b'), a.ipv6));
  });

  it('serves a crowd of newcomers bit by bit, and keeps those it serves meanwhile', async () => {
    const crowd = Array.from({ length: 24 }, (_, i) => ({ name: `crowd${i}`, ipv4: `10.5.7.${i + 1}` }));
    for (const { name, ipv4 } of crowd) {
      network.ip(`link add name ${name} type veth peer name far-${name}`);
      network.ip(`link set dev ${name} up`);
      network.routePod(name, { ipv4 });
    }
    local.apply(
      ...crowd.map(({ name, ipv4 }, i) => ({
        kind: 'endpoint-upsert' as const,
        endpoint: pod(name, [ipv4], 2000 + i),
      })),
    );
    await followed(
      'all are served',
      () => {
        assert.ok(local.served.includes('a on a') && local.served.includes('b on b'));
        return local.served.length === 2 + crowd.length;
      },
      () => local.served,
    );
    for (const { name } of crowd) assert.equal(network.attachedTo(name, 'egress'), 1);
    assert.equal(local.attached.filter(({ pod }) => pod.podName.startsWith('crowd')).length, crowd.length);
    assert.deepEqual(local.problems, []);
  });
});
