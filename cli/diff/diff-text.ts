import { groupDigits } from '../../proto/flow/text/number-text.ts';
import { escapeJson } from '../../proto/flow/text/json-string.ts';
import { columnsText } from '../nodes/safe-table.ts';
import { type ChangedEdge, type EdgeCount, edgeChanges } from './compare-windows.ts';
import type { PolicyChange } from './policy-changes.ts';
import type { TimeWindow } from './time-windows.ts';

export interface Difference {
  readonly windows: readonly [TimeWindow, TimeWindow];
  readonly keyNames: readonly string[];
  readonly edges: readonly ChangedEdge[];
  /** Edges that were looked at. */
  readonly edgeCount: number;
  /** Null where nobody tells. */
  readonly policies: readonly PolicyChange[] | null;
}

function timeText(us: number): string {
  return us === 0 ? '' : new Date(us / 1000).toISOString();
}

/** For people. */
export function diffTable({ windows, keyNames, edges, edgeCount, policies }: Difference): string {
  const windowText = ({ fromUs, toUs }: TimeWindow): string => `${timeText(fromUs)} to ${timeText(toUs)}`;
  const rate = ({ perSecond, flows }: EdgeCount): string => (flows === 0 ? '' : rateText(perSecond));
  const table = columnsText<ChangedEdge>(
    [
      { title: 'CHANGE', text: ({ change }) => change },
      ...keyNames.map((name, i) => ({
        title: name.toUpperCase().replaceAll('-', ' '),
        text: ({ texts }: ChangedEdge) => texts[i],
      })),
      { title: 'BEFORE/S', text: ({ before }) => rate(before) },
      { title: 'AFTER/S', text: ({ after }) => rate(after) },
      { title: 'TIMES', text: timesText },
      { title: 'VERDICTS', text: verdictsText },
      { title: 'FIRST AFTER', text: ({ after }) => timeText(after.firstUs).slice(0, 19) },
      { title: 'LAST BEFORE', text: ({ before }) => timeText(before.lastUs).slice(0, 19) },
    ],
    edges,
    'table',
  );
  const counts = edgeChanges.map(
    (change) => `${edges.filter((edge) => edge.change === change).length} ${words[change]}`,
  );
  return [
    `Before: ${windowText(windows[0])}\nAfter:  ${windowText(windows[1])}\n\n`,
    edges.length === 0 ? '' : `${table}\n`,
    `${groupDigits(edgeCount)} edges: ${counts.join(', ')}.\n`,
    policiesText(policies),
  ].join('');
}

/** For programs. */
export function diffJson({ windows, keyNames, edges, edgeCount, policies }: Difference): string {
  const windowJson = ({ fromUs, toUs }: TimeWindow): object => ({
    from: timeText(fromUs),
    to: timeText(toUs),
  });
  const countJson = ({ firstUs, lastUs, ...count }: EdgeCount): object =>
    count.flows === 0 ? { flows: 0 } : { ...count, first: timeText(firstUs), last: timeText(lastUs) };
  const json = {
    before: windowJson(windows[0]),
    after: windowJson(windows[1]),
    edges: edgeCount,
    changes: edges.map(({ change, texts, before, after }) => ({
      change,
      ...Object.fromEntries(keyNames.map((name, i) => [name.replaceAll('-', '_'), texts[i]])),
      before: countJson(before),
      after: countJson(after),
    })),
    policies: policies?.map(({ timeUs, ...policy }) => ({ time: timeText(timeUs), ...policy })) ?? null,
  };
  return `${escapeJson(JSON.stringify(json, null, 2))}\n`;
}

const words = {
  appeared: 'appeared',
  vanished: 'vanished',
  verdict: 'with other verdicts',
  rate: 'with another rate',
} as const;

function rateText(perSecond: number): string {
  return perSecond >= 100
    ? groupDigits(Math.round(perSecond))
    : perSecond.toPrecision(3).replace(/\.?0+$/, '');
}

function timesText({ before, after }: ChangedEdge): string {
  if (before.flows === 0 || after.flows === 0) return '';
  const ratio = after.perSecond / before.perSecond;
  return `x${ratio >= 10 ? groupDigits(Math.round(ratio)) : ratio.toPrecision(2)}`;
}

function verdictsText({ before, after }: ChangedEdge): string {
  if (before.flows === 0) return after.outcomes;
  if (after.flows === 0 || before.outcomes === after.outcomes) return before.outcomes;
  return `${before.outcomes} -> ${after.outcomes}`;
}

function policiesText(policies: readonly PolicyChange[] | null): string {
  if (policies === null) return '';
  if (policies.length === 0) return 'No policy changed in that time.\n';
  const table = columnsText<PolicyChange>(
    [
      { title: 'TIME', text: ({ timeUs }) => timeText(timeUs).slice(0, 19) },
      { title: 'CLUSTER', text: ({ cluster }) => cluster },
      { title: 'POLICY', text: ({ policy }) => policy },
      { title: 'CHANGE', text: ({ change }) => change },
      { title: 'REVISION', text: ({ revision }) => revision },
      { title: 'WHAT', text: ({ changed }) => changed.join(' ') },
    ],
    policies,
    'table',
  );
  return `\nPolicies that changed in that time:\n${table}`;
}
