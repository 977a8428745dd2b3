import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { addressBytes } from '../../bench/support/address-bytes.ts';
import { constant } from '../../bench/support/datapath-node.ts';
import { icmp, PROTO, sctp, tcp, TCP_FLAG, udp } from './support/build-packet.ts';
import { between } from './support/conversation.ts';
import { mutatePacket, seededRandom } from './support/mutate-packet.ts';
import { CAST, OneNode, VERDICT } from './support/one-node.ts';
import { type IpReading, readPacket, testRunRefuses } from './support/read-packet.ts';

/** More for a long run: npm run fuzz:datapath; SLUICE_FUZZ_SEED=2 for others */
const RUNS = Number(process.env['SLUICE_FUZZ_RUNS'] ?? 30_000);
const SEED = Number(process.env['SLUICE_FUZZ_SEED'] ?? 1);

const node = new OneNode();
after(() => node.close());
node.datapath.configure({
  flags: constant('SETTING_MASQUERADE') | constant('SETTING_EVENTS_OFF'),
});
node.datapath.masqueradeAs(CAST.node, 1024, 31_744);

const hex = (text: string): string => Buffer.from(addressBytes(text)).toString('hex');
const own = new Set([hex(CAST.node.ipv4), hex(CAST.node.ipv6)]);
const pod = new Set([hex(CAST.pod.ipv4), hex(CAST.pod.ipv6)]);
const world = new Set([hex(CAST.world.ipv4), hex(CAST.world.ipv6)]);

const { syn, ack, fin } = TCP_FLAG;
const l4s = [
  ...[syn, ack, syn | ack, fin | ack].map(
    (flags) => [PROTO.tcp, tcp({ from: 41_000, to: 443, flags })] as const,
  ),
  [PROTO.udp, udp({ from: 41_001, to: 53 }, new Uint8Array(40))] as const,
  [PROTO.sctp, sctp({ chunk: 1 })] as const,
];
const outward = (['ipv4', 'ipv6'] as const).flatMap((family) => {
  const icmpOf = family === 'ipv4' ? PROTO.icmp : PROTO.icmpv6;
  const [echo, unreachable] = family === 'ipv4' ? [8, 3] : [128, 1];
  const [from, to] = [CAST.pod[family], CAST.world[family]];
  const about = between(family, to, from, PROTO.udp, udp({ from: 53, to: 41_001 })).subarray(14);
  return [
    ...l4s.map(([protocol, l4]) => between(family, from, to, protocol, l4)),
    between(family, from, to, icmpOf, icmp({ type: echo, identifier: 7 })),
    between(family, from, to, icmpOf, icmp({ type: unreachable, code: 3 }, about)),
  ];
});

/** Bytes that translating an end may change: its address, its port or identifier, and checksums. */
function mayChange(reading: IpReading, source: boolean): Set<number> {
  const { ipv6, l3Offset, l4Offset, protocol } = reading;
  const changed = new Set<number>();
  const add = (from: number, bytes: number): void => {
    for (let at = from; at < from + bytes; at++) changed.add(at);
  };
  const address = l3Offset + (ipv6 ? 8 : 12) + (source ? 0 : ipv6 ? 16 : 4);
  add(address, ipv6 ? 16 : 4);
  if (!ipv6) add(l3Offset + 10, 2);
  if (l4Offset === 0) return changed;
  if (protocol === PROTO.tcp || protocol === PROTO.udp) {
    add(l4Offset + (source ? 0 : 2), 2);
    add(l4Offset + (protocol === PROTO.tcp ? 16 : 6), 2);
  } else add(l4Offset + 2, 4);
  return changed;
}

/** Whether an ICMP message carries another packet, which is translated as well. */
function carriesPacket(packet: Uint8Array, { ipv6, protocol, l4Offset }: IpReading): boolean {
  if (protocol !== (ipv6 ? PROTO.icmpv6 : PROTO.icmp) || l4Offset === 0) return false;
  const type = packet[l4Offset];
  return ipv6 ? type >= 1 && type <= 4 : [3, 4, 5, 11, 12].includes(type);
}

describe('mutated packets where pods are masqueraded', () => {
  it(`change in nothing but an end and its checksums, and leave with no pod's address (${RUNS} of seed ${SEED})`, () => {
    const random = seededRandom(SEED);
    const tally = { translated: 0, untouched: 0, dropped: 0, returned: 0 };
    const answers: Uint8Array[] = [];
    for (let run = 0; run < RUNS; run++) {
      const isAnswer = answers.length > 0 && random(3) === 0;
      const corpus = isAnswer ? answers : outward;
      const packet = mutatePacket(corpus[random(corpus.length)], random);
      if (testRunRefuses(packet)) continue;
      const program = isAnswer ? 'from_netdev' : 'to_netdev';
      const { verdict, packet: out } = node.run(program, packet);
      const reading = readPacket(packet);
      const where = `run ${run}, ${program} on ${packet.toString('hex')} gives ${Buffer.from(out).toString('hex')}`;
      if (verdict === VERDICT.drop) {
        tally.dropped++;
        continue;
      }
      if (verdict === VERDICT.redirect) {
        tally.returned++;
        continue;
      }
      assert.equal(verdict, VERDICT.pass, where);
      if (Buffer.compare(packet, out) === 0) {
        tally.untouched++;
        if (reading.kind !== 'ip' || isAnswer) continue;
        const mustLeave =
          pod.has(reading.source) &&
          world.has(reading.destination) &&
          reading.protocol === PROTO.udp &&
          reading.fragment === 'no';
        assert.ok(!mustLeave, `${where}: a pod's datagram leaves as it is`);
        continue;
      }
      assert.ok(reading.kind === 'ip', `${where}: written to, though it cannot be read`);
      assert.equal(out.length, packet.length, where);
      tally[isAnswer ? 'returned' : 'translated']++;
      const allowed = mayChange(reading, !isAnswer);
      if (!carriesPacket(packet, reading)) {
        for (const [at, byte] of packet.entries())
          if (byte !== out[at]) assert.ok(allowed.has(at), `${where}: byte ${at}`);
      }
      if (isAnswer) continue;
      const left = readPacket(Buffer.from(out));
      assert.ok(left.kind === 'ip' && own.has(left.source), where);
      if (answers.length < 500 && reading.ports !== null && reading.protocol !== PROTO.icmp)
        answers.push(answerTo(out, left));
    }
    for (const [name, count] of Object.entries(tally))
      assert.ok(count > RUNS / 1000, `${name}: ${JSON.stringify(tally)}`);
  });
});

/** What the world says to a packet: both ends exchanged. */
function answerTo(packet: Uint8Array, { ipv6, l3Offset, l4Offset, protocol }: IpReading): Uint8Array {
  const copy = Buffer.from(packet);
  const [address, bytes] = ipv6 ? [l3Offset + 8, 16] : [l3Offset + 12, 4];
  packet.subarray(address + bytes, address + 2 * bytes).forEach((byte, i) => (copy[address + i] = byte));
  packet.subarray(address, address + bytes).forEach((byte, i) => (copy[address + bytes + i] = byte));
  if (protocol === PROTO.tcp || protocol === PROTO.udp) {
    copy.writeUInt16BE(Buffer.from(packet).readUInt16BE(l4Offset + 2), l4Offset);
    copy.writeUInt16BE(Buffer.from(packet).readUInt16BE(l4Offset), l4Offset + 2);
  }
  return copy;
}
