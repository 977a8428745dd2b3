/** One figure of a benchmark. `ratio` is value / (baseline's value), the baseline having been measured in the same run. */
export interface BenchRow {
  readonly bench: string;
  readonly case: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  /** Name of what `ratio` compares with; null for figures that stand alone. */
  readonly baseline: string | null;
  readonly ratio: number | null;
  /** Quartiles of the ratios whose median `ratio` is: what lies on one side of 1 with both of them is ahead, or behind; the rest is noise. */
  readonly quartiles?: readonly [number, number];
}

/** A benchmark file's `run`: measures and reports row by row. */
export type Bench = (report: (row: BenchRow) => void) => Promise<void>;

/** CPU seconds (user + system, all threads) that this process has used. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** The middle of several measurements: what noise moves least. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which that share of the others lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
