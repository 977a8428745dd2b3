import { fromBinary } from '@bufbuild/protobuf';
import { Enrichment } from '../../../../agent/enrich/enrichment.ts';
import { Pipeline } from '../../../../agent/pipeline.ts';
import { RingReader } from '../../../../agent/ring/ring-reader.ts';
import { FlowEncoder } from '../../../../proto/flow/encode-flow.ts';
import type { Flow } from '../../../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../../../proto/gen/observer/observer_pb.ts';
import { PROTO, tcp, TCP_FLAG, udp } from '../../../bpf/support/build-packet.ts';
import { between, type Family } from '../../../bpf/support/conversation.ts';
import { buildEvent, eventConstant } from '../../../support/build-event.ts';
import { RingMemory } from '../../../support/ring-memory.ts';

/** The pod that asks, the server that is asked and a bank of the outside world. */
export const POD = { id: 7, identity: 1001, ipv4: '10.1.0.7', ipv6: 'fd00:1::7' } as const;
export const SERVER = { ipv4: '203.0.113.53', ipv6: '2001:db8::53' } as const;
export const BANK = { ipv4: '203.0.113.80', ipv6: '2001:db8::80' } as const;

export interface Said {
  readonly family?: Family;
  readonly port?: number;
  /** TCP, with this sequence number; UDP when it is absent. */
  readonly sequence?: number;
  /** Bytes of the message that are captured; all of them when it is absent. */
  readonly captured?: number;
}

const L4_OFFSET = { ipv4: 34, ipv6: 54 } as const;

/** The part of an agent that makes flows of events, over a ring in plain memory. */
export class DnsAgent {
  readonly enrichment = new Enrichment();
  readonly pipeline: Pipeline;
  nowNs = 1_000_000_000;
  private readonly ring = new RingMemory(1 << 20);
  private readonly flows: Flow[] = [];

  constructor() {
    this.enrichment.apply([
      ...([POD.ipv4, POD.ipv6] as const).map((address) => {
        const facts = { identity: POD.identity, namespace: 'shop', podName: 'cart', clusterName: 'east' };
        return { kind: 'address', address, facts: { ...facts, labels: [], workloads: [] } } as const;
      }),
      { kind: 'local', id: POD.id, address: POD.ipv4 },
    ]);
    this.pipeline = new Pipeline(
      [new RingReader(this.ring.memory, this.ring.dataBytes)],
      this.enrichment,
      new FlowEncoder({
        nodeName: 'node1',
        nodeLabels: ['a=b'],
        emitter: { name: 'Sluice', version: '0.1.0' },
        seed: Uint32Array.of(1, 2, 3, 4),
      }),
      {
        monotonicNs: () => this.nowNs,
        realtimeOffsetNs: () => 1_790_000_000_000_000_000n,
        send: ({ buffer, bytes, count, offsets }) => {
          const frames = new Uint8Array(buffer, 0, bytes);
          for (let i = 0; i < count; i++) {
            const { responseTypes } = fromBinary(
              GetFlowsResponseSchema,
              frames.slice(offsets[i] + 5, offsets[i + 1]),
            );
            if (responseTypes.case === 'flow') this.flows.push(responseTypes.value);
          }
          this.pipeline.stored(buffer);
        },
      },
      1 << 30,
    );
  }

  /** The pod sends a message to the server's port 53. Returns the flows that come of it. */
  ask(message: Uint8Array, said: Said = {}): Flow[] {
    return this.tell(message, said, true);
  }

  /** The pod gets a message from the server's port 53. */
  answer(message: Uint8Array, said: Said = {}): Flow[] {
    return this.tell(message, said, false);
  }

  /** The pod sends a packet to an address, or gets one from there. */
  trace(to: string, family: Family, isReply = false): Flow[] {
    const [source, destination] = isReply ? [to, POD[family]] : [POD[family], to];
    const packet = between(family, source, destination, PROTO.tcp, tcp({ flags: TCP_FLAG.syn }));
    const values = {
      type: eventConstant('EVENT_TYPE_TRACE'),
      sub_type: isReply ? 0 : 3,
      l4_proto: PROTO.tcp,
    };
    return this.emit(packet, family, !isReply, values);
  }

  /** As `ask` and `answer`, with the event changed by hand before it is read. */
  break(
    message: Uint8Array,
    { asks, isTcp, isIpv6 }: { readonly asks: boolean; readonly isTcp: boolean; readonly isIpv6: boolean },
    change: (event: Uint8Array) => void,
  ): Flow[] {
    const said = {
      family: isIpv6 ? 'ipv6' : 'ipv4',
      ...(isTcp && { sequence: this.nowNs % 2 ** 32 }),
    } as const;
    return this.tell(message, said, asks, change);
  }

  private tell(
    message: Uint8Array,
    said: Said,
    isQuestion: boolean,
    change: (event: Uint8Array) => void = () => {},
  ): Flow[] {
    const { family = 'ipv4', port = 40_000, sequence, captured = message.length } = said;
    const ports = isQuestion ? { from: port, to: 53 } : { from: 53, to: port };
    const l4 = sequence === undefined ? udp(ports, message) : tcp({ ...ports, flags: TCP_FLAG.ack }, message);
    if (sequence !== undefined) new DataView(l4.buffer, l4.byteOffset).setUint32(4, sequence);
    const proto = sequence === undefined ? PROTO.udp : PROTO.tcp;
    const [source, destination] = isQuestion ? [POD[family], SERVER[family]] : [SERVER[family], POD[family]];
    const packet = between(family, source, destination, proto, l4);
    return this.emit(
      packet.subarray(0, packet.length - message.length + captured),
      family,
      isQuestion,
      {
        type: eventConstant('EVENT_TYPE_L7'),
        sub_type: eventConstant(isQuestion ? 'TRACE_FROM_ENDPOINT' : 'TRACE_TO_ENDPOINT'),
        trace_reason: eventConstant('TRACE_REASON_UNKNOWN'),
        l4_proto: proto,
        packet_len: packet.length,
      },
      change,
    );
  }

  private emit(
    packet: Uint8Array,
    family: Family,
    fromPod: boolean,
    values: Readonly<Record<string, number>>,
    change: (event: Uint8Array) => void = () => {},
  ): Flow[] {
    const ends = fromPod
      ? { src_identity: POD.identity, src_endpoint_id: POD.id, dst_identity: 2 }
      : { dst_identity: POD.identity, dst_endpoint_id: POD.id, src_identity: 2 };
    const flags = family === 'ipv6' ? eventConstant('EVENT_FLAG_IPV6') : 0;
    const event = { ktime_ns: this.nowNs, flags, l3_offset: 14, l4_offset: L4_OFFSET[family], ifindex: 5 };
    const bytes = buildEvent({ ...event, ...ends, ...values }, packet);
    change(bytes);
    this.ring.write(bytes);
    this.nowNs += 2_000_000;
    this.pipeline.drain();
    return this.flows.splice(0);
  }
}
