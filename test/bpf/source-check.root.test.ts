import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { constant } from '../../bench/support/datapath-node.ts';
import { ethernet, ETHERTYPE, icmp, ipv4, ipv6, PROTO, tcp, udp, vlanTag } from './support/build-packet.ts';
import { CAST, nodeForFile, VERDICT } from './support/one-node.ts';

const node = nodeForFile();

const from4 = (source: string, protocol: number, l4: Uint8Array): Uint8Array =>
  ethernet(ETHERTYPE.ipv4, ipv4({ protocol, source }, l4));
const from6 = (source: string, next: number, l4: Uint8Array, destination = 'ff02::1'): Uint8Array =>
  ethernet(ETHERTYPE.ipv6, ipv6({ next, source, destination }, l4));

describe('an endpoint speaks from its own address', () => {
  const stolen: readonly (readonly [string, Uint8Array])[] = [
    ["its neighbour's IPv4 address", from4(CAST.neighbour.ipv4, PROTO.tcp, tcp({}))],
    ["its neighbour's IPv6 address", from6(CAST.neighbour.ipv6, PROTO.tcp, tcp({}))],
    ["the node's address", from4(CAST.node.ipv4, PROTO.udp, udp({}))],
    ['an address of the world', from4(CAST.world.ipv4, PROTO.icmp, icmp({ type: 8 }))],
    ['loopback', from4('127.0.0.1', PROTO.tcp, tcp({}))],
    ['no IPv4 address, and it is not DHCP', from4('0.0.0.0', PROTO.udp, udp({ from: 68, to: 68 }))],
    ['no IPv6 address, and it is TCP', from6('::', PROTO.tcp, tcp({}))],
    ['a link-local address, and it is TCP', from6('fe80::1', PROTO.tcp, tcp({}))],
    ['a link-local address, and it is an echo', from6('fe80::1', PROTO.icmpv6, icmp({ type: 128 }))],
    ['an address that only looks link-local', from6('fec0::1', PROTO.icmpv6, icmp({ type: 135 }))],
    [
      "its neighbour's address inside a VLAN",
      ethernet(
        ETHERTYPE.vlan,
        vlanTag(1, ETHERTYPE.ipv4, ipv4({ protocol: PROTO.tcp, source: CAST.neighbour.ipv4 }, tcp({}))),
      ),
    ],
    ['the same prefix but the last bit', from6('fd00::1:1', PROTO.udp, udp({}))],
  ];
  for (const [name, packet] of stolen) {
    it(`and is dropped with ${name}`, () => {
      const { verdict, events } = node.run('from_container', packet);
      assert.equal(verdict, VERDICT.drop);
      assert.equal(events.length, 1);
      const [event] = events;
      assert.equal(event.type, constant('EVENT_TYPE_DROP'));
      assert.equal(event.subType, constant('DROP_INVALID_SOURCE_IP'));
      assert.equal(event.sourceFile, constant('SOURCE_FILE_DATAPATH'));
      assert.ok(event.sourceLine > 0);
      assert.deepEqual(event.source, { identity: CAST.pod.identity, endpointId: CAST.pod.endpointId });
    });
  }

  const proper: readonly (readonly [string, Uint8Array])[] = [
    ['its IPv4 address', from4(CAST.pod.ipv4, PROTO.tcp, tcp({}))],
    ['its IPv6 address', from6(CAST.pod.ipv6, PROTO.tcp, tcp({}))],
    ['no address, asking for one by DHCP', from4('0.0.0.0', PROTO.udp, udp({ from: 68, to: 67 }))],
    [
      'no address, looking for duplicates',
      from6('::', PROTO.icmpv6, icmp({ type: 135 }, new Uint8Array(16))),
    ],
    ['a link-local address, asking for a router', from6('fe80::1', PROTO.icmpv6, icmp({ type: 133 }))],
    ['a link-local address, answering a neighbour', from6('fe80::1', PROTO.icmpv6, icmp({ type: 136 }))],
    ['no address, joining a multicast group', from6('::', PROTO.icmpv6, icmp({ type: 143 }))],
    [
      'a link-local address, asking for one by DHCPv6',
      from6('fe80::1', PROTO.udp, udp({ from: 546, to: 547 })),
    ],
  ];
  for (const [name, packet] of proper) {
    it(`and passes with ${name}`, () => {
      const { verdict, events } = node.run('from_container', packet);
      assert.equal(verdict, VERDICT.pass);
      assert.equal(events[0].type, constant('EVENT_TYPE_TRACE'));
    });
  }

  it('and is told of the theft even if the rest of the packet is broken', () => {
    const broken = from4(CAST.neighbour.ipv4, PROTO.tcp, tcp({ dataOffset: 1 }));
    const { verdict, events } = node.run('from_container', broken);
    assert.equal(verdict, VERDICT.drop);
    assert.equal(events[0].subType, constant('DROP_INVALID_SOURCE_IP'));
  });

  it('and has no say at all before the agent has described its interface', () => {
    const unknown = nodeForFile();
    unknown.datapath.object.map('endpoints').delete(new Uint8Array(Uint32Array.of(1).buffer));
    const { verdict, events } = unknown.run('from_container', from4(CAST.pod.ipv4, PROTO.tcp, tcp({})));
    assert.equal(verdict, VERDICT.drop);
    assert.equal(events[0].subType, constant('DROP_ENDPOINT_NOT_READY'));
  });

  it('while packets towards it and on the device come from anywhere', () => {
    for (const program of ['to_container', 'from_netdev', 'to_netdev'] as const) {
      assert.notEqual(node.run(program, from4(CAST.world.ipv4, PROTO.tcp, tcp({}))).verdict, VERDICT.drop);
    }
  });
});
