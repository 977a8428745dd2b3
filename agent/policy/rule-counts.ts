import type { NamedRule, RuleTable } from '../../policy/index.ts';
import type { BpfMap } from '../kernel/bpf-map.ts';
import { policyLayouts } from './policy-layout.ts';

/** How often a rule decided. */
export interface RuleCount {
  /** `KIND NAMESPACE/NAME PATH`; `default deny` for what no rule allowed. */
  readonly rule: string;
  /** One for a connection that it let through (and one more after each change of the policy), one for each packet that it did not. */
  readonly decisions: number;
  /** Of them, those that were denied but for audit mode. */
  readonly audited: number;
}

/** Rules listed one by one; the rest is in the sum. */
const MAX_RULES = 1000;

/**
 * What the programs counted (map `rule_counters`), by rule. A decision that several rules made is counted for each of them. Counts live as long as the map does, over restarts
 * of the agent; those of rules that are forgotten stand under "rules that are gone".
 */
export function readRuleCounts(map: Pick<BpfMap, 'entries'>, rules: RuleTable): RuleCount[] {
  const layout = policyLayouts.rule_counter;
  const counts = new Map<string, { rule: string; decisions: number; audited: number }>();
  for (const [key, value] of map.entries()) {
    const bytes = Buffer.from(value);
    const decisions = Number(bytes.readBigUInt64LE(layout.decisions));
    const audited = Number(bytes.readBigUInt64LE(layout.audited));
    for (const rule of namesOf(Buffer.from(key).readUInt32LE(0), rules)) {
      const known = counts.get(rule) ?? { rule, decisions: 0, audited: 0 };
      known.decisions += decisions;
      known.audited += audited;
      counts.set(rule, known);
    }
  }
  return [...counts.values()].sort((a, b) => b.decisions - a.decisions).slice(0, MAX_RULES);
}

function namesOf(cookie: number, table: RuleTable): string[] {
  if (cookie === 0) return ['default deny'];
  const rules = table.rulesOf(cookie);
  return rules.length === 0 ? ['rules that are gone'] : [...new Set(rules.map(ruleName))];
}

function ruleName({ kind, namespace, name, path, labels }: NamedRule): string {
  if (kind === '') return labels.map((label) => label.slice(label.indexOf('=') + 1)).join(' ');
  return `${kind} ${namespace === '' ? name : `${namespace}/${name}`} ${path}`;
}
