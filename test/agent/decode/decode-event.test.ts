import assert from 'node:assert/strict';
import { fromBinary, toJson } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { EventDecoder } from '../../../agent/decode/decode-event.ts';
import { Enrichment } from '../../../agent/enrich/enrichment.ts';
import type { StructValues } from '../../../bench/support/c-struct.ts';
import { FlowEncoder } from '../../../proto/flow/encode-flow.ts';
import { FlowRecord } from '../../../proto/flow/flow-record.ts';
import { FlowSchema, type Flow } from '../../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import * as build from '../../bpf/support/build-packet.ts';
import { kinds } from '../../bpf/support/packet-kinds.ts';
import { readPacket } from '../../bpf/support/read-packet.ts';
import { buildEvent, eventConstant } from '../../support/build-event.ts';

const { ethernet, ETHERTYPE, ipv4, ipv6, PROTO, tcp } = build;
const encoder = new FlowEncoder({
  nodeName: 'east/node1',
  nodeLabels: [],
  emitter: { name: 'Sluice', version: '0.1.0' },
  seed: Uint32Array.of(1, 2, 3, 4),
});
const out = new Uint8Array(64 * 1024);

/** Decodes one record that stands somewhere inside a larger memory; null when it is refused. */
function decodeRecord(decoder: EventDecoder, record: Uint8Array, after = 0xee): FlowRecord | null {
  const at = 20;
  const memory = new Uint8Array((at + record.length + 199) & ~3).fill(after);
  memory.set(record, at);
  const words = new Uint32Array(memory.buffer);
  return decoder.decode(memory, words, at, record.length) ? decoder.record : null;
}

/** The flow that comes of a record, read by protobuf-es from the bytes that would go out. */
function flowOf(record: Uint8Array, enrichment = new Enrichment()): Flow | null {
  const decoded = decodeRecord(new EventDecoder(new FlowRecord(), enrichment), record);
  if (decoded === null) return null;
  const end = encoder.encode(decoded, out, 0);
  const response = fromBinary(GetFlowsResponseSchema, out.slice(5, end));
  assert.equal(response.responseTypes.case, 'flow');
  return response.responseTypes.value;
}

function traceFlow(values: StructValues, packet = kinds['TCP over IPv4']): Flow {
  const flow = flowOf(eventOf(packet, { type: eventConstant('EVENT_TYPE_TRACE'), ...values }));
  assert.ok(flow);
  return flow;
}

/** What the programs say of a sound packet, taken from the reader that their own tests trust. */
function placesOf(packet: Uint8Array): StructValues {
  const reading = readPacket(packet);
  assert.equal(reading.kind, 'ip');
  const { l3Offset, l4Offset, protocol, ipv6: isIpv6 } = reading;
  return {
    l3_offset: l3Offset,
    l4_offset: l4Offset,
    l4_proto: protocol,
    flags: isIpv6 ? eventConstant('EVENT_FLAG_IPV6') : 0,
  };
}

function eventOf(packet: Uint8Array, values: StructValues): Uint8Array {
  return buildEvent({ ...placesOf(packet), ...values }, packet);
}

describe('a trace event', () => {
  const POINTS = [
    ['TRACE_TO_ENDPOINT', 0, 101],
    ['TRACE_TO_HOST', 2, 2],
    ['TRACE_TO_STACK', 3, 3],
    ['TRACE_FROM_ENDPOINT', 5, 5],
    ['TRACE_FROM_NETWORK', 10, 10],
    ['TRACE_TO_NETWORK', 11, 11],
  ] as const;
  for (const [name, subType, point] of POINTS) {
    it(`keeps the number of ${name} in event_type and gives the API's as observation point`, () => {
      const flow = traceFlow({ sub_type: eventConstant(name) });
      assert.equal(flow.eventType?.type, 4);
      assert.equal(flow.eventType?.subType, subType);
      assert.equal(flow.traceObservationPoint, point);
      assert.equal(flow.verdict, 1, 'FORWARDED');
      assert.equal(flow.dropReasonDesc, 0);
      assert.equal(flow.Type, 1, 'L3_L4');
      assert.equal(flow.file, undefined);
    });
  }

  it('adds one to the reasons below 5, makes 5 unknown and leaves the others', () => {
    const reasons = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((reason) => {
      const flow = traceFlow({ trace_reason: reason });
      return [flow.traceReason, flow.isReply];
    });
    assert.deepEqual(reasons, [
      [1, false],
      [2, false],
      [3, true],
      [4, false],
      [5, false],
      [0, undefined],
      [6, undefined],
      [7, undefined],
      [8, undefined],
    ]);
  });

  it('takes bit 0x80 of the reason for encryption', () => {
    const flow = traceFlow({ trace_reason: 0x80 | eventConstant('TRACE_REASON_REPLY') });
    assert.equal(flow.IP?.encrypted, true);
    assert.equal(flow.isReply, true);
    assert.equal(traceFlow({ trace_reason: 2 }).IP?.encrypted, false);
  });

  const ingress = 1;
  const egress = 2;
  const local = { src_endpoint_id: 7 };
  const localDestination = { dst_endpoint_id: 7 };
  const both = { ...local, ...localDestination };
  const cases: readonly (readonly [string, string, StructValues, number])[] = [
    ['what a pod sends to the stack', 'TRACE_TO_STACK', local, egress],
    ['what a pod sends out of the device', 'TRACE_TO_NETWORK', local, egress],
    ['what a pod sends to its host', 'TRACE_TO_HOST', local, egress],
    ['what a pod is handed', 'TRACE_TO_ENDPOINT', localDestination, ingress],
    ['what a pod is handed by its neighbour', 'TRACE_TO_ENDPOINT', both, ingress],
    ['what the node sends out of the device', 'TRACE_TO_NETWORK', { src_identity: 1 }, egress],
    ['what the network sends to the node', 'TRACE_TO_HOST', { dst_identity: 1, src_identity: 2 }, ingress],
    ['what the network sends', 'TRACE_FROM_NETWORK', localDestination, ingress],
    ['what is only passing', 'TRACE_TO_NETWORK', { src_identity: 2, dst_identity: 6 }, 0],
  ];
  for (const [name, point, ends, direction] of cases) {
    it(`tells the direction of ${name}, of its replies, and none while the state is unknown`, () => {
      const flow = (reason: string): Flow =>
        traceFlow({ sub_type: eventConstant(point), trace_reason: eventConstant(reason), ...ends });
      assert.equal(flow('TRACE_REASON_NEW').trafficDirection, direction);
      assert.equal(
        flow('TRACE_REASON_REPLY').trafficDirection,
        direction === 0 ? 0 : ingress + egress - direction,
      );
      assert.equal(flow('TRACE_REASON_UNKNOWN').trafficDirection, 0);
    });
  }

  it('names the interface, by number alone when it is not known', () => {
    const enrichment = new Enrichment();
    enrichment.apply([{ kind: 'interface', index: 12, name: 'lxc12' }]);
    const event = (ifindex: number): Uint8Array =>
      eventOf(kinds['TCP over IPv4'], { type: eventConstant('EVENT_TYPE_TRACE'), ifindex });
    const { interface: known } = flowOf(event(12), enrichment)!;
    assert.deepEqual([known?.index, known?.name], [12, 'lxc12']);
    const { interface: unknown } = flowOf(event(13), enrichment)!;
    assert.deepEqual([unknown?.index, unknown?.name], [13, '']);
  });
});

describe('a drop event', () => {
  const drop = (values: StructValues, packet = kinds['TCP over IPv4']): Flow => {
    const type = eventConstant('EVENT_TYPE_DROP');
    const flow = flowOf(eventOf(packet, { type, trace_reason: 5, ...values }));
    assert.ok(flow);
    return flow;
  };

  it('tells reason, both ways, and where in the source it was given', () => {
    const flow = drop({
      sub_type: eventConstant('DROP_INVALID_SOURCE_IP'),
      source_file: eventConstant('SOURCE_FILE_DATAPATH'),
      source_line: 123,
      ifindex: 9,
    });
    assert.deepEqual(toJson(FlowSchema, flow, { useProtoFieldName: true }), {
      time: '1970-01-01T00:00:00Z',
      verdict: 'DROPPED',
      drop_reason: 132,
      drop_reason_desc: 'INVALID_SOURCE_IP',
      ethernet: { source: '02:00:00:00:00:01', destination: '00:00:00:00:00:00' },
      IP: { source: '10.0.0.1', destination: '10.0.0.2', ipVersion: 'IPv4' },
      l4: { TCP: { source_port: 40000, destination_port: 80, flags: { SYN: true } } },
      source: { identity: 2, labels: ['reserved:world'] },
      destination: { identity: 2, labels: ['reserved:world'] },
      Type: 'L3_L4',
      node_name: 'east/node1',
      event_type: { type: 1, sub_type: 132 },
      uuid: flow.uuid,
      file: { name: 'datapath.bpf.c', line: 123 },
      emitter: { name: 'Sluice', version: '0.1.0' },
      Summary: 'TCP Flags: SYN',
    });
  });

  it('goes out of the local source, else into the local destination', () => {
    assert.equal(drop({ src_endpoint_id: 1, dst_endpoint_id: 2 }).trafficDirection, 2);
    assert.equal(drop({ dst_endpoint_id: 2 }).trafficDirection, 1);
    assert.equal(drop({}).trafficDirection, 0);
  });

  it('shows no addresses of a header that is none', () => {
    const cases = [
      ethernet(ETHERTYPE.ipv4, ipv4({ protocol: PROTO.tcp, version: 5 }, tcp({}))),
      ethernet(ETHERTYPE.ipv4, ipv6({ next: PROTO.tcp }, tcp({}))),
      ethernet(ETHERTYPE.ipv6, ipv6({ next: PROTO.tcp, version: 4 }, tcp({}))),
    ];
    for (const packet of cases) {
      const values = { type: eventConstant('EVENT_TYPE_DROP'), sub_type: 134, l3_offset: 14 };
      const flow = flowOf(buildEvent(values, packet));
      assert.ok(flow?.ethernet);
      assert.equal(flow.IP, undefined);
      assert.equal(flow.l4, undefined);
      assert.deepEqual([flow.source?.identity, flow.source?.labels], [0, ['reserved:unknown']]);
      assert.equal(flow.Summary, 'Ethernet');
    }
  });
});

describe('the layers of a packet', () => {
  const l4 = (name: string): unknown => {
    const json = toJson(FlowSchema, traceFlow({}, kinds[name]), { useProtoFieldName: true });
    return (json as { l4?: unknown }).l4;
  };

  it('are read from every kind of packet', () => {
    assert.deepEqual(Object.fromEntries(Object.keys(kinds).map((name) => [name, l4(name)])), {
      'TCP over IPv4': { TCP: { source_port: 40000, destination_port: 80, flags: { SYN: true } } },
      'TCP with options and data': {
        TCP: { source_port: 40000, destination_port: 80, flags: { PSH: true, ACK: true } },
      },
      'TCP over IPv6': { TCP: { source_port: 40000, destination_port: 80, flags: { SYN: true } } },
      'UDP over IPv4': { UDP: { source_port: 40000, destination_port: 53 } },
      'UDP over IPv6': { UDP: { source_port: 40000, destination_port: 53 } },
      'SCTP over IPv4': { SCTP: { source_port: 40000, destination_port: 3868, chunk_type: 'INIT' } },
      'SCTP over IPv6': { SCTP: { source_port: 40000, destination_port: 3868 } },
      'ICMP echo': { ICMPv4: { type: 8 } },
      'ICMPv6 echo': { ICMPv6: { type: 128 } },
      'ICMP unreachable': { ICMPv4: { type: 3, code: 3 } },
      'ICMPv6 packet too big': { ICMPv6: { type: 2 } },
      'ICMPv6 neighbour solicitation': { ICMPv6: { type: 135 } },
      'IPv4 with options': { TCP: { source_port: 40000, destination_port: 80, flags: { ACK: true } } },
      'a GRE packet': undefined,
      'an ESP packet': undefined,
      IGMP: undefined,
      'ICMPv6 inside IPv4, which nobody takes for ICMP': undefined,
      'a VLAN tag': { UDP: { source_port: 40000, destination_port: 53 } },
      'two VLAN tags': { TCP: { source_port: 40000, destination_port: 80, flags: { ACK: true } } },
      'IPv6 with a hop-by-hop header': {
        TCP: { source_port: 40000, destination_port: 80, flags: { ACK: true } },
      },
      'IPv6 with a routing header': { UDP: { source_port: 40000, destination_port: 53 } },
      'IPv6 with destination options': { ICMPv6: { type: 128 } },
      'IPv6 with an authentication header': {
        TCP: { source_port: 40000, destination_port: 80, flags: { ACK: true } },
      },
      'IPv6 with all extension headers': {
        TCP: { source_port: 40000, destination_port: 80, flags: { SYN: true } },
      },
      'a first IPv4 fragment': { UDP: { source_port: 40000, destination_port: 53 } },
      'a first IPv6 fragment': { UDP: { source_port: 40000, destination_port: 53 } },
      'a later IPv4 fragment': undefined,
      'a later IPv6 fragment': undefined,
    });
  });

  it('have their addresses from wherever the IP header stands', () => {
    for (const [name, packet] of Object.entries(kinds)) {
      const { IP } = traceFlow({}, packet);
      const isIpv6 = placesOf(packet).flags === eventConstant('EVENT_FLAG_IPV6');
      const expected = isIpv6 ? ['fd00::1', 'fd00::2', 2] : ['10.0.0.1', '10.0.0.2', 1];
      assert.deepEqual([IP?.source, IP?.destination, IP?.ipVersion], expected, name);
    }
  });

  it('start at the IP header on devices without Ethernet', () => {
    const flow = flowOf(
      buildEvent(
        {
          type: eventConstant('EVENT_TYPE_TRACE'),
          flags: eventConstant('EVENT_FLAG_NO_L2'),
          l4_offset: 20,
          l4_proto: PROTO.tcp,
        },
        kinds['TCP over IPv4'].subarray(14),
      ),
    );
    assert.equal(flow?.ethernet, undefined);
    assert.equal(flow?.IP?.source, '10.0.0.1');
    assert.equal(flow?.l4?.protocol.case, 'TCP');
  });

  it('show each of the nine TCP flags', () => {
    const names = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR', 'NS'] as const;
    for (const [bit, name] of names.entries()) {
      const segment = tcp({ flags: bit < 8 ? 1 << bit : 0 });
      if (bit === 8) segment[12] |= 1;
      const flow = traceFlow({}, ethernet(ETHERTYPE.ipv4, ipv4({ protocol: PROTO.tcp }, segment)));
      assert.equal(flow.l4?.protocol.case, 'TCP');
      const { flags } = flow.l4.protocol.value as { flags: Record<string, unknown> };
      assert.deepEqual(
        names.filter((flag) => flags[flag] === true),
        [name],
      );
    }
  });
});

it('keeps nothing of the record before: no ports, no services of theirs', () => {
  const enrichment = new Enrichment();
  const service = { namespace: 'travel', name: 'fares' };
  enrichment.apply([{ kind: 'service', address: '10.0.0.2', port: 80, service }]);
  const decoder = new EventDecoder(new FlowRecord(), enrichment);
  const event = (name: string): Uint8Array =>
    eventOf(kinds[name], { type: eventConstant('EVENT_TYPE_TRACE') });
  assert.ok(decodeRecord(decoder, event('TCP over IPv4'))!.destinationService.length > 0);
  const record = decodeRecord(decoder, event('ICMP echo'))!;
  assert.deepEqual(
    [record.destinationService.length, record.sourcePort, record.destinationPort, record.tcpFlags],
    [0, 0, 0, 0],
  );
});

describe('a capture that is cut off', () => {
  for (const [name, packet] of Object.entries(kinds)) {
    it(`gives of ${name} only what was captured, at any length`, () => {
      const values = { ...placesOf(packet), type: eventConstant('EVENT_TYPE_TRACE') };
      for (let length = 0; length <= packet.length; length++) {
        const event = buildEvent({ ...values, captured_len: length }, packet.subarray(0, length));
        const views = [0x00, 0xff].map((after) => {
          const decoder = new EventDecoder(new FlowRecord(), new Enrichment());
          const record = decodeRecord(decoder, event, after);
          assert.ok(record, `${length} bytes`);
          const end = encoder.encode(record, out, 0);
          const { responseTypes } = fromBinary(GetFlowsResponseSchema, out.slice(5, end));
          return { ...(responseTypes.value as Flow), uuid: '' };
        });
        assert.deepEqual(views[0], views[1], `bytes behind the ${length} captured ones were read`);
      }
    });
  }
});

describe('bytes that are no event', () => {
  const decoder = new EventDecoder(new FlowRecord(), new Enrichment());

  it('are refused: too short, more captured than there is, or of a type that no program sends', () => {
    const event = eventOf(kinds['TCP over IPv4'], { type: eventConstant('EVENT_TYPE_TRACE') });
    assert.ok(decodeRecord(decoder, event));
    for (let length = 0; length < event.length; length++) {
      assert.equal(decodeRecord(decoder, event.subarray(0, length)), null, `${length} bytes`);
    }
    for (const type of [0, 2, 3, 6, 7, 128, 130, 255]) {
      assert.equal(decodeRecord(decoder, eventOf(kinds['TCP over IPv4'], { type })), null, `type ${type}`);
    }
    const crossed = { type: eventConstant('EVENT_TYPE_TRACE'), l3_offset: 14, l4_offset: 13 };
    assert.equal(decodeRecord(decoder, buildEvent(crossed, kinds['TCP over IPv4'])), null);
  });

  it('never throw, and never become anything but a valid flow', () => {
    const types = fc.constantFrom(1, 4, 129);
    const header = fc.uint8Array({ minLength: 48, maxLength: 48 });
    fc.assert(
      fc.property(types, header, fc.uint8Array({ maxLength: 200 }), fc.boolean(), (type, head, tail, fit) => {
        const event = Buffer.concat([head, tail]);
        event[14] = type;
        if (fit) {
          event.writeUInt16LE(tail.length, 12);
          event.writeUInt16LE(event.readUInt16LE(20) % 64, 20);
          event.writeUInt16LE(event.readUInt16LE(22) % 128, 22);
        }
        const record = decodeRecord(decoder, event);
        if (record === null) return;
        const end = encoder.encode(record, out, 0);
        assert.ok(end <= encoder.maxBytes(record));
        fromBinary(GetFlowsResponseSchema, out.slice(5, end));
      }),
      { numRuns: 5000 },
    );
  });
});
