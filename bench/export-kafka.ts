/**
 * From a relay's stream through the spool into a real Kafka broker: CPU of the exporter's process, client included, and of the broker, per million flows. What is configured is what a user would: acks=all,
 * idempotent, keyed by workloads. The baseline is the other client. SLUICE_BENCH_PROFILE=DIR leaves a CPU profile of each exporter in a directory.
 */
import { KafkaBroker } from '../lab/servers/kafka-broker.ts';
import type { Bench } from './report.ts';
import { processCpu } from './support/child-process.ts';
import { type ExporterCost, runExporter } from './support/exporter-run.ts';

const FLOWS = 600_000;
/** Of these the caches are warm, and V8 has seen the code. */
const WARM_FLOWS = 100_000;

interface Case {
  readonly name: string;
  readonly flows: number;
  /** Settings of the sink beside brokers and topic. */
  readonly settings: string;
}

const cases: readonly Case[] = [
  { name: 'kafkajs zstd, by workloads', flows: 200_000, settings: 'client: kafkajs' },
  { name: 'platformatic lz4, by workloads', flows: FLOWS, settings: '' },
  { name: 'platformatic lz4, by node', flows: FLOWS, settings: 'key: node' },
  { name: 'platformatic zstd, by workloads', flows: FLOWS, settings: 'compression: zstd' },
];

export const run: Bench = async (report) => {
  const broker = await KafkaBroker.start();
  try {
    let baseline: ExporterCost | null = null;
    for (const [i, one] of cases.entries()) {
      const { flows, settings } = one;
      const target = `brokers: ["${broker.address}"], topic: flows-${i}, createTopic: { partitions: 4 }`;
      const measured = await runExporter({
        sink: `{ name: bus, kafka: { ${target}${settings && `, ${settings}`} } }`,
        flows,
        warmFlows: WARM_FLOWS,
        isUnique: false,
        serverCpu: () => processCpu(broker.pid),
      });
      baseline ??= measured;
      const row = (metric: string, value: number, base: number, unit: string): void =>
        report({
          bench: 'export-kafka',
          case: one.name,
          metric,
          value,
          unit,
          baseline: i === 0 ? null : 'kafkajs',
          ratio: i === 0 ? null : value / base,
        });
      row('exporter', measured.exporterCpuPerM, baseline.exporterCpuPerM, 'CPU s/M');
      row('broker', measured.serverCpuPerM, baseline.serverCpuPerM, 'CPU s/M');
      row('rate', measured.flowsPerSecond, baseline.flowsPerSecond, 'flows/s');
    }
  } finally {
    await broker.stop();
  }
};
