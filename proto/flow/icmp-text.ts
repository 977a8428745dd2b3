/** Names of message types and codes as they stand in a flow's summary; ICMP's numbers from IANA's icmp-parameters and icmpv6-parameters. */

interface IcmpType {
  readonly name: string;
  readonly codes?: Readonly<Record<number, string>>;
}

const icmpv4Types: Readonly<Record<number, IcmpType>> = {
  0: { name: 'EchoReply' },
  3: {
    name: 'DestinationUnreachable',
    codes: {
      0: 'Net',
      1: 'Host',
      2: 'Protocol',
      3: 'Port',
      4: 'FragmentationNeeded',
      5: 'SourceRoutingFailed',
      6: 'NetUnknown',
      7: 'HostUnknown',
      8: 'SourceIsolated',
      9: 'NetAdminProhibited',
      10: 'HostAdminProhibited',
      11: 'NetTOS',
      12: 'HostTOS',
      13: 'CommAdminProhibited',
      14: 'HostPrecedence',
      15: 'PrecedenceCutoff',
    },
  },
  4: { name: 'SourceQuench' },
  5: { name: 'Redirect', codes: { 0: 'Network', 1: 'Host', 2: 'TOS+Network', 3: 'TOS+Host' } },
  8: { name: 'EchoRequest' },
  9: { name: 'RouterAdvertisement' },
  10: { name: 'RouterSolicitation' },
  11: { name: 'TimeExceeded', codes: { 0: 'TTLExceeded', 1: 'FragmentReassemblyTimeExceeded' } },
  12: {
    name: 'ParameterProblem',
    codes: { 0: 'PointerIndicatesError', 1: 'MissingOption', 2: 'BadLength' },
  },
  13: { name: 'TimestampRequest' },
  14: { name: 'TimestampReply' },
  15: { name: 'InfoRequest' },
  16: { name: 'InfoReply' },
  17: { name: 'AddressMaskRequest' },
  18: { name: 'AddressMaskReply' },
};

const icmpv6Types: Readonly<Record<number, IcmpType>> = {
  1: {
    name: 'DestinationUnreachable',
    codes: {
      0: 'NoRouteToDst',
      1: 'AdminProhibited',
      2: 'BeyondScope',
      3: 'AddressUnreachable',
      4: 'PortUnreachable',
      5: 'SrcAddressFailedPolicy',
      6: 'RejectRouteToDst',
    },
  },
  2: { name: 'PacketTooBig' },
  3: { name: 'TimeExceeded', codes: { 0: 'HopLimitExceeded', 1: 'FragmentReassemblyTimeExceeded' } },
  4: {
    name: 'ParameterProblem',
    codes: { 0: 'ErroneousHeader', 1: 'UnrecognizedNextHeader', 2: 'UnrecognizedIPv6Option' },
  },
  128: { name: 'EchoRequest' },
  129: { name: 'EchoReply' },
  130: { name: 'MLDv1MulticastListenerQueryMessage' },
  131: { name: 'MLDv1MulticastListenerReportMessage' },
  132: { name: 'MLDv1MulticastListenerDoneMessage' },
  133: { name: 'RouterSolicitation' },
  134: { name: 'RouterAdvertisement' },
  135: { name: 'NeighborSolicitation' },
  136: { name: 'NeighborAdvertisement' },
  137: { name: 'Redirect' },
  143: { name: 'MLDv2MulticastListenerReportMessageV2' },
};

function icmpText(types: Readonly<Record<number, IcmpType>>, type: number, code: number): string {
  const known = types[type];
  if (known === undefined) return `${type}(${code})`;
  if (known.codes === undefined && code === 0) return known.name;
  return `${known.name}(${known.codes?.[code] ?? `Code: ${code}`})`;
}

/** Summary of an ICMPv4 message: `ICMPv4 EchoRequest`, `ICMPv4 DestinationUnreachable(Port)`. */
export function icmpv4Summary(type: number, code: number): string {
  return `ICMPv4 ${icmpText(icmpv4Types, type, code)}`;
}

/** Summary of an ICMPv6 message. */
export function icmpv6Summary(type: number, code: number): string {
  return `ICMPv6 ${icmpText(icmpv6Types, type, code)}`;
}

/** Types of VRRP (RFC 9568 section 5.2.2) and IGMP (IANA's igmp-type-numbers). */
const vrrpTypes: Readonly<Record<number, string>> = { 1: 'Advertisement' };
const igmpTypes: Readonly<Record<number, string>> = {
  0x11: 'MembershipQuery',
  0x12: 'MembershipReportV1',
  0x16: 'MembershipReportV2',
  0x17: 'LeaveGroup',
  0x22: 'MembershipReportV3',
};

/** Summary of a VRRP message: `VRRP Advertisement`. */
export function vrrpSummary(type: number): string {
  return `VRRP ${vrrpTypes[type] ?? type}`;
}

/** Summary of an IGMP message: `IGMP MembershipQuery`. */
export function igmpSummary(type: number): string {
  return `IGMP ${igmpTypes[type] ?? type}`;
}
