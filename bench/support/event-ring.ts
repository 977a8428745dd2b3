import { addressBytes } from './address-bytes.ts';
import { buildEvent, eventConstant } from '../../test/support/build-event.ts';
import * as build from '../../test/bpf/support/build-packet.ts';
import { RingMemory } from '../../test/support/ring-memory.ts';
import { type EnrichmentChange } from '../../agent/enrich/enrichment.ts';

const PODS = 64;
const SERVICES = 16;
const { ethernet, ETHERTYPE, ipv4, ipv6, PROTO, TCP_FLAG } = build;

const podIpv4 = (pod: number): string => `10.1.0.${pod + 1}`;
const podIpv6 = (pod: number): string => `fd00:1::${(pod + 1).toString(16)}`;

/** What an agent knows of a node with 64 pods, their labels as Kubernetes gives them, and 16 services. */
export function typicalNames(): EnrichmentChange[] {
  const pods = Array.from({ length: PODS }, (_, pod): EnrichmentChange[] => {
    const facts = {
      identity: 65_536 + (pod % 20),
      namespace: `team-${pod % 5}`,
      podName: `service-${pod % 20}-7d9f8b6c5d-${(pod + 100_000).toString(36)}`,
      clusterName: 'east',
      labels: [
        `k8s:app.kubernetes.io/name=service-${pod % 20}`,
        'k8s:io.cilium.k8s.policy.cluster=east',
        'k8s:io.cilium.k8s.policy.serviceaccount=default',
        `k8s:io.kubernetes.pod.namespace=team-${pod % 5}`,
      ],
      workloads: [{ name: `service-${pod % 20}`, kind: 'Deployment' }],
    };
    return [podIpv4(pod), podIpv6(pod)].map((address) => ({ kind: 'address', address, facts }));
  });
  const services = Array.from({ length: SERVICES }, (_, i): EnrichmentChange => {
    const service = { namespace: `team-${i % 5}`, name: `service-${i}` };
    return { kind: 'service', address: `10.96.0.${i + 1}`, port: 80, service };
  });
  const interfaces = Array.from({ length: PODS }, (_, pod): EnrichmentChange => {
    return { kind: 'interface', index: 100 + pod, name: `lxc${pod}` };
  });
  return [...pods.flat(), ...services, ...interfaces];
}

/** The i-th packet of a mix: mostly TCP over IPv4 between pods, some UDP, some to services or the world, some IPv6 and ICMP. */
function packetOf(i: number): { packet: Uint8Array; l3: number; l4: number; proto: number; isIpv6: boolean } {
  const source = i % PODS;
  const from = 32_768 + ((i * 7919) % 28_000);
  const flags = [TCP_FLAG.syn, TCP_FLAG.syn | TCP_FLAG.ack, TCP_FLAG.ack, TCP_FLAG.fin | TCP_FLAG.ack][i % 4];
  const tcp = build.tcp({ from, to: 80, flags });
  const other = (i * 31 + 7) % PODS;
  const kind = i % 10;
  if (kind === 8) {
    const payload = kind === i % 20 ? tcp : build.icmp({ type: 128 });
    const proto = kind === i % 20 ? PROTO.tcp : PROTO.icmpv6;
    const header = { next: proto, source: podIpv6(source), destination: podIpv6(other) };
    return {
      packet: ethernet(ETHERTYPE.ipv6, ipv6(header, payload)),
      l3: 14,
      l4: 54,
      proto,
      isIpv6: true,
    };
  }
  const proto = kind === 7 ? PROTO.udp : kind === 9 ? PROTO.icmp : PROTO.tcp;
  const payload =
    proto === PROTO.tcp
      ? tcp
      : proto === PROTO.udp
        ? build.udp({ from, to: 53 }, new Uint8Array(0))
        : build.icmp({ type: 8 });
  const destination =
    kind === 5 ? `10.96.0.${(i % SERVICES) + 1}` : kind === 6 ? '93.184.216.34' : podIpv4(other);
  const header = { protocol: proto, source: podIpv4(source), destination };
  return { packet: ethernet(ETHERTYPE.ipv4, ipv4(header, payload)), l3: 14, l4: 34, proto, isIpv6: false };
}

/** The i-th event of the mix, as a program writes it, captured up to the end of its headers. */
export function typicalEvent(i: number, ktimeNs: number): Uint8Array {
  const { packet, l3, l4, proto, isIpv6 } = packetOf(i);
  const sent = i % 2 === 0;
  return buildEvent(
    {
      ktime_ns: ktimeNs,
      type: eventConstant('EVENT_TYPE_TRACE'),
      sub_type: eventConstant(sent ? 'TRACE_TO_STACK' : 'TRACE_TO_ENDPOINT'),
      trace_reason: i % 3,
      flags: isIpv6 ? eventConstant('EVENT_FLAG_IPV6') : 0,
      l4_proto: proto,
      l3_offset: l3,
      l4_offset: l4,
      ifindex: 100 + (i % PODS),
      src_identity: 65_536 + ((i % PODS) % 20),
      dst_identity: 65_536 + (((i * 31 + 7) % PODS) % 20),
      src_endpoint_id: sent ? (i % PODS) + 1 : 0,
      dst_endpoint_id: sent ? 0 : (i % PODS) + 1,
    },
    packet,
  );
}

/** A ring in plain memory, full of typical events, that can be made readable again and again without being written anew. */
export class EventRing {
  readonly memory: ArrayBuffer;
  readonly dataBytes: number;
  readonly events: number;
  private readonly positions: BigUint64Array;

  constructor(dataBytes: number, first = 0) {
    const ring = new RingMemory(dataBytes);
    let used = 0;
    let events = 0;
    for (;;) {
      const event = typicalEvent(first + events, 1000 + 10 * events);
      const size = (12 + event.length + 7) & ~7;
      if (used + size > dataBytes) break;
      ring.write(event);
      used += size;
      events++;
    }
    if (used < dataBytes) {
      // A record of a kind that readers pass over, so that the ring's content repeats with its size.
      const filler = Buffer.alloc(dataBytes - used);
      filler.writeUInt16LE(filler.length, 6);
      ring.writeRaw(filler);
    }
    this.memory = ring.memory;
    this.dataBytes = dataBytes;
    this.events = events;
    this.positions = new BigUint64Array(ring.memory, 1024, 2);
  }

  /** Moves the head on by a whole ring: everything is there to be read once more. The reader must have read all before. */
  refill(): void {
    this.positions[0] += BigInt(this.dataBytes);
  }
}

/** Bytes of an address of the mix, for looking names up as the decoder does. */
export const firstPodAddress = addressBytes(podIpv4(0));
