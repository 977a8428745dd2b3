import { groupDigits } from '../../proto/flow/text/number-text.ts';
import { formatTable } from '../../proto/flow/text/table.ts';
import type { NodeReport } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { compareBytes } from '../text/compare-bytes.ts';
import { compareCounters, counterWords } from './counter-names.ts';
import { oneLine } from './one-line.ts';

/** Counters of rules are called by their names, behind these. */
const RULE = 'rule ';
const AUDITED = 'audited ';

interface Counted {
  readonly node: string;
  readonly name: string;
  readonly value: bigint;
}

function countersOf(nodes: readonly NodeReport[]): Counted[] {
  return nodes.flatMap(({ nodeName, counters }) =>
    Object.entries(counters).map(([name, value]) => ({ node: nodeName, name, value })),
  );
}

const isOfRule = ({ name }: Counted): boolean => name.startsWith(RULE) || name.startsWith(AUDITED);

/** Counters that say that something went short, with what to do about each; empty when there is none. */
export function shortcomingsText(nodes: readonly NodeReport[]): string {
  const found = countersOf(nodes)
    .filter((counted) => counted.value > 0n && counterWords(counted.name).remedy !== undefined)
    .sort((a, b) => compareCounters(a.name, b.name) || compareBytes(a.node, b.node));
  if (found.length === 0) return '';
  const rows = found.map(({ node, name, value }) => [`  ${name}`, oneLine(node), groupDigits(value)]);
  const advice = [...new Set(found.map(({ name }) => name))].map((name) => {
    const { meaning, remedy } = counterWords(name);
    return `  ${name}: ${meaning}. To do: ${remedy}.\n`;
  });
  return `Shortcomings:\n${formatTable([['  COUNTER', 'NODE', 'COUNT'], ...rows])}${advice.join('')}`;
}

/** Every process with what it costs, every counter that is not 0, and what each rule decided. */
export function countersText(nodes: readonly NodeReport[]): string {
  return processesText(nodes) + valuesText(nodes) + rulesText(nodes);
}

function processesText(nodes: readonly NodeReport[]): string {
  const rows = nodes.map((report) => {
    const uptimeSeconds = Number(report.uptimeNs) / 1e9;
    const cores = uptimeSeconds > 0 ? (report.cpuSeconds / uptimeSeconds).toFixed(3) : 'N/A';
    return [
      `  ${oneLine(report.nodeName)}`,
      oneLine(report.component),
      `${Math.round(uptimeSeconds)}s`,
      cores,
      `${(Number(report.residentBytes) / 2 ** 20).toFixed(0)} MiB`,
      groupDigits(report.flowsEmitted),
      groupDigits(report.flowsDelivered),
      report.component === 'agent' ? String(report.endpoints) : '-',
    ];
  });
  const heading = ['  NODE', 'COMPONENT', 'UPTIME', 'CORES', 'MEMORY', 'EMITTED', 'DELIVERED', 'ENDPOINTS'];
  return rows.length === 0 ? '' : `Processes:\n${formatTable([heading, ...rows])}`;
}

function valuesText(nodes: readonly NodeReport[]): string {
  const rows = countersOf(nodes)
    .filter((counted) => counted.value > 0n && !isOfRule(counted))
    .sort((a, b) => compareBytes(a.node, b.node) || compareCounters(a.name, b.name))
    .map(({ node, name, value }) => {
      const { group, meaning } = counterWords(name);
      return [`  ${oneLine(node)}`, group, oneLine(name), groupDigits(value), oneLine(meaning)];
    });
  if (rows.length === 0) return '';
  return `Counters:\n${formatTable([['  NODE', 'ABOUT', 'COUNTER', 'COUNT', 'MEANING'], ...rows])}`;
}

function rulesText(nodes: readonly NodeReport[]): string {
  const rules = new Map<string, { node: string; rule: string; decisions: bigint; audited: bigint }>();
  for (const counted of countersOf(nodes)) {
    if (!isOfRule(counted)) continue;
    const isAudited = counted.name.startsWith(AUDITED);
    const rule = counted.name.slice(isAudited ? AUDITED.length : RULE.length);
    const key = `${counted.node} ${rule}`;
    const row = rules.get(key) ?? { node: counted.node, rule, decisions: 0n, audited: 0n };
    if (isAudited) row.audited += counted.value;
    else row.decisions += counted.value;
    rules.set(key, row);
  }
  if (rules.size === 0) return '';
  const rows = [...rules.values()]
    .sort((a, b) => compareBytes(a.node, b.node) || Number(b.decisions - a.decisions))
    .map(({ node, rule, decisions, audited }) => [
      `  ${oneLine(node)}`,
      groupDigits(decisions),
      groupDigits(audited),
      oneLine(rule),
    ]);
  return `Rules:\n${formatTable([['  NODE', 'DECISIONS', 'AUDITED', 'RULE'], ...rows])}`;
}
