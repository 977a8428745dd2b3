/** Numbers that follow from a seed (mulberry32), so that a failure can be run again. */
export function seededRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** What headers are most sensitive to: small numbers, powers of two and their neighbours, protocol numbers. */
const telling = [0, 1, 2, 4, 5, 6, 8, 17, 20, 40, 43, 44, 50, 51, 58, 59, 60, 63, 64, 127, 128, 132, 255];
const etherTypes = [0x0800, 0x86dd, 0x8100, 0x88a8, 0x0806];

type Mutation = (packet: Buffer, random: (below: number) => number) => Buffer;

/** The packet's first bytes are where its headers are; most mutations go there. */
const somewhere = (packet: Buffer, random: (below: number) => number): number =>
  random(4) === 0 ? random(packet.length) : 12 + random(Math.min(packet.length, 80) - 12);

const mutations: readonly Mutation[] = [
  (packet, random) => {
    packet[somewhere(packet, random)] ^= 1 << random(8);
    return packet;
  },
  (packet, random) => {
    packet[somewhere(packet, random)] = telling[random(telling.length)];
    return packet;
  },
  (packet, random) => {
    packet[somewhere(packet, random)] = random(256);
    return packet;
  },
  (packet, random) => packet.subarray(0, 14 + random(packet.length - 13)),
  (packet, random) => Buffer.concat([packet, Buffer.alloc(random(64), random(256))]),
  // A length field of IPv4, of IPv6 or of UDP moved by a little.
  (packet, random) => {
    const at = [16, 18, 38, 58][random(4)];
    if (at + 2 <= packet.length) packet.writeUInt16BE((packet.readUInt16BE(at) + random(9) - 4) & 0xffff, at);
    return packet;
  },
  // Another EtherType, or a VLAN tag squeezed in.
  (packet, random) => {
    const type = etherTypes[random(etherTypes.length)];
    if (random(2) === 0) {
      packet.writeUInt16BE(type, 12);
      return packet;
    }
    return Buffer.concat([
      packet.subarray(0, 12),
      Buffer.from([0x81, 0, 0, random(256)]),
      packet.subarray(12),
    ]);
  },
  // Bytes cut out of the middle.
  (packet, random) => {
    const at = somewhere(packet, random);
    return Buffer.concat([
      packet.subarray(0, at),
      packet.subarray(Math.min(packet.length, at + 1 + random(8))),
    ]);
  },
];

/** A copy of the packet with one to four things wrong with it, or still right by chance. */
export function mutatePacket(packet: Uint8Array, random: (below: number) => number): Buffer {
  let mutated: Buffer = Buffer.from(packet);
  for (let count = 1 + random(4); count > 0; count--) {
    mutated = mutations[random(mutations.length)](mutated, random);
    if (mutated.length < 15) break;
  }
  return mutated;
}
