import { type FlowFilter } from '../../gen/flow/flow_pb.ts';
import { type FlowIndex, type Layer4View } from '../flow-index.ts';
import { FilterError } from './filter-error.ts';

/** Members of Layer4 that a protocol name stands for. */
const layer4Names: Readonly<Record<string, readonly number[]>> = {
  tcp: [1],
  udp: [2],
  icmp: [3, 4],
  icmpv4: [3],
  icmpv6: [4],
  sctp: [5],
  vrrp: [6],
  igmp: [7],
};

/** Records of Layer7 that a protocol name stands for. */
const layer7Names: Readonly<Record<string, number>> = { dns: 100, http: 101 };

const view: Layer4View = { member: 0, first: 0, second: 0, hasFlags: false, flags: 0 };

/** Compiles protocol names, L4 and L7 mixed. Throws FilterError for an unknown one. */
export function compileProtocolMatch(values: readonly string[]): (index: FlowIndex) => boolean {
  const members = new Set<number>();
  const records = new Set<number>();
  for (const value of values) {
    const name = value.toLowerCase();
    if (Object.hasOwn(layer4Names, name)) for (const member of layer4Names[name]) members.add(member);
    else if (Object.hasOwn(layer7Names, name)) records.add(layer7Names[name]);
    else {
      const known = [...Object.keys(layer4Names), ...Object.keys(layer7Names)].join(', ');
      throw new FilterError('protocol', value, `expected one of ${known}`);
    }
  }
  return (index) => {
    index.layer4(view);
    return members.has(view.member) || (records.size > 0 && records.has(index.l7Record));
  };
}

/** Compiles ports into a test; `side` tells which of the two ports counts. Throws FilterError. */
export function compilePortMatch(
  field: string,
  values: readonly string[],
  side: 'first' | 'second',
): (index: FlowIndex) => boolean {
  const ports = new Set(
    values.map((value) => {
      if (!/^\d+$/.test(value) || Number(value) > 65535) {
        throw new FilterError(field, value, 'expected a port number from 0 to 65535');
      }
      return Number(value);
    }),
  );
  return (index) => {
    index.layer4(view);
    const hasPorts = view.member === 1 || view.member === 2 || view.member === 5;
    return hasPorts && ports.has(view[side] & 0xffff);
  };
}

/** Compiles TCP flag conjunctions: every flag that is set in one of them must be set in the flow. */
export function compileTcpFlagsMatch(values: FlowFilter['tcpFlags']): (index: FlowIndex) => boolean {
  const masks = values.map((flags) =>
    [flags.FIN, flags.SYN, flags.RST, flags.PSH, flags.ACK, flags.URG, flags.ECE, flags.CWR, flags.NS].reduce(
      (mask, set, bit) => (set ? mask | (1 << bit) : mask),
      0,
    ),
  );
  return (index) => {
    index.layer4(view);
    return view.member === 1 && view.hasFlags && masks.some((mask) => (view.flags & mask) === mask);
  };
}
