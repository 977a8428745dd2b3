import type { BenchRow } from '../report.ts';
import type { Measurement } from './measure-relay.ts';

/** Reports what a relay did with flows that came at a given pace. */
export function reportPaced(
  report: (row: BenchRow) => void,
  bench: string,
  what: string,
  paced: Measurement,
): void {
  const row = (metric: string, value: number, unit: string): void =>
    report({
      bench,
      case: `${what}, ${paced.bytesPerFlow.toFixed(0)} B`,
      metric,
      value,
      unit,
      baseline: null,
      ratio: null,
    });
  row('rate', paced.flowsPerSecond / 1000, 'kflows/s');
  row('CPU', paced.cores, 'cores');
  row('CPU per million', paced.cpuPerMillion, 's');
  row('resident', paced.residentMiB, 'MiB');
  row('latency p50', paced.p50Ms, 'ms');
  row('latency p99', paced.p99Ms, 'ms');
  row('out of order', paced.outOfOrder, 'flows');
  row('worst disorder', paced.worstDisorderMs, 'ms');
  row('delivered', paced.delivered, 'of those sent');
}
