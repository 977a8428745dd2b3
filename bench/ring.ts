import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { FilledBatch } from '../agent/batch-writer.ts';
import { EventDecoder } from '../agent/decode/decode-event.ts';
import { Enrichment } from '../agent/enrich/enrichment.ts';
import { Pipeline } from '../agent/pipeline.ts';
import { RingReader } from '../agent/ring/ring-reader.ts';
import { FlowEncoder } from '../proto/flow/encode-flow.ts';
import { FlowRecord } from '../proto/flow/flow-record.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../proto/gen/observer/observer_pb.ts';
import { type BenchRow, cpuSeconds, median } from './report.ts';
import { EventRing, typicalNames } from './support/event-ring.ts';

/**
 * The agent's hot path on one thread: perf records in, GetFlowsResponse frames in batches out. The rings are plain memory with real records, so that
 * nothing but the path itself is measured. The baseline encodes the same flows, ready made as messages, with protobuf-es.
 */

const RING_BYTES = 4 * 1024 * 1024;
const ROUNDS = 9;
const PASSES_PER_ROUND = 12;

const encoderOptions = {
  nodeName: 'east/node1',
  nodeLabels: ['kubernetes.io/arch=amd64', 'kubernetes.io/os=linux', 'topology.kubernetes.io/zone=a'],
  emitter: { name: 'Sluice', version: '0.1.0' },
  seed: Uint32Array.of(1, 2, 3, 4),
};

/** CPU nanoseconds per event of each round, after warm-up rounds that do not count. */
function measure(eventsPerPass: number, pass: () => void): number {
  const rounds: number[] = [];
  for (let round = -3; round < ROUNDS; round++) {
    const start = cpuSeconds();
    for (let i = 0; i < PASSES_PER_ROUND; i++) pass();
    if (round >= 0) rounds.push(((cpuSeconds() - start) * 1e9) / (eventsPerPass * PASSES_PER_ROUND));
  }
  return median(rounds);
}

/** Flows as a Kubernetes cluster has them, and ones with a label each: their size decides what they cost. */
type Labels = 'all' | 'app';

function newPipeline(
  rings: readonly EventRing[],
  labels: Labels,
  onBatch: (batch: FilledBatch) => void,
): Pipeline {
  const names = new Enrichment();
  names.apply(typicalNames(labels));
  const pipeline: Pipeline = new Pipeline(
    rings.map((ring) => new RingReader(ring.memory, ring.dataBytes)),
    names,
    new FlowEncoder(labels === 'all' ? encoderOptions : { ...encoderOptions, nodeLabels: [] }),
    {
      monotonicNs: () => Number(process.hrtime.bigint()),
      realtimeOffsetNs: () => 1_790_000_000_000_000_000n,
      send: (batch) => {
        onBatch(batch);
        pipeline.stored(batch.buffer);
      },
    },
    1 << 30,
  );
  return pipeline;
}

/** Some of the flows as messages. */
function sampleMessages(labels: Labels): { messages: GetFlowsResponse[]; meanBytes: number } {
  const messages: GetFlowsResponse[] = [];
  let total = 0;
  let count = 0;
  const pipeline = newPipeline([new EventRing(1 << 18)], labels, (batch) => {
    total += batch.bytes;
    count += batch.count;
    const bytes = new Uint8Array(batch.buffer);
    for (let i = 0; i < Math.min(batch.count, 512); i++) {
      const message = bytes.slice(batch.offsets[i] + 5, batch.offsets[i + 1]);
      messages.push(fromBinary(GetFlowsResponseSchema, message));
    }
  });
  pipeline.drain();
  return { messages, meanBytes: total / count };
}

type Row = (name: string, metric: string, value: number, unit: string, compared?: number) => void;

/** What comes before encoding. */
function measureDecoding(row: Row): void {
  const ring = new EventRing(RING_BYTES);
  const reader = new RingReader(ring.memory, RING_BYTES);
  const walked = measure(ring.events, () => {
    ring.refill();
    reader.drain(() => undefined, Infinity);
  });
  row('walk the ring', 'CPU per event', walked, 'ns');
  const names = new Enrichment();
  names.apply(typicalNames());
  const decoder = new EventDecoder(new FlowRecord(), names);
  const decoded = measure(ring.events, () => {
    ring.refill();
    reader.drain((u8, u32, offset, length) => void decoder.decode(u8, u32, offset, length), Infinity);
  });
  row('walk, decode, put names', 'CPU per event', decoded, 'ns');
}

function measureWhole(name: string, labels: Labels, row: Row): void {
  const { messages, meanBytes } = sampleMessages(labels);
  row(name, 'encoded size', meanBytes, 'B');
  const baseline = measure(messages.length, () => {
    for (const message of messages) toBinary(GetFlowsResponseSchema, message);
  });
  let given = 0;
  const rings = [new EventRing(RING_BYTES), new EventRing(RING_BYTES, 3)];
  const events = rings[0].events + rings[1].events;
  const pipeline = newPipeline(rings, labels, (batch) => (given += batch.count));
  const drainAll = (): void => {
    while (pipeline.drain().samples > 0);
  };
  drainAll();
  let passes = 1;
  const whole = measure(events, () => {
    for (const ring of rings) ring.refill();
    drainAll();
    passes++;
  });
  if (given !== passes * events) throw new Error(`${given} flows of ${passes * events} events`);
  row(name, 'CPU per event', whole, 'ns', baseline);
  row(name, 'events per core', 1e9 / whole, '/s', 1e9 / baseline);
}

export async function run(report: (row: BenchRow) => void): Promise<void> {
  const row: Row = (name, metric, value, unit, compared) =>
    report({
      bench: 'ring',
      case: name,
      metric,
      value,
      unit,
      baseline: compared === undefined ? null : 'protobuf-es toBinary',
      ratio: compared === undefined ? null : value / compared,
    });
  measureDecoding(row);
  measureWhole('ring to batch, all labels', 'all', row);
  measureWhole('ring to batch, one label', 'app', row);
}
