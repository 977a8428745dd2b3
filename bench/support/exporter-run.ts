import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExportReport } from '../../exporter/index.ts';
import { processCpu, start } from './child-process.ts';

const POLL_MS = 20;

/** What an exporter is to do. */
export interface ExporterRun {
  /** The one sink, as an entry of `sinks` in YAML's flow style. */
  readonly sink: string;
  readonly flows: number;
  /** Of these the caches are warm, and V8 has seen the code: they do not count. */
  readonly warmFlows: number;
  /** Whether each flow has an id of its own. */
  readonly isUnique: boolean;
  /** CPU seconds that the server behind the sink has spent. */
  readonly serverCpu: () => number;
}

/** CPU is in seconds per million flows. */
export interface ExporterCost {
  readonly exporterCpuPerM: number;
  readonly serverCpuPerM: number;
  readonly flowsPerSecond: number;
}

/**
 * Has a process of `sluice export` take flows from a source that sends as fast as it can, through its spool into a sink, and measures it and the server behind.
 * SLUICE_BENCH_PROFILE=DIR leaves a CPU profile of the exporter in a directory.
 */
export async function runExporter(run: ExporterRun): Promise<ExporterCost> {
  const { sink, flows, warmFlows, isUnique, serverCpu } = run;
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-export-'));
  const args = [`${directory}/source.sock`, String(flows), ...(isUnique ? ['unique'] : [])];
  const source = await start('flow-source.ts', args);
  const configFile = join(directory, 'export.yaml');
  writeFileSync(
    configFile,
    `source: { address: "unix://${directory}/source.sock", start: oldest }
spool: { directory: ${directory}/spool, maxBytes: 2Gi }
metrics: { listen: "127.0.0.1:0" }
sinks:
  - ${sink}
`,
  );
  const child = startExporter(configFile);
  try {
    const metrics = await addressOfMetrics(child);
    const pid = child.pid!;
    while ((await delivered(metrics)) < warmFlows) await sleep(POLL_MS);
    const from = await delivered(metrics);
    const began = { exporter: processCpu(pid), server: serverCpu(), atMs: performance.now() };
    while ((await delivered(metrics)) < flows) await sleep(POLL_MS);
    const count = flows - from;
    return {
      exporterCpuPerM: ((processCpu(pid) - began.exporter) / count) * 1e6,
      serverCpuPerM: ((serverCpu() - began.server) / count) * 1e6,
      flowsPerSecond: (count / (performance.now() - began.atMs)) * 1000,
    };
  } finally {
    if (child.exitCode === null) {
      const closed = once(child, 'exit');
      child.kill('SIGTERM');
      await closed;
    }
    source.disconnect();
    rmSync(directory, { recursive: true });
  }
}

function startExporter(configFile: string): ChildProcess {
  const profile = process.env['SLUICE_BENCH_PROFILE'];
  const main = join(import.meta.dirname, '../../cli/main.ts');
  const flags = profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile];
  return spawn(process.execPath, [...flags, main, 'export', '--config', configFile], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
}

/** Resolves once the exporter is ready. Throws Error with its log when it ends before. */
async function addressOfMetrics({ stderr }: ChildProcess): Promise<string> {
  let log = '';
  return new Promise((resolve, reject) => {
    // Reading goes on once it is ready: a pipe that nobody reads stops who writes.
    stderr!.on('data', (data: Buffer) => {
      log += data.toString();
      const address = /msg="exporter ready".* metrics=(\S+)/.exec(log)?.[1];
      if (address !== undefined) resolve(address);
    });
    stderr!.once('end', () => reject(new Error(`exporter ended: ${log}`)));
  });
}

async function delivered(metrics: string): Promise<number> {
  const response = await fetch(`http://${metrics}/status`);
  const { sinks } = (await response.json()) as ExportReport;
  return sinks[0].counts['delivered'] ?? 0;
}
