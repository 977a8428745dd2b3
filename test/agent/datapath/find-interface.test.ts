import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InterfaceFinder, type PeerAddresses } from '../../../agent/datapath/find-interface.ts';
import type { Link, Route } from '../../../agent/kernel/netlink-message.ts';
import { parseIp } from '../../../proto/flow/ip.ts';

const ip = (text: string): Uint8Array => parseIp(text)!;
const never: PeerAddresses = () => assert.fail('asked a peer for its addresses');

function link(index: number, more: Partial<Link> = {}): Link {
  return {
    index,
    name: `veth${index}`,
    mac: Uint8Array.of(2, 0, 0, 0, 0, index),
    isLoopback: false,
    hasL2: true,
    isUp: true,
    mtu: 1500,
    kind: 'veth',
    masterIndex: 0,
    peer: { index: 2, netnsId: index },
    ...more,
  };
}

function route(destination: string, linkIndex: number, more: Partial<Route> = {}): Route {
  const bytes = ip(destination);
  return {
    destination: bytes,
    prefixLength: bytes.length * 8,
    isIpv6: bytes.length === 16,
    linkIndex,
    viaGateway: false,
    ...more,
  };
}

const finder = (links: readonly Link[], routes: readonly Route[], peers = never): InterfaceFinder =>
  new InterfaceFinder({ links, routes, addresses: [] }, peers);
const at = (index: number): { ifindex: number; linkName: string; hostMac: Uint8Array } => {
  const { name, mac } = link(index);
  return { ifindex: index, linkName: name, hostMac: mac };
};

describe('InterfaceFinder', () => {
  it('goes by the route to the address alone, of either family', () => {
    const found = finder([link(5), link(6)], [route('10.0.0.1', 5), route('fd00::2', 6)]);
    assert.equal(found.find([ip('10.0.0.1')], undefined)?.link.index, 5);
    assert.equal(found.find([ip('10.0.0.2'), ip('fd00::2')], undefined)?.link.index, 6);
    assert.equal(found.find([ip('10.0.0.2')], undefined), null);
  });

  it('does not follow routes through a gateway, to a range, over loopback or over what is gone', () => {
    const routes = [
      route('10.0.0.1', 5, { viaGateway: true }),
      route('10.0.0.0', 5, { prefixLength: 24 }),
      route('10.0.0.2', 1),
      route('10.0.0.3', 99),
    ];
    const found = finder([link(5), link(1, { isLoopback: true })], routes);
    for (const address of ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3'])
      assert.equal(found.find([ip(address)], undefined), null, address);
  });

  it('keeps the interface whose routes went away, but not one that only has its index', () => {
    const pod = [ip('10.0.0.1')];
    assert.deepEqual(finder([link(5)], []).find(pod, at(5)), { link: link(5), by: 'kept' });
    assert.equal(finder([link(5, { name: 'other' })], []).find(pod, at(5)), null);
    assert.equal(finder([link(5, { mac: Uint8Array.of(1, 2, 3, 4, 5, 6) })], []).find(pod, at(5)), null);
    assert.equal(finder([], []).find(pod, at(5)), null);
  });

  it('prefers a new route to the interface it had', () => {
    const found = finder([link(5), link(6)], [route('10.0.0.1', 6)]).find([ip('10.0.0.1')], at(5));
    assert.equal(found?.link.index, 6);
  });

  describe('with pods on a bridge', () => {
    const bridge = link(3, { kind: 'bridge', peer: null, name: 'cni0' });
    const port = (index: number): Link => link(index, { masterIndex: 3 });
    const peers =
      (addresses: Readonly<Record<number, string>>): PeerAddresses =>
      ({ netnsId, index }) => [
        { linkIndex: index, address: ip(addresses[netnsId]) },
        { linkIndex: 1, address: ip('127.0.0.1') },
      ];

    it('asks the other ends of its ports', () => {
      const found = finder([bridge, port(5), port(6)], [], peers({ 5: '10.0.0.1', 6: '10.0.0.2' }));
      assert.deepEqual(found.find([ip('10.0.0.2')], undefined), { link: port(6), by: 'bridge' });
      assert.equal(found.find([ip('10.0.0.9')], undefined), null);
      assert.equal(
        found.find([ip('127.0.0.1')], undefined),
        null,
        'an address of another interface of the pod',
      );
    });

    it('asks no veth that is not on a bridge, since any pod may take any address', () => {
      assert.equal(finder([bridge, link(5)], []).find([ip('10.0.0.1')], undefined), null);
    });

    it('believes neither of two that say they have the address', () => {
      const found = finder([bridge, port(5), port(6)], [], peers({ 5: '10.0.0.1', 6: '10.0.0.1' }));
      assert.equal(found.find([ip('10.0.0.1')], undefined), null);
    });

    it('asks nobody when routes tell', () => {
      const found = finder([bridge, port(5)], [route('10.0.0.1', 5)]);
      assert.equal(found.find([ip('10.0.0.1')], undefined)?.by, 'route');
    });
  });
});
