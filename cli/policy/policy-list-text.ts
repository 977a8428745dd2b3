import { timestampMs } from '@bufbuild/protobuf/wkt';
import { groupDigits } from '../../proto/flow/text/number-text.ts';
import {
  type Counts,
  type NodeAnswer,
  type Policy,
  type PolicyRule,
  PolicyState,
} from '../../proto/gen/sluice/v1/policy_pb.ts';
import type { Column } from '../nodes/safe-table.ts';
import { ageText, agoText } from '../text/age.ts';

const states: Readonly<Record<number, string>> = {
  [PolicyState.IN_FORCE]: 'in force',
  [PolicyState.STALE]: 'stale: its file has a problem',
  [PolicyState.INVALID]: 'INVALID: not in force',
  [PolicyState.INCOMPLETE]: 'INCOMPLETE',
  [PolicyState.REMOVED]: 'removed',
};

export function stateText({ state }: Policy): string {
  return states[state] ?? 'unknown';
}

/** When something decided last. What never did is told with since when that is known. */
export function lastText(counts: Counts | undefined, nowMs: number): string {
  if (counts === undefined) return '';
  if (counts.last !== undefined) return agoText(counts.last, nowMs);
  const watched = counts.watchedSince === undefined ? '' : ageText(nowMs - timestampMs(counts.watchedSince));
  const hasDecided = counts.allowed + counts.denied + counts.audited > 0n;
  return hasDecided ? `over ${watched}` : `unused for ${watched}`;
}

function rate(perSecond: number): string {
  if (perSecond === 0) return '0';
  return perSecond < 9.95 ? perSecond.toFixed(1) : groupDigits(Math.round(perSecond));
}

/** Decisions a second, of those kinds that there are. */
export function rateText(counts: Counts | undefined): string {
  if (counts === undefined) return '';
  const { allowedRate, deniedRate, auditedRate } = counts;
  return rate(allowedRate + deniedRate + auditedRate);
}

const number = (value: bigint | undefined): string => groupDigits(value ?? 0n);

export function nodesText({ nodesEnforced, nodesTotal, state }: Policy): string {
  return state === PolicyState.REMOVED ? '' : `${nodesEnforced}/${nodesTotal} nodes`;
}

function placeText({ file, line }: Policy): string {
  return file === '' ? '' : line === 0 ? file : `${file}:${line}`;
}

/** @param showsClusters whether policies of several clusters are listed */
export function policyColumns(nowMs: number, showsClusters: boolean): Column<Policy>[] {
  const cluster = { title: 'CLUSTER', text: ({ cluster }: Policy) => cluster };
  return [
    ...(showsClusters ? [cluster] : [{ ...cluster, isWide: true }]),
    { title: 'NAMESPACE', text: ({ namespace }) => namespace },
    { title: 'NAME', text: ({ name }) => name },
    { title: 'KIND', text: ({ kind }) => kind },
    { title: 'ENDPOINTS', text: ({ endpoints }) => String(endpoints) },
    { title: 'ALLOWED', text: ({ counts }) => number(counts?.allowed) },
    { title: 'DENIED', text: ({ counts }) => number(counts?.denied) },
    { title: 'AUDITED', text: ({ counts }) => number(counts?.audited) },
    { title: 'RATE/S', text: ({ counts }) => rateText(counts) },
    // What only denies by default has no rules that could decide.
    { title: 'LAST', text: ({ counts, rules }) => (rules.length === 0 ? '' : lastText(counts, nowMs)) },
    { title: 'ENFORCED', text: nodesText },
    { title: 'STATE', text: stateText },
    { title: 'RULES', isWide: true, text: ({ ruleCount }) => String(ruleCount) },
    { title: 'REVISION', isWide: true, text: ({ revision }) => String(revision) },
    { title: 'CHANGED', isWide: true, text: ({ changed }) => agoText(changed, nowMs) },
    { title: 'FILE', isWide: true, text: placeText },
  ];
}

/** A rule with the policy that has it. */
export interface ListedRule {
  readonly policy: Policy;
  readonly rule: PolicyRule;
}

export function ruleColumns(nowMs: number, showsClusters: boolean): Column<ListedRule>[] {
  const cluster = { title: 'CLUSTER', text: ({ policy }: ListedRule) => policy.cluster };
  return [
    ...(showsClusters ? [cluster] : [{ ...cluster, isWide: true }]),
    { title: 'RULE', text: ({ rule }) => rule.address },
    { title: 'ALLOWED', text: ({ rule }) => number(rule.counts?.allowed) },
    { title: 'DENIED', text: ({ rule }) => number(rule.counts?.denied) },
    { title: 'AUDITED', text: ({ rule }) => number(rule.counts?.audited) },
    { title: 'RATE/S', text: ({ rule }) => rateText(rule.counts) },
    { title: 'LAST', text: ({ rule }) => lastText(rule.counts, nowMs) },
    {
      title: 'PLACE',
      isWide: true,
      text: ({ policy, rule }) => (rule.line === 0 ? policy.file : `${policy.file}:${rule.line}`),
    },
  ];
}

/** Decisions that no rule made, as lines below a list; nothing without any. */
export function otherDecisionsText(nodes: readonly NodeAnswer[]): string {
  const sum = (pick: (node: NodeAnswer) => bigint | undefined): bigint =>
    nodes.reduce((total, node) => total + (pick(node) ?? 0n), 0n);
  const denied = sum(({ defaultDeny }) => defaultDeny?.denied);
  const audited = sum(({ defaultDeny }) => defaultDeny?.audited);
  const implied = sum(({ implied }) => implied?.allowed);
  const lines = [
    ...(denied + audited > 0n
      ? [`No rule allowed it: ${groupDigits(denied)} denied, ${groupDigits(audited)} audited\n`]
      : []),
    ...(implied > 0n
      ? [`No rule was needed (from the node, or default deny off): ${groupDigits(implied)}\n`]
      : []),
  ];
  return lines.join('');
}

/** What is wrong with policies, as lines below a list. */
export function policyProblemsText(policies: readonly Policy[]): string {
  const lines = policies.flatMap(({ problems }) =>
    problems.map(({ where, message }) => `  - ${where}: ${message}\n`),
  );
  return lines.length === 0 ? '' : `Problems:\n${[...new Set(lines)].join('')}`;
}
