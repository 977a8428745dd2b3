/** The relay with 2 to 1,000 peers at full speed, and with 200,000 flows/s over 128 peers: rate, CPU, latency, order. */
import type { Bench, BenchRow } from './report.ts';
import { measureRelay } from './support/measure-relay.ts';
import { reportPaced } from './support/report-paced.ts';

const MEASURE_MS = 5000;
const PACED_MS = 10_000;

export const run: Bench = async (report) => {
  const row = (
    name: string,
    metric: string,
    value: number,
    unit: string,
    baseline: BenchRow['baseline'] = null,
    ratio: number | null = null,
  ): void => report({ bench: 'relay', case: name, metric, value, unit, baseline, ratio });
  for (const size of ['small', 'large'] as const) {
    const saturated = { size, flowsPerSecond: null, forMs: MEASURE_MS };
    const naive = await measureRelay('naive-relay.ts', { ...saturated, peers: 16 });
    const naiveName = `grpc-js + protobuf-es, 16 peers, ${naive.bytesPerFlow.toFixed(0)} B`;
    row(naiveName, 'rate', naive.flowsPerSecond / 1000, 'kflows/s');
    row(naiveName, 'CPU per million', naive.cpuPerMillion, 's');
    for (const peers of size === 'small' ? [16] : [2, 16, 128, 1000]) {
      const ours = await measureRelay('raw-relay.ts', { ...saturated, peers });
      const name = `saturated, ${peers} peers, ${ours.bytesPerFlow.toFixed(0)} B`;
      const [rate, cpu] = [ours.flowsPerSecond, ours.cpuPerMillion];
      row(name, 'rate', rate / 1000, 'kflows/s', naiveName, rate / naive.flowsPerSecond);
      row(name, 'CPU per million', cpu, 's', naiveName, cpu / naive.cpuPerMillion);
      row(name, 'out of order', ours.outOfOrder, 'flows');
      row(name, 'worst disorder', ours.worstDisorderMs, 'ms');
      row(name, 'delivered', ours.delivered, 'of those sent');
    }
  }
  const paced = await measureRelay('raw-relay.ts', {
    peers: 128,
    size: 'large',
    flowsPerSecond: 200_000,
    forMs: PACED_MS,
  });
  reportPaced(report, 'relay', '200 k flows/s paced, 128 peers', paced);
};
