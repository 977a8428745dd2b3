import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { constant } from '../../bench/support/datapath-node.ts';
import * as build from './support/build-packet.ts';
import { kinds } from './support/packet-kinds.ts';
import { readPacket, testRunRefuses } from './support/read-packet.ts';
import { CAST, nodeForFile, VERDICT } from './support/one-node.ts';

const node = nodeForFile();
const { ethernet, ETHERTYPE, ipv4, PROTO, tcp } = build;

describe('packets of each kind, from an endpoint', () => {
  for (const [name, packet] of Object.entries(kinds)) {
    it(`reads ${name}`, () => {
      const reading = readPacket(packet);
      assert.equal(reading.kind, 'ip');
      const { events } = node.run('from_container', packet);
      const [event] = events;
      assert.equal(event.type, constant('EVENT_TYPE_TRACE'));
      assert.equal(event.subType, constant('TRACE_FROM_ENDPOINT'));
      assert.deepEqual(
        {
          protocol: event.protocol,
          l3Offset: event.l3Offset,
          l4Offset: event.l4Offset,
          captured: event.captured.length,
          packetLength: event.packetLength,
          flags: event.flags,
        },
        {
          protocol: reading.protocol,
          l3Offset: reading.l3Offset,
          l4Offset: reading.l4Offset,
          captured: reading.headerEnd,
          packetLength: packet.length,
          flags:
            (reading.ipv6 ? constant('EVENT_FLAG_IPV6') : 0) |
            (reading.vlan ? constant('EVENT_FLAG_VLAN') : 0) |
            (reading.fragment === 'later' ? constant('EVENT_FLAG_FRAGMENT') : 0),
        },
      );
      assert.deepEqual(Buffer.from(event.captured), Buffer.from(packet.subarray(0, reading.headerEnd)));
    });
  }

  for (const [name, packet] of [
    ['ARP', ethernet(ETHERTYPE.arp, build.arpRequest())],
    ['LLDP', ethernet(ETHERTYPE.lldp, new Uint8Array(40))],
    ['an 802.3 frame with a length', ethernet(0x0100, new Uint8Array(46))],
    ['ARP in a VLAN', ethernet(ETHERTYPE.vlan, build.vlanTag(5, ETHERTYPE.arp, build.arpRequest()))],
  ] as const) {
    it(`lets ${name} pass without a word at every hook`, () => {
      for (const program of ['from_container', 'to_container', 'from_netdev', 'to_netdev'] as const) {
        assert.deepEqual(
          { ...node.run(program, packet), packet: null },
          { verdict: VERDICT.pass, mark: 0, events: [], packet: null },
        );
      }
    });
  }
});

describe('packets that cannot be read', () => {
  const tcp4 = (header: Partial<build.Ipv4Options>, l4 = tcp({})): Uint8Array =>
    ethernet(ETHERTYPE.ipv4, ipv4({ protocol: PROTO.tcp, ...header }, l4));
  const ip6 = (next: number, payload: Uint8Array): Uint8Array =>
    ethernet(ETHERTYPE.ipv6, build.ipv6({ next }, payload));
  const destinationOptions = (count: number): Uint8Array =>
    count === 0
      ? tcp({})
      : build.ipv6Extension(count === 1 ? PROTO.tcp : PROTO.destination, destinationOptions(count - 1));

  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['IPv4 of version 5', tcp4({ version: 5 }), 'DROP_INVALID_PACKET'],
    ['IPv4 with a header of four words', tcp4({ headerWords: 4 }), 'DROP_INVALID_PACKET'],
    ['IPv4 shorter than its header', tcp4({ totalLength: 19 }), 'DROP_INVALID_PACKET'],
    ['IPv4 longer than the frame', tcp4({ totalLength: 41 }), 'DROP_INVALID_PACKET'],
    ['IPv4 with options beyond its end', tcp4({ headerWords: 15, totalLength: 40 }), 'DROP_INVALID_PACKET'],
    [
      'IPv6 of version 4',
      ethernet(ETHERTYPE.ipv6, build.ipv6({ next: PROTO.tcp, version: 4 }, tcp({}))),
      'DROP_INVALID_PACKET',
    ],
    [
      'IPv6 longer than the frame',
      ethernet(ETHERTYPE.ipv6, build.ipv6({ next: PROTO.tcp, payloadLength: 21 }, tcp({}))),
      'DROP_INVALID_PACKET',
    ],
    [
      'TCP that ends inside its header, in the padding of the frame',
      tcp4({ totalLength: 39 }),
      'DROP_CT_INVALID_HEADER',
    ],
    ['TCP with a data offset of four words', tcp4({}, tcp({ dataOffset: 4 })), 'DROP_CT_INVALID_HEADER'],
    ['TCP with a data offset beyond the packet', tcp4({}, tcp({ dataOffset: 6 })), 'DROP_CT_INVALID_HEADER'],
    [
      'UDP shorter than its header',
      ethernet(ETHERTYPE.ipv4, ipv4({ protocol: PROTO.udp }, build.udp({ length: 7 }))),
      'DROP_CT_INVALID_HEADER',
    ],
    [
      'UDP longer than the packet',
      ethernet(ETHERTYPE.ipv4, ipv4({ protocol: PROTO.udp }, build.udp({ length: 13 }))),
      'DROP_CT_INVALID_HEADER',
    ],
    ['a TCP fragment that would overwrite flags', tcp4({ fragmentOffset: 1 }), 'DROP_INVALID_PACKET'],
    [
      'a hop-by-hop header that is not the first',
      ip6(PROTO.destination, build.ipv6Extension(PROTO.hopByHop, build.ipv6Extension(PROTO.tcp, tcp({})))),
      'DROP_INVALID_IPV6_EXT',
    ],
    [
      'two fragment headers',
      ip6(
        PROTO.fragment,
        build.ipv6Fragment(
          { next: PROTO.fragment, more: true },
          build.ipv6Fragment({ next: PROTO.tcp, more: true }, tcp({})),
        ),
      ),
      'DROP_INVALID_IPV6_EXT',
    ],
    ['nine extension headers', ip6(PROTO.destination, destinationOptions(9)), 'DROP_INVALID_IPV6_EXT'],
    [
      'an extension header longer than the packet',
      ip6(PROTO.destination, build.ipv6Extension(PROTO.tcp, tcp({}), 3).subarray(0, 30)),
      'DROP_INVALID_IPV6_EXT',
    ],
    [
      'three VLAN tags',
      ethernet(
        ETHERTYPE.qinq,
        build.vlanTag(
          1,
          ETHERTYPE.vlan,
          build.vlanTag(
            2,
            ETHERTYPE.vlan,
            build.vlanTag(3, ETHERTYPE.ipv4, ipv4({ protocol: PROTO.tcp }, tcp({}))),
          ),
        ),
      ),
      'DROP_UNSUPPORTED_L3',
    ],
  ];

  for (const [name, packet, reason] of cases) {
    it(`drops ${name} at every hook as ${reason}`, () => {
      for (const program of ['from_container', 'to_container', 'from_netdev', 'to_netdev'] as const) {
        const { verdict, events } = node.run(program, packet);
        assert.equal(verdict, VERDICT.drop, program);
        assert.equal(events.length, 1);
        assert.equal(events[0].type, constant('EVENT_TYPE_DROP'));
        assert.equal(events[0].subType, constant(reason), program);
        assert.ok(events[0].sourceFile > 0 && events[0].sourceLine > 0);
        assert.equal(events[0].captured.length, Math.min(packet.length, 128));
      }
    });
  }

  it('allows eight extension headers', () => {
    const { verdict, events } = node.run('from_container', ip6(PROTO.destination, destinationOptions(8)));
    assert.equal(verdict, VERDICT.pass);
    assert.equal(events[0].protocol, PROTO.tcp);
  });

  it('names both ends of a packet that is dropped', () => {
    const packet = tcp4({ destination: CAST.remotePod.ipv4 }, tcp({ dataOffset: 4 }));
    const [event] = node.run('from_container', packet).events;
    assert.deepEqual(event.source, { identity: CAST.pod.identity, endpointId: CAST.pod.endpointId });
    assert.deepEqual(event.destination, { identity: CAST.remotePod.identity, endpointId: 0 });
  });
});

describe('packets cut off anywhere', () => {
  for (const [name, packet] of Object.entries(kinds)) {
    it(`drops ${name} cut at any byte, for the reason an independent reading gives`, () => {
      for (let length = 14; length < packet.length; length++) {
        const cut = packet.subarray(0, length);
        if (testRunRefuses(cut)) continue;
        const reading = readPacket(cut);
        assert.equal(reading.kind, 'drop', `${length} bytes`);
        const { verdict, events } = node.run('from_container', cut);
        assert.equal(verdict, VERDICT.drop, `${length} bytes`);
        assert.equal(events[0].subType, constant(reading.reason), `${length} bytes`);
      }
    });
  }
});

it('a device without a link layer has its packets read from the IP header on', () => {
  const bare = nodeForFile({ deviceHasNoL2: true });
  // A test run takes the first 14 bytes for an Ethernet header; this source makes the type in it say IPv4.
  const packet = ipv4(
    { protocol: PROTO.tcp, source: '8.0.7.7', destination: CAST.pod.ipv4 },
    tcp({ flags: 2 }),
  );
  const [event] = bare.run('to_netdev', packet).events;
  assert.equal(event.subType, constant('TRACE_TO_NETWORK'));
  assert.deepEqual([event.l3Offset, event.l4Offset], [0, 20]);
  assert.notEqual(event.flags & constant('EVENT_FLAG_NO_L2'), 0);
  assert.deepEqual(Buffer.from(event.captured), Buffer.from(packet));
  assert.equal(event.destination.identity, CAST.pod.identity);
});

describe('packets yet to be segmented', () => {
  const data = new Uint8Array(3000);
  const big: readonly (readonly [string, Uint8Array, number])[] = [
    [
      'TCP over IPv4 of no stated length',
      ethernet(ETHERTYPE.ipv4, ipv4({ protocol: PROTO.tcp, totalLength: 0 }, tcp({}, data))),
      54,
    ],
    [
      'TCP over IPv6 of no stated length',
      ethernet(ETHERTYPE.ipv6, build.ipv6({ next: PROTO.tcp, payloadLength: 0 }, tcp({}, data))),
      74,
    ],
    [
      'UDP of no stated length',
      ethernet(ETHERTYPE.ipv4, ipv4({ protocol: PROTO.udp }, build.udp({ length: 0 }, data))),
      42,
    ],
  ];
  for (const [name, packet, headers] of big) {
    it(`pass: ${name}`, () => {
      const { verdict, events } = node.run('from_container', packet, { gsoSize: 1448 });
      assert.notEqual(verdict, VERDICT.drop);
      assert.equal(events[0].captured.length, headers);
    });

    it(`are broken if nothing is going to segment them: ${name}`, () => {
      assert.equal(node.run('from_container', packet).verdict, VERDICT.drop);
    });
  }
});
