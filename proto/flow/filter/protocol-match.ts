import type { FlowFilter } from '../../gen/flow/flow_pb.ts';
import { type FieldPath, fieldPath } from '../field-path.ts';
import type { FlowIndex } from '../flow-index.ts';
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
  return (index) => members.has(index.layer4) || (records.size > 0 && records.has(index.layer7));
}

/** Where a port stands in each member of Layer4 that has ports, by the member's number. */
export type PortPaths = Readonly<Record<number, FieldPath>>;

const portPaths = (name: string): PortPaths => ({
  1: fieldPath(`l4.TCP.${name}`),
  2: fieldPath(`l4.UDP.${name}`),
  5: fieldPath(`l4.SCTP.${name}`),
});

export const sourcePortPaths = portPaths('source_port');
export const destinationPortPaths = portPaths('destination_port');

/** Compiles ports into a test of the port at `paths`. Of a port above 65535, which no packet has, the low 16 bits count. Throws FilterError. */
export function compilePortMatch(
  field: string,
  values: readonly string[],
  paths: PortPaths,
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
    const path = paths[index.layer4];
    return path !== undefined && ports.has(index.uint32(path) & 0xffff);
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
    const flags = index.tcpFlags;
    return flags >= 0 && masks.some((mask) => (flags & mask) === mask);
  };
}
