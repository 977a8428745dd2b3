import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import {
  CiliumEventTypeSchema,
  EndpointSchema,
  EthernetSchema,
  FileInfoSchema,
  FlowSchema,
  FlowType,
  IPSchema,
  Layer4Schema,
  Layer7Schema,
  NetworkInterfaceSchema,
  PolicySchema,
  ServiceSchema,
  type Flow,
} from '../../proto/gen/flow/flow_pb.ts';
import {
  FlowRecord,
  L4_ICMPV4,
  L4_ICMPV6,
  L4_IGMP,
  L4_SCTP,
  L4_TCP,
  L4_UDP,
  L4_VRRP,
  TCP_FLAGS_UNTOLD,
} from '../../proto/flow/flow-record.ts';
import { putIpv6Text } from '../../proto/flow/put-text.ts';

/** A record for the hand-written encoder, and the same flow as protobuf-es sees it (uuid left out, and Summary but for flows of layer 7). */
export interface RecordAndFlow {
  readonly record: FlowRecord;
  readonly flow: Flow;
}

const mac = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');

function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const out = new Uint8Array(64);
  return Buffer.from(out.subarray(0, putIpv6Text(new DataView(out.buffer), 0, bytes, 0))).toString();
}

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const endpoint = fc.record({
  ID: fc.nat(65535),
  identity: fc.nat(0xffffff),
  namespace: text,
  labels: fc.array(text, { maxLength: 12 }),
  podName: text,
  workloads: fc.array(fc.record({ name: text, kind: text }), { maxLength: 2 }),
  clusterName: text,
});
const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
// Many zero groups, so that every form of `::` comes up.
const ipv6 = fc
  .array(fc.constantFrom(0, 0, 0, 1, 0x20, 0xff, 0x1234, 0xffff), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255])));

const addresses = fc.oneof(
  fc.record({ ipVersion: fc.constant(1), source: bytes(4), destination: bytes(4) }),
  fc.record({ ipVersion: fc.constant(2), source: ipv6, destination: ipv6 }),
  fc.constant({ ipVersion: 0, source: new Uint8Array(0), destination: new Uint8Array(0) }),
);
const port = fc.oneof(fc.constant(0), fc.nat(65535));

/** Flows of every shape that an agent can write, with sizes from nothing to above one byte of length in every nested message. */
export const recordAndFlow: fc.Arbitrary<RecordAndFlow> = fc
  .record({
    time: fc.record({ seconds: fc.nat(4_000_000_000), nanos: fc.nat(999_999_999) }),
    verdict: fc.nat(7),
    dropReason: fc.constantFrom(0, 132, 133, 181),
    macs: fc.option(fc.record({ source: bytes(6), destination: bytes(6) }), { nil: null }),
    addresses,
    encrypted: fc.boolean(),
    xlated: fc.boolean(),
    l4: fc.constantFrom(0, L4_TCP, L4_UDP, L4_SCTP, L4_ICMPV4, L4_ICMPV6, L4_VRRP, L4_IGMP),
    vrrp: fc.record({ vrid: fc.nat(255), priority: fc.nat(255) }),
    group: fc.option(bytes(4), { nil: null }),
    sourcePort: port,
    destinationPort: port,
    tcpFlags: fc.nat(TCP_FLAGS_UNTOLD),
    icmp: fc.record({ type: fc.nat(255), code: fc.nat(255) }),
    sctpChunk: fc.nat(6),
    source: endpoint,
    destination: endpoint,
    event: fc.record({ type: fc.nat(255), subType: fc.nat(255) }),
    services: fc.record({ source: fc.boolean(), destination: fc.boolean(), name: text }),
    numbers: fc.record({
      trafficDirection: fc.nat(2),
      policyMatchType: fc.nat(6),
      observationPoint: fc.constantFrom(0, 5, 10, 101),
      proxyPort: port,
      authType: fc.nat(2),
      traceReason: fc.nat(8),
    }),
    isReply: fc.constantFrom(-1, 0, 1),
    names: fc.record({
      source: fc.array(text, { maxLength: 3 }),
      destination: fc.array(text, { maxLength: 3 }),
    }),
    policies: fc.array(
      fc.record({ name: text, namespace: text, revision: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
      {
        maxLength: 3,
      },
    ),
    layer7: fc.option(fc.record({ latencyNs: fc.bigInt({ min: 1n, max: 2n ** 40n }), query: text }), {
      nil: null,
    }),
    networkInterface: fc.option(fc.record({ index: fc.nat(5000), name: text }), { nil: null }),
    file: fc.option(fc.record({ name: text, line: fc.nat(5000) }), { nil: null }),
  })
  .map((x) => {
    const record = new FlowRecord();
    const flow = create(FlowSchema, {
      time: create(TimestampSchema, { seconds: BigInt(x.time.seconds), nanos: x.time.nanos }),
      dropReason: x.dropReason,
      source: create(EndpointSchema, x.source as never),
      destination: create(EndpointSchema, x.destination as never),
      Type: 1,
    });
    // Enums stay open: any number is a value of theirs on the wire.
    Object.assign(flow, x.numbers, {
      verdict: x.verdict,
      dropReasonDesc: x.dropReason,
      traceObservationPoint: x.numbers.observationPoint,
    });
    Object.assign(record, x.time, x.numbers, {
      verdict: x.verdict,
      dropReason: x.dropReason,
      encrypted: x.encrypted,
      isReply: x.isReply,
      ipVersion: x.addresses.ipVersion,
      source: toBinary(EndpointSchema, flow.source!),
      destination: toBinary(EndpointSchema, flow.destination!),
    });
    const packet = new Uint8Array(64);
    if (x.macs !== null) {
      packet.set(x.macs.destination, 0);
      packet.set(x.macs.source, 6);
      record.ethernetOffset = 0;
      flow.ethernet = create(EthernetSchema, {
        source: mac(x.macs.source),
        destination: mac(x.macs.destination),
      });
    }
    packet.set(x.addresses.source, 14);
    packet.set(x.addresses.destination, 14 + x.addresses.source.length);
    record.packet = packet;
    record.addressOffset = 14;
    if (x.addresses.ipVersion !== 0) {
      flow.IP = create(IPSchema, {
        source: ipText(x.addresses.source),
        destination: ipText(x.addresses.destination),
        ipVersion: x.addresses.ipVersion,
        encrypted: x.encrypted,
      });
    }
    if (x.xlated && flow.IP !== undefined) {
      record.sourceXlated = x.addresses.destination;
      flow.IP.sourceXlated = flow.IP.destination;
    }
    if (x.group !== null) packet.set(x.group, 60);
    setLayer4(record, flow, x);
    if (x.event.type !== 0) {
      record.eventType = x.event.type;
      record.eventSubType = x.event.subType;
      flow.eventType = create(CiliumEventTypeSchema, x.event);
    }
    const service = create(ServiceSchema, { name: `s${x.services.name}`, namespace: x.services.name });
    if (x.services.source) {
      flow.sourceService = service;
      record.sourceService = toBinary(ServiceSchema, service);
    }
    if (x.services.destination) {
      flow.destinationService = service;
      record.destinationService = toBinary(ServiceSchema, service);
    }
    Object.assign(flow, { sourceNames: x.names.source, destinationNames: x.names.destination });
    record.sourceNames = fieldsOf({ sourceNames: x.names.source });
    record.destinationNames = fieldsOf({ destinationNames: x.names.destination });
    flow.ingressAllowedBy = x.policies.map((policy) => create(PolicySchema, policy));
    flow.policyLog = x.names.source;
    record.policies = fieldsOf({ ingressAllowedBy: flow.ingressAllowedBy, policyLog: flow.policyLog });
    if (x.isReply >= 0) flow.isReply = x.isReply === 1;
    flow.reply = x.isReply === 1;
    if (x.networkInterface !== null && (x.networkInterface.index > 0 || x.networkInterface.name !== '')) {
      flow.interface = create(NetworkInterfaceSchema, x.networkInterface);
      record.networkInterface = toBinary(NetworkInterfaceSchema, flow.interface);
    }
    if (x.layer7 !== null) {
      const { latencyNs, query } = x.layer7;
      flow.l7 = create(Layer7Schema, { latencyNs, record: { case: 'dns', value: { query } } });
      flow.Type = FlowType.L7;
      flow.Summary = `DNS Query ${query}`;
      record.layer7 = toBinary(Layer7Schema, flow.l7);
      record.summary = Buffer.from(flow.Summary);
    }
    if (x.file !== null && (x.file.line > 0 || x.file.name !== '')) {
      flow.file = create(FileInfoSchema, x.file);
      record.file = toBinary(FileInfoSchema, flow.file);
    }
    return { record, flow };
  });

/** Some fields of a flow, tags included. */
function fieldsOf(init: MessageInitShape<typeof FlowSchema>): Uint8Array {
  return toBinary(FlowSchema, create(FlowSchema, init));
}

function setLayer4(
  record: FlowRecord,
  flow: Flow,
  x: {
    l4: number;
    sourcePort: number;
    destinationPort: number;
    tcpFlags: number;
    icmp: { type: number; code: number };
    sctpChunk: number;
    vrrp: { vrid: number; priority: number };
    group: Uint8Array | null;
  },
): void {
  record.l4 = x.l4;
  const ports = { sourcePort: x.sourcePort, destinationPort: x.destinationPort };
  Object.assign(record, ports, {
    tcpFlags: x.tcpFlags,
    icmpType: x.icmp.type,
    icmpCode: x.icmp.code,
    sctpChunk: x.sctpChunk,
    vrrpRouterId: x.vrrp.vrid,
    vrrpPriority: x.vrrp.priority,
    groupOffset: x.group === null ? -1 : 60,
  });
  const names = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR', 'NS'];
  const flags =
    x.tcpFlags === TCP_FLAGS_UNTOLD
      ? {}
      : { flags: Object.fromEntries(names.map((name, i) => [name, (x.tcpFlags & (1 << i)) !== 0])) };
  const members = {
    [L4_TCP]: { case: 'TCP', value: { ...ports, ...flags } },
    [L4_UDP]: { case: 'UDP', value: ports },
    [L4_SCTP]: { case: 'SCTP', value: { ...ports, chunkType: x.sctpChunk } },
    [L4_ICMPV4]: { case: 'ICMPv4', value: x.icmp },
    [L4_ICMPV6]: { case: 'ICMPv6', value: x.icmp },
    [L4_VRRP]: { case: 'VRRP', value: { type: x.icmp.type, ...x.vrrp } },
    [L4_IGMP]: { case: 'IGMP', value: { type: x.icmp.type, groupAddress: x.group?.join('.') ?? '' } },
  } as const;
  const member = members[x.l4 as keyof typeof members];
  if (member === undefined) return;
  flow.l4 = create(Layer4Schema, { protocol: member } as never);
}
