import type { PolicyRule } from '../../proto/gen/sluice/v1/policy_pb.ts';
import type { DiffLine } from './diff-lines.ts';

/** A line of a manifest with what its rules decided. */
export interface ManifestLine extends DiffLine {
  /** Rules that begin here: nearly always one. */
  readonly rules: readonly PolicyRule[];
  /** Whether the line belongs to a rule. */
  readonly isRule: boolean;
}

/**
 * Puts rules to the lines at which they begin. A rule begins where its list item does; a rule of unknown line is in none.
 * @param lines of the manifest in force; lines that are gone from it carry nothing
 */
export function joinTraffic(lines: readonly DiffLine[], rules: readonly PolicyRule[]): ManifestLine[] {
  const starts = new Map<number, PolicyRule[]>();
  const covered = new Set<number>();
  for (const rule of rules) {
    if (rule.line === 0) continue;
    const known = starts.get(rule.line);
    if (known === undefined) starts.set(rule.line, [rule]);
    else known.push(rule);
    for (let line = rule.line; line <= Math.max(rule.line, rule.lastLine); line++) covered.add(line);
  }
  return lines.map((line) => ({
    ...line,
    rules: line.sign === '-' ? [] : (starts.get(line.number) ?? []),
    isRule: line.sign !== '-' && covered.has(line.number),
  }));
}

/** Rules that no line shows: those of a manifest that was not kept, or of unknown lines. */
export function rulesWithoutLine(
  lines: readonly ManifestLine[],
  rules: readonly PolicyRule[],
): readonly PolicyRule[] {
  const shown = new Set(lines.flatMap((line) => line.rules));
  return rules.filter((rule) => !shown.has(rule));
}

/** One decision's worth of everything that a rule decided, per second and in all. */
export function trafficOf({ counts }: Pick<PolicyRule, 'counts'>): {
  readonly rate: number;
  readonly total: number;
} {
  if (counts === undefined) return { rate: 0, total: 0 };
  return {
    rate: counts.allowedRate + counts.deniedRate + counts.auditedRate,
    total: Number(counts.allowed + counts.denied + counts.audited),
  };
}
