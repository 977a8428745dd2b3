/**
 * What a policy entry says about protocol and port, as one number: the longest-prefix part of its key. A protocol takes 8 bits, a destination port 16, of which the first
 * `prefixLength` count. ALL_TRAFFIC has none of either: every protocol, also those without ports.
 *
 *     bit 28        21 20                  5 4        0
 *     | protocol (8) | destination port (16) | length (5) |
 */
export type L4Key = number;

export const ALL_TRAFFIC: L4Key = 0;
export const PORT_BITS = 16;

export function l4Key(protocol: number, port: number, prefixLength: number): L4Key {
  return (protocol << 21) | (port << 5) | prefixLength;
}

/** IP protocol number; 0 for every protocol. */
export function protocolOf(key: L4Key): number {
  return key >>> 21;
}

/** First port of the prefix. */
export function portOf(key: L4Key): number {
  return (key >>> 5) & 0xffff;
}

/** How many bits of the port count: 16 for a single port, 0 for all ports of the protocol. */
export function prefixLengthOf(key: L4Key): number {
  return key & 0x1f;
}

/** The next broader key, or -1 behind ALL_TRAFFIC. */
export function broader(key: L4Key): L4Key {
  const length = prefixLengthOf(key);
  if (length > 0) {
    const mask = (0xffff << (PORT_BITS + 1 - length)) & 0xffff;
    return l4Key(protocolOf(key), portOf(key) & mask, length - 1);
  }
  return key === ALL_TRAFFIC ? -1 : ALL_TRAFFIC;
}

/** The keys of a range of ports, both ends included: the fewest aligned prefixes that cover it, 80 to 90 as 80/13, 88/15 and 90/16. */
export function keysOfRange(protocol: number, first: number, last: number): L4Key[] {
  const keys: L4Key[] = [];
  for (let port = first; port <= last;) {
    let length = PORT_BITS;
    while (length > 0) {
      const size = 1 << (PORT_BITS + 1 - length);
      if (port % size !== 0 || port + size - 1 > last) break;
      length--;
    }
    keys.push(l4Key(protocol, port, length));
    port += 1 << (PORT_BITS - length);
  }
  return keys;
}
