/**
 * From a relay's stream through the spool into a real Kafka broker: CPU of the exporter's process, client included, and of the broker, per million flows. What is configured is what a user would: acks=all,
 * idempotent, keyed by workloads. The baseline is the other client. SLUICE_BENCH_PROFILE=DIR leaves a CPU profile of each exporter in a directory.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExportReport } from '../exporter/index.ts';
import { KafkaBroker } from '../lab/servers/kafka-broker.ts';
import type { Bench } from './report.ts';
import { processCpu, start } from './support/child-process.ts';

const FLOWS = 600_000;
/** Of these the caches are warm, and V8 has seen the code. */
const WARM_FLOWS = 100_000;
const POLL_MS = 100;

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

interface Measured {
  readonly exporterCpuPerM: number;
  readonly brokerCpuPerM: number;
  readonly flowsPerSecond: number;
}

async function delivered(metrics: string): Promise<number> {
  const response = await fetch(`http://${metrics}/status`);
  const { sinks } = (await response.json()) as ExportReport;
  return sinks[0].counts['delivered'] ?? 0;
}

/** Starts an exporter; resolves with the address of its metrics. */
async function startExporter(configFile: string): Promise<{ child: ChildProcess; metrics: string }> {
  const profile = process.env['SLUICE_BENCH_PROFILE'];
  const main = join(import.meta.dirname, '../cli/main.ts');
  const flags = profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile];
  const child = spawn(process.execPath, [...flags, main, 'export', '--config', configFile], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let log = '';
  for await (const data of child.stderr) {
    log += String(data);
    const metrics = /msg="exporter ready".* metrics=(\S+)/.exec(log)?.[1];
    if (metrics !== undefined) return { child, metrics };
  }
  throw new Error(`exporter ended: ${log}`);
}

async function measure({ flows, settings }: Case, broker: KafkaBroker, topic: string): Promise<Measured> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-kafka-'));
  const source = await start('flow-source.ts', [`${directory}/source.sock`, String(flows)]);
  const configFile = join(directory, 'export.yaml');
  writeFileSync(
    configFile,
    `source: { address: "unix://${directory}/source.sock", start: oldest }
spool: { directory: ${directory}/spool, maxBytes: 2Gi }
metrics: { listen: "127.0.0.1:0" }
sinks:
  - name: bus
    kafka: { brokers: ["${broker.address}"], topic: ${topic}, createTopic: { partitions: 4 }${settings && `, ${settings}`} }
`,
  );
  const { child, metrics } = await startExporter(configFile);
  const pid = child.pid!;
  try {
    while ((await delivered(metrics)) < WARM_FLOWS) await sleep(POLL_MS);
    const from = await delivered(metrics);
    const started = { exporter: processCpu(pid), broker: processCpu(broker.pid), at: performance.now() };
    while ((await delivered(metrics)) < flows) await sleep(POLL_MS);
    const count = flows - from;
    return {
      exporterCpuPerM: ((processCpu(pid) - started.exporter) / count) * 1e6,
      brokerCpuPerM: ((processCpu(broker.pid) - started.broker) / count) * 1e6,
      flowsPerSecond: (count / (performance.now() - started.at)) * 1000,
    };
  } finally {
    const closed = once(child, 'exit');
    child.kill('SIGTERM');
    await closed;
    source.disconnect();
    rmSync(directory, { recursive: true });
  }
}

export const run: Bench = async (report) => {
  const broker = await KafkaBroker.start();
  try {
    let baseline: Measured | null = null;
    for (const [i, one] of cases.entries()) {
      const measured = await measure(one, broker, `flows-${i}`);
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
      row('broker', measured.brokerCpuPerM, baseline.brokerCpuPerM, 'CPU s/M');
      row('rate', measured.flowsPerSecond, baseline.flowsPerSecond, 'flows/s');
    }
  } finally {
    await broker.stop();
  }
};
