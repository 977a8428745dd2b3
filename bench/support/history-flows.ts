import { create, toBinary } from '@bufbuild/protobuf';
import { FRAME_PREFIX_BYTES, putFramePrefix } from '../../proto/flow/frame.ts';
import {
  DropReason,
  type Endpoint,
  FlowSchema,
  TrafficDirection,
  Verdict,
} from '../../proto/gen/flow/flow_pb.ts';

/** Flows made for measuring a store: as those of a fleet, some hundred workloads in some dozen namespaces, few pairs talking often and many seldom. */
const WORKLOADS = 600;
const NAMESPACES = 40;
const PODS = 4;
const TEMPLATES = 10_000;
/** Conversations' frequency falls with their rank to this power. */
const SKEW = 0.8;

/** A stream of numbers from a seed: the same flows in each run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const pad = (value: number, digits: number): string => value.toString(36).padStart(digits, '0');

function endpointOf(random: () => number): { endpoint: Partial<Endpoint>; ip: string; port: number } {
  if (random() < 0.08) {
    const ip = `203.0.${Math.floor(random() * 20)}.${Math.floor(random() * 256)}`;
    return { endpoint: { identity: 2, labels: ['reserved:world'] }, ip, port: 443 };
  }
  const workload = Math.floor(random() * WORKLOADS);
  const pod = Math.floor(random() * PODS);
  const namespace = `team-${workload % NAMESPACES}`;
  const name = `service-${workload}`;
  const endpoint = {
    ID: 1000 + workload * PODS + pod,
    identity: 20_000 + workload,
    namespace,
    podName: `${name}-${pad(workload * 7919, 9)}-${pad(workload * PODS + pod, 5)}`,
    labels: [`k8s:app=${name}`, `k8s:io.kubernetes.pod.namespace=${namespace}`],
    workloads: [{ name, kind: 'Deployment' }],
    clusterName: 'east',
  } as Partial<Endpoint>;
  const ports = [80, 443, 8080, 5432, 6379, 9092, 53, 9090];
  return {
    endpoint,
    ip: `10.${workload >> 6}.${workload & 63}.${10 + pod}`,
    port: ports[workload % ports.length],
  };
}

/** Marks for what is patched in each flow: values whose encoding no other field has. */
const MARK_SECONDS = 1_799_999_999n;
const MARK_NANOS = 987_654_321;
const MARK_PORT = 54_321;

interface Template {
  readonly frame: Uint8Array;
  /** Where the nanos of both times, and the ephemeral port, stand. */
  readonly seconds: readonly number[];
  readonly nanos: readonly number[];
  readonly port: number;
}

function positions(bytes: Uint8Array, pattern: readonly number[]): number[] {
  const found: number[] = [];
  const wanted = Buffer.from(pattern);
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = all.indexOf(wanted); at >= 0; at = all.indexOf(wanted, at + 1)) found.push(at);
  return found;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  bytes.push(value);
  return bytes;
}

function templateOf(random: () => number): Template {
  const source = endpointOf(random);
  const destination = endpointOf(random);
  const isDropped = random() < 0.03;
  const isReply = random() < 0.4;
  const ports = isReply
    ? { sourcePort: destination.port, destinationPort: MARK_PORT }
    : { sourcePort: MARK_PORT, destinationPort: destination.port };
  const flags = isReply ? { ACK: true, PSH: true } : random() < 0.5 ? { SYN: true } : { ACK: true };
  const flow = create(FlowSchema, {
    time: { seconds: MARK_SECONDS, nanos: MARK_NANOS },
    verdict: isDropped ? Verdict.DROPPED : Verdict.FORWARDED,
    dropReasonDesc: isDropped ? DropReason.POLICY_DENIED : 0,
    IP: { source: source.ip, destination: destination.ip, ipVersion: 1 },
    l4: { protocol: { case: 'TCP', value: { ...ports, flags } } },
    source: source.endpoint as Endpoint,
    destination: destination.endpoint as Endpoint,
    Type: 1,
    nodeName: `east/node-${Math.floor(random() * 30)}`,
    eventType: { type: isDropped ? 1 : 4, subType: isDropped ? 133 : 0 },
    trafficDirection: random() < 0.5 ? TrafficDirection.INGRESS : TrafficDirection.EGRESS,
    isReply,
    Summary: isDropped ? 'TCP Flags: SYN' : `TCP Flags: ${isReply ? 'ACK, PSH' : 'ACK'}`,
  });
  const body = toBinary(FlowSchema, flow);
  const node = Buffer.from(flow.nodeName);
  const time = [0x08, ...varint(Number(MARK_SECONDS)), 0x10, ...varint(MARK_NANOS)];
  const message = Buffer.from([
    0x0a,
    ...varint(body.length),
    ...body,
    0xc2,
    0x3e,
    node.length,
    ...node,
    0xca,
    0x3e,
    time.length,
    ...time,
  ]);
  const frame = new Uint8Array(FRAME_PREFIX_BYTES + message.length);
  putFramePrefix(frame, 0, message.length);
  frame.set(message, FRAME_PREFIX_BYTES);
  return {
    frame,
    seconds: positions(frame, varint(Number(MARK_SECONDS))),
    nanos: positions(frame, varint(MARK_NANOS)),
    port: positions(frame, varint(MARK_PORT))[0],
  };
}

function putFixedVarint(out: Uint8Array, at: number, value: number, bytes: number): void {
  for (let i = 0; i < bytes; i++) {
    out[at + i] = (value % 128) | (i < bytes - 1 ? 128 : 0);
    value = Math.floor(value / 128);
  }
}

/** Makes flows one behind the other, `stepUs` apart. */
export class HistoryFlows {
  private readonly random = numbers(7);
  private readonly templates: Template[];
  private readonly ranks: Float64Array;
  private readonly stepUs: number;
  private timeUs: number;

  constructor(startMs: number, stepUs: number) {
    this.timeUs = startMs * 1000;
    this.stepUs = stepUs;
    this.templates = Array.from({ length: TEMPLATES }, () => templateOf(this.random));
    this.ranks = new Float64Array(TEMPLATES);
    let sum = 0;
    for (let i = 0; i < TEMPLATES; i++) this.ranks[i] = sum += 1 / (i + 1) ** SKEW;
    for (let i = 0; i < TEMPLATES; i++) this.ranks[i] /= sum;
  }

  /** Time of the next flow. */
  get nextUs(): number {
    return this.timeUs;
  }

  /** Writes flows into `out` until it is full or there are `count`; returns how many, and how many bytes. */
  write(out: Uint8Array, count: number): { flows: number; bytes: number } {
    let used = 0;
    let flows = 0;
    for (; flows < count; flows++) {
      const { frame, seconds, nanos, port } = this.templates[this.pick()];
      if (used + frame.length > out.length) break;
      out.set(frame, used);
      const second = Math.floor(this.timeUs / 1e6);
      const nanosNow = Math.max(2 ** 28, (this.timeUs - second * 1e6) * 1000);
      for (const at of seconds) putFixedVarint(out, used + at, second, 5);
      for (const at of nanos) putFixedVarint(out, used + at, nanosNow, 5);
      putFixedVarint(out, used + port, 32_768 + Math.floor(this.random() * 28_000), 3);
      used += frame.length;
      this.timeUs += this.stepUs;
    }
    return { flows, bytes: used };
  }

  private pick(): number {
    const wanted = this.random();
    let low = 0;
    let high = TEMPLATES - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ranks[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
