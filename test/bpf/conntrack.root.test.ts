import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { constant } from '../../bench/support/datapath-node.ts';
import {
  authenticationHeader,
  icmp,
  ipv4,
  ipv6,
  ipv6Extension,
  PROTO,
  sctp,
  tcp,
  TCP_FLAG,
  udp,
} from './support/build-packet.ts';
import { between, Conversation, reasonOf } from './support/conversation.ts';
import { CAST, nodeForFile } from './support/one-node.ts';

const { syn, ack, fin, rst, psh } = TCP_FLAG;
const node = nodeForFile();

for (const family of ['ipv4', 'ipv6'] as const) {
  describe(`connection tracking over ${family}`, () => {
    const talk = (): Conversation => new Conversation(node, family);

    it('follows a TCP connection from its SYN to its end', () => {
      const c = talk();
      assert.equal(reasonOf(c.podTcp(syn)), 'NEW');
      assert.equal(reasonOf(c.peerTcp(syn | ack)), 'REPLY');
      assert.equal(reasonOf(c.podTcp(ack)), 'ESTABLISHED');
      assert.equal(reasonOf(c.peerTcp(psh | ack)), 'REPLY');
      assert.equal(reasonOf(c.podTcp(fin | ack)), 'ESTABLISHED');
      assert.equal(c.entry(PROTO.tcp, 80, 'flags') & constant('CT_CLOSING'), 0); // the peer may still send
      assert.equal(reasonOf(c.peerTcp(fin | ack)), 'REPLY');
      assert.equal(reasonOf(c.podTcp(ack)), 'ESTABLISHED');
      assert.ok(c.entry(PROTO.tcp, 80, 'flags') & constant('CT_CLOSING'));
    });

    it('tells who began when the peer does', () => {
      const c = talk();
      assert.equal(reasonOf(c.peerTcp(syn)), 'NEW');
      assert.equal(reasonOf(c.podTcp(syn | ack)), 'REPLY');
      assert.equal(reasonOf(c.peerTcp(ack)), 'ESTABLISHED');
    });

    it('takes a SYN sent again for the same new connection', () => {
      const c = talk();
      c.podTcp(syn);
      assert.equal(reasonOf(c.podTcp(syn)), 'NEW');
      assert.equal(c.entry(PROTO.tcp, 80, 'packets', 0), 2);
    });

    it('begins anew with a SYN that reuses the tuple of a finished connection', () => {
      for (const end of ['reset', 'closed'] as const) {
        const c = talk();
        c.podTcp(syn);
        c.peerTcp(syn | ack);
        if (end === 'reset') c.peerTcp(rst);
        else {
          c.podTcp(fin | ack);
          c.peerTcp(fin | ack);
        }
        assert.equal(reasonOf(c.podTcp(syn)), 'NEW');
        assert.equal(c.entry(PROTO.tcp, 80, 'packets', 0), 1);
        assert.equal(c.entry(PROTO.tcp, 80, 'flags') & constant('CT_CLOSING'), 0);
        assert.equal(reasonOf(c.peerTcp(syn | ack)), 'REPLY');
      }
    });

    it('begins anew, the other way round, when the peer reuses the tuple', () => {
      const c = talk();
      c.podTcp(syn);
      c.peerTcp(rst | ack);
      assert.equal(reasonOf(c.peerTcp(syn)), 'NEW');
      assert.equal(reasonOf(c.podTcp(syn | ack)), 'REPLY');
    });

    it('keeps the first SYN for the beginning when both ends send one', () => {
      const c = talk();
      assert.equal(reasonOf(c.podTcp(syn)), 'NEW');
      assert.equal(reasonOf(c.peerTcp(syn)), 'REPLY');
    });

    it('does not let an unasked answer decide who began', () => {
      const c = talk();
      assert.equal(reasonOf(c.peerTcp(syn | ack)), 'NEW');
      assert.equal(reasonOf(c.podTcp(syn)), 'NEW');
      assert.equal(reasonOf(c.peerTcp(syn | ack)), 'REPLY');
      const ping = talk();
      assert.equal(reasonOf(ping.peerEcho(true)), 'NEW');
      assert.equal(reasonOf(ping.podEcho()), 'NEW');
      assert.equal(reasonOf(ping.peerEcho(true)), 'REPLY');
    });

    it('follows UDP', () => {
      const c = talk();
      assert.equal(reasonOf(c.podUdp()), 'NEW');
      assert.equal(reasonOf(c.podUdp()), 'ESTABLISHED');
      assert.equal(reasonOf(c.peerUdp()), 'REPLY');
      assert.equal(reasonOf(c.podUdp()), 'ESTABLISHED');
    });

    it('follows echoes, and keeps those of both directions apart', () => {
      const c = talk();
      assert.equal(reasonOf(c.podEcho()), 'NEW');
      assert.equal(reasonOf(c.peerEcho(true)), 'REPLY');
      assert.equal(reasonOf(c.podEcho()), 'ESTABLISHED');
      assert.equal(reasonOf(c.peerEcho()), 'NEW');
      assert.equal(reasonOf(c.podEcho(true)), 'REPLY');
    });

    it('follows SCTP, an INIT beginning anew', () => {
      const c = talk();
      const fromPod = (chunk: number): string =>
        reasonOf(node.run('from_container', c.podPacket(PROTO.sctp, sctp({ from: c.port, chunk }))));
      const fromPeer = (chunk: number): string =>
        reasonOf(node.run('from_netdev', c.peerPacket(PROTO.sctp, sctp({ from: 3868, to: c.port, chunk }))));
      assert.equal(fromPod(1), 'NEW');
      assert.equal(fromPeer(2), 'REPLY');
      assert.equal(fromPod(0), 'ESTABLISHED');
      assert.equal(fromPod(1), 'NEW');
    });

    it('follows protocols without ports by their addresses', () => {
      const c = talk();
      const payload = new Uint8Array(16);
      assert.equal(reasonOf(node.run('from_container', c.podPacket(PROTO.gre, payload))), 'NEW');
      assert.equal(reasonOf(node.run('from_netdev', c.peerPacket(PROTO.gre, payload))), 'REPLY');
      assert.equal(reasonOf(node.run('from_netdev', c.peerPacket(PROTO.esp, payload))), 'NEW');
    });

    it('counts packets and bytes of each direction', () => {
      const c = talk();
      c.podTcp(syn);
      c.peerTcp(syn | ack);
      c.podTcp(ack);
      const bytes = c.podPacket(PROTO.tcp, tcp({})).length;
      assert.deepEqual(
        [0, 1].map((index) => [
          c.entry(PROTO.tcp, 80, 'packets', index),
          c.entry(PROTO.tcp, 80, 'bytes', index),
        ]),
        [
          [2, 2 * bytes],
          [1, bytes],
        ],
      );
    });

    for (const [name, seconds, begin] of [
      ['a TCP connection nobody answered', 60, (c: Conversation): unknown => c.podTcp(syn)],
      ['an established one', 8000, (c: Conversation): unknown => [c.podTcp(syn), c.peerTcp(syn | ack)]],
      [
        'a reset one',
        10,
        (c: Conversation): unknown => [c.podTcp(syn), c.peerTcp(syn | ack), c.peerTcp(rst)],
      ],
    ] as const) {
      it(`forgets ${name} after ${seconds} silent seconds, not before`, () => {
        const c = talk();
        begin(c);
        c.age(PROTO.tcp, 80, seconds - 2);
        assert.equal(reasonOf(c.podTcp(ack)), 'ESTABLISHED');
        c.age(PROTO.tcp, 80, seconds + 2);
        assert.equal(reasonOf(c.podTcp(ack)), 'NEW');
      });
    }

    it('is not startled by a time that another CPU has written a moment ahead of its own', () => {
      const own = nodeForFile();
      own.datapath.configure({ aggregation: constant('AGGREGATE_MEDIUM'), intervalS: 5 });
      const c = new Conversation(own, family);
      c.podUdp();
      c.age(PROTO.udp, 53, -1);
      assert.equal(c.podUdp().events.length, 0);
      assert.equal(c.entry(PROTO.udp, 53, 'packets', 0), 2);
    });

    it('forgets UDP after 60 silent seconds', () => {
      const c = talk();
      c.podUdp();
      c.age(PROTO.udp, 53, 58);
      assert.equal(reasonOf(c.peerUdp()), 'REPLY');
      c.age(PROTO.udp, 53, 62);
      assert.equal(reasonOf(c.peerUdp()), 'NEW');
    });

    it('relates an ICMP error to the connection it is about', () => {
      const c = talk();
      const probe = c.podPacket(PROTO.udp, udp({ from: c.port, to: 53 }));
      node.run('from_container', probe);
      assert.equal(reasonOf(c.errorToPod(probe.subarray(14))), 'RELATED');
      // RFC 792 promises no more than eight bytes behind the IP header.
      const least = probe.subarray(14, 14 + (family === 'ipv4' ? 20 : 40) + 8);
      assert.equal(reasonOf(c.errorToPod(least)), 'RELATED');
      assert.equal(reasonOf(c.errorToPod(probe.subarray(14), CAST.world[family])), 'RELATED');
    });

    it('relates an ICMP error about a ping', () => {
      const c = talk();
      const type = family === 'ipv4' ? 8 : 128;
      const protocol = family === 'ipv4' ? PROTO.icmp : PROTO.icmpv6;
      c.podEcho();
      assert.equal(
        reasonOf(c.errorToPod(c.podPacket(protocol, icmp({ type, identifier: c.port })).subarray(14))),
        'RELATED',
      );
    });

    it("relates no ICMP error about a connection that is not there, or is not the receiver's, or cannot be read", () => {
      const c = talk();
      const probe = c.podPacket(PROTO.udp, udp({ from: c.port, to: 53 })).subarray(14);
      assert.notEqual(reasonOf(c.errorToPod(probe)), 'RELATED');
      c.podUdp();
      const stranger = between(
        family,
        CAST.remotePod[family],
        CAST.pod[family],
        PROTO.udp,
        udp({ from: 53, to: c.port }),
      );
      assert.notEqual(reasonOf(c.errorToPod(stranger.subarray(14))), 'RELATED');
      // A neighbour's own connection, of which the pod hears.
      const neighbours = between(
        family,
        CAST.neighbour[family],
        CAST.remotePod[family],
        PROTO.udp,
        udp({ from: c.port, to: 53 }),
      );
      node.run('to_netdev', neighbours);
      assert.notEqual(reasonOf(c.errorToPod(neighbours.subarray(14))), 'RELATED');
      assert.notEqual(reasonOf(c.errorToPod(probe.subarray(0, 20))), 'RELATED');
      assert.equal(reasonOf(c.errorToPod(probe)), 'RELATED');
    });

    it('lets go of what it could not follow from the start: such TCP is not redirected past the stack', () => {
      const c = talk();
      c.podTcp(ack);
      assert.ok(c.entry(PROTO.tcp, 80, 'flags') & constant('CT_VIA_STACK'));
      const known = talk();
      known.podTcp(syn);
      assert.equal(known.entry(PROTO.tcp, 80, 'flags') & constant('CT_VIA_STACK'), 0);
    });
  });
}

it('relates an ICMPv6 error about a packet with extension headers', () => {
  const c = new Conversation(node, 'ipv6');
  const l4 = udp({ from: c.port, to: 53 });
  const { ipv6: source } = CAST.pod;
  const { ipv6: destination } = CAST.remotePod;
  const options = ipv6Extension(PROTO.ah, authenticationHeader(PROTO.udp, l4));
  c.podUdp();
  assert.equal(
    reasonOf(c.errorToPod(ipv6({ next: PROTO.destination, source, destination }, options))),
    'RELATED',
  );
});

it('relates an ICMP error about a packet with IPv4 options', () => {
  const c = new Conversation(node, 'ipv4');
  const { ipv4: source } = CAST.pod;
  const { ipv4: destination } = CAST.remotePod;
  c.podUdp();
  const about = ipv4(
    { protocol: PROTO.udp, source, destination, options: new Uint8Array(40) },
    udp({ from: c.port, to: 53 }),
  );
  assert.equal(reasonOf(c.errorToPod(about)), 'RELATED');
});
