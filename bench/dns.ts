import { Enrichment } from '../agent/enrich/enrichment.ts';
import { runProgram } from '../agent/kernel/prog-test-run.ts';
import { Pipeline } from '../agent/pipeline.ts';
import { RingReader } from '../agent/ring/ring-reader.ts';
import { FlowEncoder } from '../proto/flow/encode-flow.ts';
import { PROTO, tcp, TCP_FLAG, udp } from '../test/bpf/support/build-packet.ts';
import { between } from '../test/bpf/support/conversation.ts';
import { CAST, OneNode } from '../test/bpf/support/one-node.ts';
import { type BenchRow, cpuSeconds, median } from './report.ts';
import { constant } from './support/datapath-node.ts';
import { dnsRing } from './support/dns-ring.ts';
import { EventRing, typicalNames } from './support/event-ring.ts';

/**
 * What reading DNS costs: the agent for each message, compared with an event of a packet; the agent for events of packets, when the pods have names for hundreds of
 * addresses, compared with none; the programs for a packet, compared with DNS off. The last needs root.
 */

const ROUNDS = 9;
const PASSES_PER_ROUND = 12;
const RING_BYTES = 1 << 20;
const ADDRESSES_PER_POD = 500;
const PODS = 64;
/** Test runs between two emptyings of the ring. */
const RUNS = 400;
const KERNEL_ROUNDS = 60;

type Row = (name: string, metric: string, value: number, baseline?: readonly [string, number]) => void;

interface FilledRing {
  readonly memory: ArrayBuffer;
  readonly dataBytes: number;
  readonly events: number;
  refill(): void;
}

/** CPU nanoseconds per event, from ring to batch. Several pipelines take turns, so that the machine's moods meet all of them. */
function measureAgent(cases: readonly { ring: FilledRing; names: Enrichment }[]): number[] {
  const pipelines = cases.map(({ ring, names }) => {
    const pipeline: Pipeline = new Pipeline(
      [new RingReader(ring.memory, ring.dataBytes)],
      names,
      new FlowEncoder({
        nodeName: 'east/node1',
        nodeLabels: ['kubernetes.io/arch=amd64', 'kubernetes.io/os=linux'],
        emitter: { name: 'Sluice', version: '0.1.0' },
        seed: Uint32Array.of(1, 2, 3, 4),
      }),
      {
        monotonicNs: () => Number(process.hrtime.bigint()),
        realtimeOffsetNs: () => 1_790_000_000_000_000_000n,
        send: ({ buffer }) => pipeline.stored(buffer),
      },
      1 << 30,
    );
    return pipeline;
  });
  const rounds = cases.map((): number[] => []);
  for (let round = -3; round < ROUNDS; round++) {
    for (const [i, { ring }] of cases.entries()) {
      const start = cpuSeconds();
      for (let pass = 0; pass < PASSES_PER_ROUND; pass++) {
        ring.refill();
        while (pipelines[i].drain().samples > 0);
      }
      if (round >= 0) rounds[i].push(((cpuSeconds() - start) * 1e9) / (ring.events * PASSES_PER_ROUND));
    }
  }
  return rounds.map(median);
}

function namesOf(isTold: boolean): Enrichment {
  const names = new Enrichment();
  names.apply(typicalNames());
  if (!isTold) return names;
  for (let pod = 1; pod <= PODS; pod++) {
    for (let i = 0; i < ADDRESSES_PER_POD; i++) {
      names.dnsNames.learn(pod, Uint8Array.of(203, 0, i >> 8, i & 255), `host-${i}.example.com`, 0, 86_400);
    }
    // Where the typical events lead to.
    names.dnsNames.learn(pod, Uint8Array.of(93, 184, 216, 34), 'www.example.com', 0, 86_400);
  }
  return names;
}

function measureReading(row: Row): void {
  const packets = new EventRing(RING_BYTES);
  const [plain, named, message] = measureAgent([
    { ring: packets, names: namesOf(false) },
    { ring: new EventRing(RING_BYTES), names: namesOf(true) },
    { ring: dnsRing(RING_BYTES), names: namesOf(false) },
  ]);
  row('agent, a packet, no names', 'CPU per event', plain);
  row(`agent, a packet, ${ADDRESSES_PER_POD} names a pod`, 'CPU per event', named, ['no names', plain]);
  row('agent, a DNS message', 'CPU per event', message, ['a packet', plain]);
}

function measurePrograms(row: Row): void {
  const node = new OneNode({ ringBytesPerCpu: 1 << 22 });
  const { pod, world } = CAST;
  const question = udp({ from: 40_000, to: 53 }, new Uint8Array(48));
  const kinds = {
    'a packet': between('ipv4', pod.ipv4, world.ipv4, PROTO.tcp, tcp({ to: 443, flags: TCP_FLAG.ack })),
    'a DNS message': between('ipv4', pod.ipv4, world.ipv4, PROTO.udp, question),
  };
  const program = node.datapath.object.programFd('from_container');
  const mean = (packet: Uint8Array, dnsBurst: number): number => {
    // An hour between two events of a connection: only what DNS adds is told.
    node.datapath.configure({ aggregation: constant('AGGREGATE_MEDIUM'), intervalS: 3600, dnsBurst });
    const { durationNs } = runProgram(program, { packet, ifindex: 1, repeat: RUNS });
    node.datapath.discard();
    return durationNs;
  };
  try {
    for (const [kind, packet] of Object.entries(kinds)) {
      const off: number[] = [];
      const on: number[] = [];
      for (let round = 0; round < KERNEL_ROUNDS; round++) {
        off.push(mean(packet, 0));
        on.push(mean(packet, 2 ** 30));
      }
      row(`from_container, ${kind}, DNS off`, 'per packet', median(off));
      row(`from_container, ${kind}, DNS on`, 'per packet', median(on), ['DNS off', median(off)]);
    }
  } finally {
    node.close();
  }
}

export async function run(report: (row: BenchRow) => void): Promise<void> {
  const row: Row = (name, metric, value, baseline) =>
    report({
      bench: 'dns',
      case: name,
      metric,
      value,
      unit: 'ns',
      baseline: baseline?.[0] ?? null,
      ratio: baseline === undefined ? null : value / baseline[1],
    });
  measureReading(row);
  measurePrograms(row);
}
