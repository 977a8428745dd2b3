/**
 * Resident size of agents and relays while the lab runs at full traffic for ten minutes (SLUICE_BENCH_MINUTES for another time): at the start, once history is full, at the
 * end, and how fast it still grows then. Needs root, as the lab does.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Diagnostics, type NodeReport } from '../proto/gen/sluice/v1/diagnostics_pb.ts';
import { callUnary, parseAddress, RpcConnection } from '../rpc/index.ts';
import type { Bench } from './report.ts';

const MINUTES = Number(process.env['SLUICE_BENCH_MINUTES'] ?? 10);
const SAMPLE_MS = 10_000;
const RATE = 50;
const LAB = 'mem';
const MEBIBYTE = 1024 * 1024;

interface Sample {
  readonly minute: number;
  readonly nodes: readonly NodeReport[];
}

async function readReports(): Promise<readonly NodeReport[]> {
  const connection = new RpcConnection(parseAddress(`unix:///run/sluice/${LAB}/relay.sock`));
  try {
    return (await callUnary(connection, Diagnostics.method.getStatus, {}, { timeoutMs: 5000 })).nodes;
  } finally {
    connection.close();
  }
}

const largest = (sample: Sample, component: string): number =>
  Math.max(
    ...sample.nodes
      .filter((node) => node.component === component)
      .map((node) => Number(node.residentBytes) / MEBIBYTE),
  );

/** Least-squares slope of a component's largest resident size, in MiB a minute. */
function slope(samples: readonly Sample[], component: string): number {
  const points = samples.map((sample) => [sample.minute, largest(sample, component)] as const);
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return covariance / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}

async function takeSamples(isOver: () => boolean): Promise<Sample[]> {
  const samples: Sample[] = [];
  let startedAt: number | null = null;
  while (!isOver()) {
    await sleep(SAMPLE_MS);
    const nodes = await readReports().catch(() => []); // the lab is not up yet, or on its way out
    if (nodes.length < 7) continue;
    startedAt ??= performance.now();
    samples.push({ minute: (performance.now() - startedAt) / 60_000, nodes });
    if (performance.now() - startedAt > MINUTES * 60_000) break;
  }
  return samples;
}

export const run: Bench = async (report) => {
  const args = [
    'cli/main.ts',
    'lab',
    '--name',
    LAB,
    '--port',
    '0',
    '--rate',
    String(RATE),
    '--show-flows=false',
  ];
  const lab = spawn(process.execPath, args, {
    cwd: `${import.meta.dirname}/..`,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let over = false;
  const ended = once(lab, 'exit').then(() => (over = true));
  const samples = await takeSamples(() => over);
  lab.kill('SIGINT');
  await ended;
  if (samples.length < 3)
    throw new Error('the lab ended too soon to say anything; its logs are in build/lab');
  const [first] = samples;
  const last = samples[samples.length - 1];
  const settled = samples.filter(({ minute }) => minute >= last.minute / 2);
  const row = (
    component: string,
    metric: string,
    value: number,
    unit: string,
    ratio: number | null = null,
  ): void =>
    report({
      bench: 'memory',
      case: `${component}, lab at ${RATE} x for ${last.minute.toFixed(0)} min`,
      metric,
      value,
      unit,
      baseline: ratio === null ? null : 'half-time',
      ratio,
    });
  for (const component of ['agent', 'relay']) {
    const half = largest(settled[0], component);
    row(component, 'resident at the start', largest(first, component), 'MiB');
    row(component, 'resident at half-time', half, 'MiB');
    row(component, 'resident at the end', largest(last, component), 'MiB', largest(last, component) / half);
    row(component, 'growth in the second half', slope(settled, component), 'MiB/min');
  }
  const flows = last.nodes.reduce(
    (sum, node) => sum + (node.component === 'agent' ? Number(node.flowsEmitted) : 0),
    0,
  );
  row('agent', 'flows of all agents', flows, 'flows');
};
