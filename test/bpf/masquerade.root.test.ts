import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { counters } from '../../agent/decode/event-layout.ts';
import { addressBytes } from '../../bench/support/address-bytes.ts';
import { packStruct } from '../../bench/support/c-struct.ts';
import { constant, natHeader } from '../../bench/support/datapath-node.ts';
import {
  icmp,
  internetChecksum,
  ipv4,
  ipv6,
  PROTO,
  sctp,
  tcp,
  TCP_FLAG,
  udp,
} from './support/build-packet.ts';
import { between, type Family } from './support/conversation.ts';
import { isSealed, sealed } from './support/l4-checksum.ts';
import { CAST, OneNode, type Outcome, VERDICT } from './support/one-node.ts';

const { syn, ack, rst } = TCP_FLAG;
const FIRST_PORT = 2000;
const PORTS = 3000;
const families = ['ipv4', 'ipv6'] as const;

const opened: OneNode[] = [];
after(() => {
  for (const node of opened) node.close();
});

/** A node that masquerades, with as many ports as told. */
function nodeWith(ports: number): OneNode {
  const node = new OneNode();
  opened.push(node);
  node.datapath.configure({ flags: constant('SETTING_MASQUERADE') });
  node.datapath.masqueradeAs(CAST.node, FIRST_PORT, ports);
  return node;
}
const node = nodeWith(PORTS);

/** Ports, addresses and L4 of a frame without options. */
function read(frame: Uint8Array): { source: string; destination: string; from: number; to: number } {
  const isIpv6 = frame[14] >> 4 === 6;
  const [at, bytes] = isIpv6 ? [22, 16] : [26, 4];
  const hex = (start: number): string => Buffer.from(frame.subarray(start, start + bytes)).toString('hex');
  const l4 = Buffer.from(frame.subarray(at + 2 * bytes));
  return {
    source: hex(at),
    destination: hex(at + bytes),
    from: l4.readUInt16BE(0),
    to: l4.readUInt16BE(2),
  };
}
const hexOf = (address: string): string => Buffer.from(addressBytes(address)).toString('hex');
const counter = (one: OneNode, index: number): number => {
  const value = one.datapath.object
    .map('event_counters')
    .lookup(new Uint8Array(Uint32Array.of(index).buffer))!;
  return [...new BigUint64Array(value.buffer, value.byteOffset, value.length / 8)].reduce(
    (sum, count) => sum + Number(count),
    0,
  );
};
const words = ({ events }: Outcome): string[] =>
  events.map(({ type, subType }) =>
    type === constant('EVENT_TYPE_DROP') ? `drop ${subType}` : `trace ${subType}`,
  );

/** Out through both hooks that a pod's packet to the world meets. */
function leave(frame: Uint8Array, on = node): Outcome {
  const first = on.run('from_container', frame);
  assert.equal(first.verdict, VERDICT.pass);
  return on.run('to_netdev', first.packet, { mark: first.mark });
}

for (const family of families) {
  const pod = CAST.pod[family];
  const world = CAST.world[family];
  const own = CAST.node[family];
  const ping = family === 'ipv4' ? PROTO.icmp : PROTO.icmpv6;
  const [echo, echoReply] = family === 'ipv4' ? [8, 0] : [128, 129];
  const out = (protocol: number, l4: Uint8Array): Uint8Array =>
    sealed(between(family, pod, world, protocol, l4));
  const back = (protocol: number, l4: Uint8Array, from: string = world): Uint8Array =>
    sealed(between(family, from, own, protocol, l4));

  describe(`a masqueraded pod over ${family}`, () => {
    for (const [name, protocol, l4] of [
      ['TCP', PROTO.tcp, (ports: object) => tcp({ ...ports, flags: syn })],
      ['UDP', PROTO.udp, (ports: object) => udp(ports)],
    ] as const) {
      it(`leaves as the node and is found again, ${name}`, () => {
        const sent = leave(out(protocol, l4({ from: 41_000, to: 443 })));
        assert.ok(isSealed(sent.packet), 'checksums');
        const { source, from, to } = read(sent.packet);
        assert.deepEqual([source, to], [hexOf(own), 443]);
        assert.ok(from >= FIRST_PORT && from < FIRST_PORT + PORTS, `port ${from}`);
        const [event] = sent.events;
        assert.equal(event.source.identity, CAST.pod.identity);
        assert.ok(event.flags & constant('EVENT_FLAG_MASQUERADED'));
        assert.equal(read(event.captured).source, hexOf(pod), 'an event shows the pod');

        const answer =
          protocol === PROTO.tcp
            ? tcp({ from: 443, to: from, flags: syn | ack })
            : udp({ from: 443, to: from });
        const got = node.run('from_netdev', back(protocol, answer));
        assert.ok(isSealed(got.packet), 'checksums of the answer');
        const { destination, from: server, to: port } = read(got.packet);
        assert.deepEqual([destination, server, port], [hexOf(pod), 443, 41_000]);
        assert.equal(got.events[0].destination.endpointId, CAST.pod.endpointId);
        assert.equal(got.events.at(-1)!.reason, constant('TRACE_REASON_REPLY'));
      });

      it(`has the same port again, and another towards another pod's, ${name}`, () => {
        const portOf = (source: string): number => {
          const frame = sealed(between(family, source, world, protocol, l4({ from: 41_001, to: 80 })));
          const { packet } = node.run('to_netdev', frame);
          return read(packet).from;
        };
        const first = portOf(pod);
        assert.deepEqual([portOf(pod), portOf(pod)], [first, first]);
        const other = portOf(CAST.neighbour[family]);
        assert.notEqual(other, first);
        assert.deepEqual([portOf(CAST.neighbour[family]), portOf(pod)], [other, first]);
      });
    }

    it('pings under an identifier of the node’s', () => {
      const sent = leave(out(ping, icmp({ type: echo, identifier: 77 })));
      const identifier = Buffer.from(sent.packet).readUInt16BE((family === 'ipv4' ? 34 : 54) + 4);
      assert.ok(isSealed(sent.packet));
      assert.deepEqual([read(sent.packet).source, identifier], [hexOf(own), FIRST_PORT + 77]);
      const got = node.run('from_netdev', back(ping, icmp({ type: echoReply, identifier })));
      assert.ok(isSealed(got.packet));
      assert.equal(Buffer.from(got.packet).readUInt16BE((family === 'ipv4' ? 34 : 54) + 4), 77);
      assert.equal(read(got.packet).destination, hexOf(pod));
    });

    const errorType = family === 'ipv4' ? 3 : 1;
    const wrap = (source: string, destination: string, l4: Uint8Array): Uint8Array =>
      family === 'ipv4'
        ? ipv4({ protocol: PROTO.udp, source, destination }, l4)
        : ipv6({ next: PROTO.udp, source, destination }, l4);
    const innerAt = (family === 'ipv4' ? 34 : 54) + 8;

    it('gets ICMP errors about what it sent, from whoever sends them', () => {
      const { from } = read(leave(out(PROTO.udp, udp({ from: 41_002, to: 33_434 }))).packet);
      const about = wrap(own, world, udp({ from, to: 33_434 }));
      const router = family === 'ipv4' ? '9.9.9.9' : '2001:db8:99::9';
      const got = node.run('from_netdev', back(ping, icmp({ type: errorType, code: 3 }, about), router));
      assert.ok(isSealed(got.packet), 'checksums');
      assert.equal(read(got.packet).destination, hexOf(pod));
      const inner = read(Buffer.concat([Buffer.alloc(14), got.packet.subarray(innerAt)]));
      assert.deepEqual([inner.source, inner.from, inner.to], [hexOf(pod), 41_002, 33_434]);
      if (family === 'ipv4')
        assert.equal(internetChecksum(got.packet.subarray(innerAt, innerAt + 20)), 0, 'of the inner header');
      assert.equal(got.events.at(-1)!.reason, constant('TRACE_REASON_RELATED'));
    });

    it('sends ICMP errors about what it got as the node', () => {
      const { from } = read(leave(out(PROTO.udp, udp({ from: 41_003, to: 53 }))).packet);
      const about = wrap(world, pod, udp({ from: 53, to: 41_003 }));
      const sent = leave(out(ping, icmp({ type: errorType, code: 3 }, about)));
      assert.ok(isSealed(sent.packet), 'checksums');
      assert.equal(read(sent.packet).source, hexOf(own));
      const inner = read(Buffer.concat([Buffer.alloc(14), sent.packet.subarray(innerAt)]));
      assert.deepEqual([inner.destination, inner.from, inner.to], [hexOf(own), 53, from]);
    });

    it('stays itself towards the fleet, known ranges, and whoever began', () => {
      node.datapath.addRange(CAST.range[family], family === 'ipv4' ? 24 : 64, 0, 'no_masquerade');
      for (const peer of [CAST.remotePod, CAST.remoteNode, CAST.range]) {
        const frame = sealed(
          between(family, pod, peer[family], PROTO.tcp, tcp({ from: 41_004, to: 80, flags: syn })),
        );
        assert.deepEqual(node.run('to_netdev', frame).packet, frame);
      }
      const visit = sealed(
        between(family, world, pod, PROTO.tcp, tcp({ from: 50_000, to: 8080, flags: syn })),
      );
      node.run('from_netdev', visit);
      const answer = out(PROTO.tcp, tcp({ from: 8080, to: 50_000, flags: syn | ack }));
      assert.deepEqual(leave(answer).packet, answer);
    });

    it('is not mistaken for the node: what nobody of them asked for is the node’s', () => {
      const stranger = back(PROTO.udp, udp({ from: 4444, to: FIRST_PORT + 5 }));
      const got = node.run('from_netdev', stranger);
      assert.deepEqual([got.packet, got.verdict], [stranger, VERDICT.pass]);
      assert.equal(got.events.at(-1)!.destination.identity, 1);
    });

    it('is told that there is no port left, and gets one when another’s connection is over', () => {
      const small = nodeWith(2);
      const open = (from: number, flags: number = syn): Outcome =>
        small.run('to_netdev', out(PROTO.tcp, tcp({ from, to: 443, flags })));
      const ports = [open(41_010), open(41_011)].map(({ packet }) => read(packet).from);
      assert.deepEqual(new Set(ports), new Set([FIRST_PORT, FIRST_PORT + 1]));
      const refusals = counter(small, counters.natNoPort);
      const refused = open(41_012);
      assert.deepEqual([refused.verdict, words(refused)], [VERDICT.drop, ['drop 167']]);
      assert.equal(counter(small, counters.natNoPort), refusals + 1);
      // Others are not in the way: another destination has all ports.
      const elsewhere = out(PROTO.tcp, tcp({ from: 41_012, to: 444, flags: syn }));
      assert.equal(small.run('to_netdev', elsewhere).verdict, VERDICT.pass);
      // One is over, and was so for long.
      open(41_010, rst);
      const key = packStruct(natHeader, family === 'ipv4' ? 'nat4_key' : 'nat6_key', {
        node: addressBytes(own),
        remote: addressBytes(world),
        port: swap(FIRST_PORT + (41_010 % 2)),
        remote_port: swap(443),
        proto: PROTO.tcp,
      });
      const map = small.datapath.object.map(family === 'ipv4' ? 'nat4' : 'nat6');
      const entry = map.lookup(key)!;
      const { offset } = natHeader.structs.get('nat_entry')!.fields.get('last_seen')!;
      const view = new DataView(entry.buffer, entry.byteOffset);
      view.setUint32(offset, view.getUint32(offset, true) - 100, true);
      map.update(key, entry);
      assert.equal(read(open(41_012).packet).from, FIRST_PORT + (41_010 % 2));
    });

    it('keeps its port when its mapping is lost and nobody took it, which is counted', () => {
      const one = nodeWith(PORTS);
      const packet = (flags: number): Uint8Array => out(PROTO.tcp, tcp({ from: 41_020, to: 443, flags }));
      const { from } = read(leave(packet(syn), one).packet);
      const map = one.datapath.object.map(family === 'ipv4' ? 'nat4' : 'nat6');
      for (const [key] of map.entries()) map.delete(key);
      assert.equal(read(leave(packet(ack), one).packet).from, from);
      assert.equal(counter(one, counters.natMappingLost), 1);
    });

    it('cannot use protocols without ports, which is told', () => {
      for (const [protocol, l4] of [
        [PROTO.sctp, sctp({ chunk: 1 })],
        [PROTO.gre, new Uint8Array(8)],
      ] as const) {
        const refused = leave(between(family, pod, world, protocol, l4));
        assert.deepEqual([refused.verdict, words(refused)], [VERDICT.drop, ['drop 168']]);
      }
    });

    it('joins no connection under way that has no mapping', () => {
      const frame = out(PROTO.tcp, tcp({ from: 41_030, to: 443, flags: ack }));
      assert.deepEqual(leave(frame).packet, frame);
    });
  });
}

/** Network order, as members of structs hold ports. */
function swap(port: number): number {
  return ((port & 0xff) << 8) | (port >> 8);
}

describe('masquerading', () => {
  it('leaves a UDP datagram without checksum without one', () => {
    const frame = between('ipv4', CAST.pod.ipv4, CAST.world.ipv4, PROTO.udp, udp({ from: 41_040, to: 53 }));
    const { packet } = leave(frame);
    assert.deepEqual([read(packet).source, Buffer.from(packet).readUInt16BE(40)], [hexOf(CAST.node.ipv4), 0]);
  });

  it('follows fragments', () => {
    const first = between('ipv4', CAST.pod.ipv4, CAST.world.ipv4, PROTO.udp, udp({ from: 41_041, to: 53 }));
    const part = (fragment: object, l4: Uint8Array): Uint8Array => {
      const header = { protocol: PROTO.udp, source: CAST.pod.ipv4, destination: CAST.world.ipv4, id: 99 };
      return Buffer.concat([first.subarray(0, 14), ipv4({ ...header, ...fragment }, l4)]);
    };
    leave(part({ moreFragments: true }, udp({ from: 41_041, to: 53, length: 100 }, new Uint8Array(32))));
    const { packet } = leave(part({ fragmentOffset: 5 }, new Uint8Array(60)));
    assert.equal(read(packet).source, hexOf(CAST.node.ipv4));
    assert.equal(internetChecksum(packet.subarray(14, 34)), 0);
    const orphan = leave(part({ fragmentOffset: 5, id: 100 }, new Uint8Array(60)));
    assert.deepEqual(words(orphan), ['drop 157']);
  });

  it('is off unless settings say otherwise, and per family', () => {
    const one = nodeWith(PORTS);
    const frame = (family: Family): Uint8Array =>
      sealed(between(family, CAST.pod[family], CAST.world[family], PROTO.udp, udp({ from: 41_050, to: 53 })));
    one.datapath.masqueradeAs({ ipv4: CAST.node.ipv4 }, FIRST_PORT, PORTS);
    assert.notDeepEqual(leave(frame('ipv4'), one).packet, frame('ipv4'));
    assert.deepEqual(leave(frame('ipv6'), one).packet, frame('ipv6'));
    one.datapath.configure({});
    assert.deepEqual(leave(frame('ipv4'), one).packet, frame('ipv4'));
  });
});
