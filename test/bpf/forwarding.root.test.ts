import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { macBytes } from '../../bench/support/address-bytes.ts';
import { constant } from '../../bench/support/datapath-node.ts';
import {
  ethernet,
  ETHERTYPE,
  icmp,
  internetChecksum,
  ipv4,
  ipv6,
  ipv6Extension,
  PROTO,
  tcp,
  TCP_FLAG,
  udp,
  vlanTag,
} from './support/build-packet.ts';
import { between } from './support/conversation.ts';
import { CAST, NEIGHBOUR_IFINDEX, NEIGHBOUR_MACS, nodeForFile, VERDICT } from './support/one-node.ts';

const node = nodeForFile();
const SYN = TCP_FLAG.syn;
const seen = (name: string): number => node.datapath.counter(name);
let nextPort = 30000;
const freshTcp = (flags: number = SYN): Uint8Array => tcp({ from: nextPort++, flags });

describe('to a neighbour on the same node', () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    for (const program of ['from_container', 'from_netdev'] as const) {
      const source = program === 'from_container' ? CAST.pod[family] : CAST.remotePod[family];
      it(`${program} sends ${family} past the stack, as a router would`, () => {
        const redirected = seen('COUNTER_PACKETS_REDIRECTED');
        const packet = between(family, source, CAST.neighbour[family], PROTO.tcp, freshTcp());
        const { verdict, events, mark, packet: out } = node.run(program, packet);
        assert.equal(verdict, VERDICT.redirect);
        assert.equal(mark, 0);
        assert.equal(seen('COUNTER_PACKETS_REDIRECTED'), redirected + 1);
        const expected = Buffer.from(packet);
        expected.set(macBytes(NEIGHBOUR_MACS.podMac), 0);
        expected.set(macBytes(NEIGHBOUR_MACS.hostMac), 6);
        if (family === 'ipv4') {
          expected[14 + 8] = 63;
          expected.writeUInt16BE(0, 14 + 10);
          expected.writeUInt16BE(internetChecksum(expected.subarray(14, 34)), 14 + 10);
        } else {
          expected[14 + 7] = 63;
        }
        assert.deepEqual(Buffer.from(out), expected);
        const event = events.at(-1);
        assert.equal(event?.subType, constant('TRACE_TO_ENDPOINT'));
        assert.equal(event?.ifindex, NEIGHBOUR_IFINDEX);
      });
    }
  }

  it('keeps the IPv4 checksum right for every TTL and some thousand headers', () => {
    for (let i = 0; i < 4000; i++) {
      const header = { protocol: PROTO.udp, ttl: 2 + (i % 254), id: (i * 40503) & 0xffff };
      const packet = ethernet(ETHERTYPE.ipv4, ipv4(header, udp({})));
      const { verdict, packet: out } = node.run('from_container', packet);
      assert.equal(verdict, VERDICT.redirect);
      assert.equal(out[14 + 8], header.ttl - 1);
      assert.equal(internetChecksum(out.subarray(14, 34)), 0, `ttl ${header.ttl}, id ${header.id}`);
    }
  });

  it('keeps the IPv4 checksum right where its sum overflows', () => {
    const withChecksum = (wanted: number): Uint8Array => {
      for (let id = 0; id < 65536; id++) {
        const header = ipv4({ protocol: PROTO.udp, id }, udp({}));
        if (((header[10] << 8) | header[11]) === wanted) return ethernet(ETHERTYPE.ipv4, header);
      }
      throw new Error(`no id gives checksum ${wanted}`);
    };
    for (const checksum of [0xfdff, 0xfe00, 0xfeff, 0xff00, 0xfffe, 0x0000, 0x0001, 0x00ff]) {
      const { packet: out } = node.run('from_container', withChecksum(checksum));
      const header = Buffer.from(out.subarray(14, 34));
      const updated = header.readUInt16BE(10);
      header.writeUInt16BE(0, 10);
      assert.equal(updated, internetChecksum(header), `from ${checksum.toString(16)}`);
    }
  });

  const own = { source: CAST.pod.ipv4, destination: CAST.neighbour.ipv4 };
  const own6 = { source: CAST.pod.ipv6, destination: CAST.neighbour.ipv6 };
  const forTheStack: readonly (readonly [string, Uint8Array])[] = [
    [
      'a TTL of 1, for the stack to answer',
      ethernet(ETHERTYPE.ipv4, ipv4({ protocol: PROTO.tcp, ttl: 1, ...own }, freshTcp())),
    ],
    ['a TTL of 0', ethernet(ETHERTYPE.ipv4, ipv4({ protocol: PROTO.tcp, ttl: 0, ...own }, freshTcp()))],
    [
      'a hop limit of 1',
      ethernet(ETHERTYPE.ipv6, ipv6({ next: PROTO.tcp, hopLimit: 1, ...own6 }, freshTcp())),
    ],
    [
      'IPv4 options',
      ethernet(ETHERTYPE.ipv4, ipv4({ protocol: PROTO.tcp, options: new Uint8Array(4), ...own }, freshTcp())),
    ],
    [
      'a hop-by-hop header',
      ethernet(ETHERTYPE.ipv6, ipv6({ next: PROTO.hopByHop, ...own6 }, ipv6Extension(PROTO.tcp, freshTcp()))),
    ],
    [
      'a VLAN tag',
      ethernet(ETHERTYPE.vlan, vlanTag(1, ETHERTYPE.ipv4, ipv4({ protocol: PROTO.tcp, ...own }, freshTcp()))),
    ],
    [
      "somebody else's MAC",
      ethernet(ETHERTYPE.ipv4, ipv4({ protocol: PROTO.tcp, ...own }, freshTcp()), {
        destination: '02:11:22:33:44:55',
      }),
    ],
    [
      'TCP whose beginning nobody saw',
      ethernet(ETHERTYPE.ipv4, ipv4({ protocol: PROTO.tcp, ...own }, freshTcp(TCP_FLAG.ack))),
    ],
    [
      'a fragment whose first nobody saw',
      ethernet(
        ETHERTYPE.ipv4,
        ipv4({ protocol: PROTO.udp, id: 999, fragmentOffset: 9, ...own }, new Uint8Array(8)),
      ),
    ],
    [
      'neighbour discovery',
      ethernet(
        ETHERTYPE.ipv6,
        ipv6({ next: PROTO.icmpv6, hopLimit: 255, ...own6 }, icmp({ type: 135 }, new Uint8Array(16))),
      ),
    ],
    [
      'more bytes than an interface that is gone can say to take',
      ethernet(
        ETHERTYPE.ipv4,
        ipv4({ protocol: PROTO.udp, ...own }, udp({ from: 5, length: 708 }, new Uint8Array(700))),
      ),
    ],
  ];
  for (const [name, packet] of forTheStack) {
    it(`leaves to the stack, untouched: ${name}`, () => {
      const { verdict, events, packet: out } = node.run('from_container', packet);
      assert.equal(verdict, VERDICT.pass);
      assert.deepEqual(Buffer.from(out.subarray(14)), Buffer.from(packet.subarray(14)));
      assert.equal(events.at(-1)?.subType, constant('TRACE_TO_STACK'));
    });
  }

  it('leaves to the stack what is for an endpoint whose MAC is not known', () => {
    const own = nodeForFile();
    const macs = { ...NEIGHBOUR_MACS, podMac: '00:00:00:00:00:00' };
    own.datapath.addEndpoint({ ...CAST.neighbour, ...macs, hostIfindex: NEIGHBOUR_IFINDEX });
    const packet = between('ipv4', CAST.pod.ipv4, CAST.neighbour.ipv4, PROTO.tcp, freshTcp());
    assert.equal(own.run('from_container', packet).verdict, VERDICT.pass);
  });

  it('leaves everything to the stack when told so', () => {
    node.datapath.configure({ flags: constant('SETTING_NO_REDIRECT') });
    const packet = between('ipv4', CAST.pod.ipv4, CAST.neighbour.ipv4, PROTO.tcp, freshTcp());
    assert.equal(node.run('from_container', packet).verdict, VERDICT.pass);
    node.datapath.configure({});
  });

  it('leaves to the stack both directions of a connection that came out of it, which it may translate', () => {
    const port = nextPort++;
    const fromNeighbour = between(
      'ipv4',
      CAST.neighbour.ipv4,
      CAST.pod.ipv4,
      PROTO.tcp,
      tcp({ from: port, flags: SYN }),
    );
    assert.equal(node.run('to_container', fromNeighbour).verdict, VERDICT.pass);
    const answer = tcp({ from: 80, to: port, flags: SYN | TCP_FLAG.ack });
    const back = between('ipv4', CAST.pod.ipv4, CAST.neighbour.ipv4, PROTO.tcp, answer);
    assert.equal(node.run('from_container', back).verdict, VERDICT.pass);
  });
});

describe('elsewhere', () => {
  const cases = [
    ['the node itself', CAST.node, 'TRACE_TO_HOST'],
    ['a remote pod without a route', CAST.remotePod, 'TRACE_TO_STACK'],
    ['another node', CAST.remoteNode, 'TRACE_TO_STACK'],
    ['the world', CAST.world, 'TRACE_TO_STACK'],
    ['itself', CAST.pod, 'TRACE_TO_STACK'],
    ['a multicast group', { ipv4: '224.0.0.251', ipv6: 'ff02::fb' }, 'TRACE_TO_STACK'],
    ['everybody', { ipv4: '255.255.255.255', ipv6: 'ff02::1' }, 'TRACE_TO_STACK'],
  ] as const;
  for (const [name, to, point] of cases) {
    for (const family of ['ipv4', 'ipv6'] as const) {
      it(`an endpoint's ${family} to ${name} takes the stack`, () => {
        const packet = between(family, CAST.pod[family], to[family], PROTO.udp, udp({ from: nextPort++ }));
        const { verdict, events } = node.run('from_container', packet);
        assert.equal(verdict, VERDICT.pass);
        assert.equal(events.at(-1)?.subType, constant(point));
      });
    }
  }

  it('frames on the device for somebody else pass unseen', () => {
    const packet = ethernet(
      ETHERTYPE.ipv4,
      ipv4({ protocol: PROTO.tcp, source: CAST.world.ipv4, destination: CAST.pod.ipv4 }, freshTcp()),
      { destination: '02:11:22:33:44:55' },
    );
    const { verdict, events } = node.run('from_netdev', packet);
    assert.deepEqual([verdict, events.length], [VERDICT.pass, 0]);
  });
});
