import { buildEvent, eventConstant } from '../../test/support/build-event.ts';
import * as build from '../../test/bpf/support/build-packet.ts';
import { RingMemory } from '../../test/support/ring-memory.ts';
import type { EnrichmentChange } from '../../agent/enrich/enrichment.ts';

/** Pods of the node, as many of other nodes, and services. */
const PODS = 64;
const SERVICES = 16;
const { ethernet, ETHERTYPE, ipv4, ipv6, PROTO, TCP_FLAG } = build;

/** Pods below 64 are the node's own. */
const isLocal = (pod: number): boolean => pod < PODS;
const podIpv4 = (pod: number): string => `10.${isLocal(pod) ? 1 : 2}.0.${(pod % PODS) + 1}`;
const podIpv6 = (pod: number): string => `fd00:${isLocal(pod) ? 1 : 2}::${((pod % PODS) + 1).toString(16)}`;
const identityOf = (pod: number): number => 65_536 + (pod % 20);
const endpointIdOf = (pod: number): number => (isLocal(pod) ? pod + 1 : 0);

/** What an agent knows of a node with 64 pods and as many elsewhere, all their labels as Kubernetes gives them or the app's alone, and 16 services. */
export function typicalNames(labels: 'all' | 'app' = 'all'): EnrichmentChange[] {
  const pods = Array.from({ length: 2 * PODS }, (_, pod): EnrichmentChange[] => {
    const facts = {
      identity: identityOf(pod),
      namespace: `team-${pod % 5}`,
      podName: `service-${pod % 20}-7d9f8b6c5d-${(pod + 100_000).toString(36)}`,
      clusterName: 'east',
      labels: [
        `k8s:app.kubernetes.io/name=service-${pod % 20}`,
        'k8s:io.cilium.k8s.policy.cluster=east',
        'k8s:io.cilium.k8s.policy.serviceaccount=default',
        `k8s:io.kubernetes.pod.namespace=team-${pod % 5}`,
      ].slice(0, labels === 'all' ? undefined : 1),
      workloads: [{ name: `service-${pod % 20}`, kind: 'Deployment' }],
    };
    const addresses = [podIpv4(pod), podIpv6(pod)];
    return [
      ...addresses.map((address): EnrichmentChange => ({ kind: 'address', address, facts })),
      ...(isLocal(pod) ? [{ kind: 'local', id: pod + 1, address: addresses[0] } as const] : []),
    ];
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

interface Conversation {
  readonly packet: Uint8Array;
  readonly l4Offset: number;
  readonly proto: number;
  readonly isIpv6: boolean;
  readonly source: number;
  readonly destination: number;
}

const WORLD = -1;
const SERVICE = -2;

/** The i-th packet of a mix: eight in ten are TCP over IPv4 between pods, here or elsewhere, to services and to the world; the rest UDP, ICMP and IPv6. */
function conversation(i: number): Conversation {
  const from = 32_768 + ((i * 7919) % 28_000);
  const flags = [TCP_FLAG.syn, TCP_FLAG.syn | TCP_FLAG.ack, TCP_FLAG.ack, TCP_FLAG.fin | TCP_FLAG.ack][i % 4];
  const kind = i % 10;
  const source = i % PODS;
  const destination = kind === 5 ? SERVICE : kind === 6 ? WORLD : (i * 31 + 7) % (2 * PODS);
  if (kind === 8) {
    const payload = build.tcp({ from, to: 443, flags });
    const header = { next: PROTO.tcp, source: podIpv6(source), destination: podIpv6(destination) };
    const packet = ethernet(ETHERTYPE.ipv6, ipv6(header, payload));
    return { packet, l4Offset: 54, proto: PROTO.tcp, isIpv6: true, source, destination };
  }
  const [protocol, payload] =
    kind === 7
      ? [PROTO.udp, build.udp({ from, to: 53 }, new Uint8Array(0))]
      : kind === 9
        ? [PROTO.icmp, build.icmp({ type: 8 })]
        : [PROTO.tcp, build.tcp({ from, to: 80, flags })];
  const to =
    destination === SERVICE
      ? `10.96.0.${(i % SERVICES) + 1}`
      : destination === WORLD
        ? '93.184.216.34'
        : podIpv4(destination);
  const packet = ethernet(
    ETHERTYPE.ipv4,
    ipv4({ protocol, source: podIpv4(source), destination: to }, payload),
  );
  return { packet, l4Offset: 34, proto: protocol, isIpv6: false, source, destination };
}

/** The i-th event of the mix, as a program writes it, captured up to the end of its headers. */
export function typicalEvent(i: number, ktimeNs: number): Uint8Array {
  const { packet, l4Offset, proto, isIpv6, source, destination } = conversation(i);
  const isPod = destination >= 0;
  return buildEvent(
    {
      ktime_ns: ktimeNs,
      type: eventConstant('EVENT_TYPE_TRACE'),
      sub_type: eventConstant(isPod && isLocal(destination) ? 'TRACE_TO_ENDPOINT' : 'TRACE_TO_STACK'),
      trace_reason: i % 3,
      flags: isIpv6 ? eventConstant('EVENT_FLAG_IPV6') : 0,
      l4_proto: proto,
      l3_offset: 14,
      l4_offset: l4Offset,
      ifindex: 100 + source,
      src_identity: identityOf(source),
      dst_identity: isPod ? identityOf(destination) : 2,
      src_endpoint_id: endpointIdOf(source),
      dst_endpoint_id: isPod ? endpointIdOf(destination) : 0,
    },
    packet,
  );
}

/** So that the events of a ring spread over most of a second, as those of a busy node do: the size of a time depends on it. */
const NS_BETWEEN_EVENTS = 40_000;

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
      const event = typicalEvent(first + events, 1000 + NS_BETWEEN_EVENTS * events);
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
