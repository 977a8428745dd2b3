import { groupDigits } from '../../proto/flow/text/number-text.ts';
import { compileTimeFormat } from '../../proto/flow/text/time-text.ts';
import {
  type NodeAnswer,
  type PolicyDetail,
  type PolicyRevision,
  type PolicyRule,
  RevisionChange,
} from '../../proto/gen/sluice/v1/policy_pb.ts';
import { columnsText } from '../nodes/safe-table.ts';
import { agoText } from '../text/age.ts';
import { lastText, nodesText, policyProblemsText, ruleColumns, stateText } from './policy-list-text.ts';

const timeText = compileTimeFormat('StampMilli');
const changes: Readonly<Record<number, string>> = {
  [RevisionChange.ADDED]: 'added',
  [RevisionChange.CHANGED]: 'changed',
  [RevisionChange.DELETED]: 'deleted',
};

/** A policy for people: what it is, what its rules decided, its manifest with the traffic beside each rule, and its revisions. */
export function detailText(detail: PolicyDetail, nodes: readonly NodeAnswer[], nowMs: number): string {
  const policy = detail.policy!;
  const { kind, namespace, name, cluster, file, line, description, nodesBehind, versions } = policy;
  const lines = [
    `${kind} ${namespace === '' ? name : `${namespace}/${name}`}`,
    ...(description === '' ? [] : [`  Description: ${description}`]),
    `  Cluster:     ${cluster}`,
    ...(file === '' ? [] : [`  File:        ${file}${line === 0 ? '' : `:${line}`}`]),
    `  State:       ${stateText(policy)}`,
    `  Enforced:    ${nodesText(policy) || 'no'}${nodesBehind.length === 0 ? '' : `; not on ${nodesBehind.join(', ')}`}`,
    ...versions
      .slice(1)
      .map(
        ({ nodes: count, nodeNames, digest }) =>
          `  Other:       version ${digest || '(invalid)'} on ${count} nodes (${nodeNames.join(', ')})`,
      ),
    ...(policy.digest === ''
      ? []
      : [
          `  Revision:    ${policy.revision}, changed ${agoText(policy.changed, nowMs)} ago; version ${policy.digest}`,
          `  Endpoints:   ${policy.endpoints}`,
        ]),
  ];
  const rules = policy.rules.map((rule) => ({ policy, rule }));
  const ofCluster = nodes.filter(({ nodeName }) => nodeName.startsWith(`${cluster}/`));
  const denied = ofCluster.reduce((sum, { defaultDeny }) => sum + (defaultDeny?.denied ?? 0n), 0n);
  return [
    `${lines.join('\n')}\n`,
    ...(rules.length === 0 ? [] : [`\n${columnsText(ruleColumns(nowMs, false), rules, 'table')}`]),
    ...(denied > 0n
      ? [`Everything else on these nodes, by any policy's default deny: ${groupDigits(denied)}\n`]
      : []),
    ...(policy.problems.length === 0 ? [] : [`\n${policyProblemsText([policy])}`]),
    ...(detail.manifest === '' ? [] : [`\nManifest:\n${manifestText(detail, nowMs)}`]),
    ...(detail.revisions.length === 0 ? [] : [`\n${revisionsText(detail)}`]),
  ].join('');
}

/** The manifest with line numbers, and beside the first line of each rule what it decided. */
function manifestText({ manifest, policy }: PolicyDetail, nowMs: number): string {
  const rules = new Map(policy!.rules.map((rule) => [rule.line, rule]));
  const lines = manifest.replace(/\n$/, '').split('\n');
  const first = Math.max(1, policy!.line);
  const width = String(first + lines.length - 1).length;
  const notes = lines.map((_, i) => {
    const rule = rules.get(first + i);
    return rule === undefined ? '' : ruleNote(rule, nowMs);
  });
  const room = Math.max(...notes.map((note) => note.length));
  return lines
    .map((line, i) => `${String(first + i).padStart(width)} ${notes[i].padStart(room)} | ${line}\n`)
    .join('');
}

function ruleNote({ counts }: PolicyRule, nowMs: number): string {
  if (counts === undefined) return '';
  const parts = [
    ...(counts.allowed > 0n ? [`${groupDigits(counts.allowed)} allowed`] : []),
    ...(counts.denied > 0n ? [`${groupDigits(counts.denied)} denied`] : []),
    ...(counts.audited > 0n ? [`${groupDigits(counts.audited)} audited`] : []),
  ];
  return parts.length === 0 ? lastText(counts, nowMs) : parts.join(', ');
}

function revisionsText({ revisions, revisionsNode, revisionsDropped }: PolicyDetail): string {
  const table = columnsText<PolicyRevision>(
    [
      { title: 'REVISION', text: ({ revision }) => String(revision) },
      { title: 'TIME', text: ({ time }) => (time === undefined ? '' : timeText(time)) },
      { title: 'CHANGE', text: ({ change }) => changes[change] ?? '' },
      { title: 'WHAT', text: ({ changed }) => changed.join(' ') },
      { title: 'VERSION', text: ({ digest }) => digest },
    ],
    revisions,
    'table',
  );
  const older = revisionsDropped === 0 ? '' : `, ${revisionsDropped} older ones are not kept`;
  return `Revisions (as ${revisionsNode} counts them${older}):\n${table}`;
}
