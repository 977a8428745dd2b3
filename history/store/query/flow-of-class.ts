import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Flow, FlowSchema } from '../../../proto/gen/flow/flow_pb.ts';
import { type FlowClass, hasPorts } from '../format/flow-class.ts';

const layer4Members = ['', 'TCP', 'UDP', 'ICMPv4', 'ICMPv6', 'SCTP', 'VRRP', 'IGMP'] as const;
const layer7Members: Readonly<Record<number, 'dns' | 'http' | 'kafka'>> = {
  100: 'dns',
  101: 'http',
  102: 'kafka',
};
const flagNames = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR', 'NS'] as const;

/** A flow that has what its class says, these addresses and ports, and nothing else. */
export function flowOfClass(
  c: FlowClass,
  { sourceIp = '', destinationIp = '', sourcePort = 0, destinationPort = 0 } = {},
): Flow {
  const hasIp = c.hasIp || sourceIp !== '' || destinationIp !== '';
  const ports = hasPorts(c) ? { sourcePort, destinationPort } : {};
  const flags = flagNames.map((name, bit) => [name, ((c.tcpFlags >> bit) & 1) === 1] as const);
  const layer4 = layer4Members[c.layer4];
  const layer7 = layer7Members[c.layer7];
  const parts = {
    verdict: c.verdict,
    dropReasonDesc: c.dropReason,
    trafficDirection: c.direction,
    ...(c.reply !== 0 && { isReply: c.reply === 2 }),
    ...(c.hasEventType && { eventType: { type: c.eventType, subType: c.eventSubType } }),
    ...(hasIp && {
      IP: { source: sourceIp, destination: destinationIp, ipVersion: c.ipVersion, encrypted: c.isEncrypted },
    }),
    ...(c.layer4 !== 0 && {
      l4: {
        protocol: {
          case: layer4,
          value: { ...ports, ...(c.tcpFlags >= 0 && { flags: Object.fromEntries(flags) }) },
        },
      },
    }),
    ...((c.layer7 !== 0 || c.layer7Type !== 0) && {
      l7: { type: c.layer7Type, ...(layer7 !== undefined && { record: { case: layer7, value: {} } }) },
    }),
  };
  // What stands in the tables above is not known to the compiler.
  return create(FlowSchema, parts as MessageInitShape<typeof FlowSchema>);
}
