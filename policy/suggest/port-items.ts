import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP } from '../model.ts';

/** Ports of a protocol as a rule lists them. */
export interface PortItem {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | 'ANY';
  readonly first: number;
  readonly last: number;
}

/** What a set of packets comes to above IP. `all`: some have a protocol that rules know no word for. */
export interface L4Needs {
  readonly all: boolean;
  readonly ports: readonly PortItem[];
  /** Types of ICMP messages. */
  readonly icmp: readonly { readonly family: 'IPv4' | 'IPv6'; readonly type: number }[];
}

const names: Readonly<Record<number, 'TCP' | 'UDP' | 'SCTP'>> = {
  [PROTOCOL_TCP]: 'TCP',
  [PROTOCOL_UDP]: 'UDP',
  [PROTOCOL_SCTP]: 'SCTP',
};
/** From so many ports in a row on, they are written as a range. */
const RANGE_PORTS = 3;
/** More items than this of one protocol are not readable: one range around all of them stands for them. */
const MAX_ITEMS = 24;
const DNS_PORT = 53;

/** @param l4 protocols times 65,536 plus ports (types of ICMP messages) */
export function l4Needs(l4: Iterable<number>): L4Needs {
  const sorted = [...new Set(l4)].sort((a, b) => a - b);
  const known = (protocol: number): boolean =>
    names[protocol] !== undefined || protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6;
  const ofProtocol = (protocol: number): number[] =>
    sorted.filter((one) => one >>> 16 === protocol).map((one) => one & 0xffff);
  const icmp = (protocol: number, family: 'IPv4' | 'IPv6'): L4Needs['icmp'] =>
    ofProtocol(protocol).map((type) => ({ family, type }));
  return {
    all: sorted.some((one) => !known(one >>> 16)),
    ports: joinDns(
      [PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP].flatMap((protocol) =>
        itemsOf(names[protocol], ofProtocol(protocol)),
      ),
    ),
    icmp: [...icmp(PROTOCOL_ICMP, 'IPv4'), ...icmp(PROTOCOL_ICMPV6, 'IPv6')],
  };
}

function itemsOf(protocol: PortItem['protocol'], ports: readonly number[]): PortItem[] {
  const runs: { first: number; last: number }[] = [];
  for (const port of ports) {
    const run = runs.at(-1);
    if (run !== undefined && run.last === port - 1) run.last = port;
    else runs.push({ first: port, last: port });
  }
  const items = runs.flatMap(({ first, last }) => {
    if (last - first + 1 >= RANGE_PORTS) return [{ protocol, first, last }];
    return Array.from({ length: last - first + 1 }, (_, i) => ({
      protocol,
      first: first + i,
      last: first + i,
    }));
  });
  // Port 0 by itself would mean every port.
  if (items.some(({ first }) => first === 0)) return [{ protocol, first: 0, last: 65_535 }];
  return items.length > MAX_ITEMS ? [{ protocol, first: ports[0], last: ports.at(-1)! }] : items;
}

/** DNS is asked over UDP, and over TCP when an answer is long: people write that as one item. */
function joinDns(items: readonly PortItem[]): PortItem[] {
  const isDns = ({ first, last, protocol }: PortItem): boolean =>
    first === DNS_PORT && last === DNS_PORT && protocol !== 'SCTP';
  if (items.filter(isDns).length < 2) return [...items];
  const any: PortItem = { protocol: 'ANY', first: DNS_PORT, last: DNS_PORT };
  return [any, ...items.filter((item) => !isDns(item))];
}
