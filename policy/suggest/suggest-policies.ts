import { Document, isMap, isSeq } from 'yaml';
import type { Conversation } from '../replay/traffic-recorder.ts';
import { ciliumRules, type CommentedRule } from './cilium-rules.ts';
import { groupNeeds } from './group-needs.ts';
import { kubernetesRules, podLabels } from './kubernetes-rules.ts';
import { collectNeeds, type SubjectNeeds } from './needs.ts';

export type SuggestedKind = 'CiliumNetworkPolicy' | 'NetworkPolicy';

export interface SuggestOptions {
  readonly kind: SuggestedKind;
  /** Whose workloads get policies. */
  readonly namespaces: readonly string[];
  /** A port that a workload was seen on with more addresses outside than this is opened to the world. Default 16. */
  readonly maxAddresses?: number;
}

export interface SuggestedPolicy {
  readonly namespace: string;
  readonly name: string;
  /** The manifest, as plain data and as YAML with comments. */
  readonly object: object;
  readonly text: string;
}

export interface Suggestion {
  readonly policies: readonly SuggestedPolicy[];
  /** Flows that the policies let through: all that were, when they were seen. */
  readonly flows: number;
  /** Flows that were denied when they were seen; nothing lets them through. */
  readonly denied: number;
  /** Flows with a pod whose labels are not known, so that no policy can select it. */
  readonly leftOut: number;
}

/**
 * Writes policies that let through what was seen, and nothing else as far as labels, addresses and ports can say it: one for each workload, both directions closed but for
 * that. The same traffic comes to the same text.
 */
export function suggestPolicies(
  recorded: Iterable<Conversation>,
  { kind, namespaces, maxAddresses = 16 }: SuggestOptions,
): Suggestion {
  const { subjects, ...counts } = collectNeeds(recorded, new Set(namespaces));
  const taken = new Set<string>();
  const policies = subjects.map((subject) => suggestOne(subject, kind, maxAddresses, taken));
  return { ...counts, policies };
}

function suggestOne(
  subject: SubjectNeeds,
  kind: SuggestedKind,
  maxAddresses: number,
  taken: Set<string>,
): SuggestedPolicy {
  const { namespace } = subject.selector;
  const name = uniqueName(subject, taken);
  const write = kind === 'NetworkPolicy' ? kubernetesRules : ciliumRules;
  const rulesOf = (direction: 'ingress' | 'egress'): CommentedRule[] =>
    groupNeeds(subject[direction].values(), maxAddresses).flatMap((rule) =>
      write(direction, rule, namespace),
    );
  const rules = { ingress: rulesOf('ingress'), egress: rulesOf('egress') };
  const object =
    kind === 'NetworkPolicy' ? kubernetesObject(subject, name, rules) : ciliumObject(subject, name, rules);
  return { namespace, name, object, text: textOf(object, subject, rules) };
}

interface Rules {
  readonly ingress: readonly CommentedRule[];
  readonly egress: readonly CommentedRule[];
}

function ciliumObject({ selector }: SubjectNeeds, name: string, { ingress, egress }: Rules): object {
  // An entry that selects nothing closes the direction.
  const entries = (rules: readonly CommentedRule[]): object[] =>
    rules.length === 0 ? [{}] : rules.map(({ rule }) => rule);
  const { namespace, labels } = selector;
  return {
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumNetworkPolicy',
    metadata: { name, namespace },
    spec: {
      endpointSelector: labels.length === 0 ? {} : { matchLabels: Object.fromEntries(labels) },
      ingress: entries(ingress),
      egress: entries(egress),
    },
  };
}

function kubernetesObject({ selector }: SubjectNeeds, name: string, { ingress, egress }: Rules): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace: selector.namespace },
    spec: {
      podSelector: podLabels(selector),
      policyTypes: ['Ingress', 'Egress'],
      ...(ingress.length > 0 && { ingress: ingress.map(({ rule }) => rule) }),
      ...(egress.length > 0 && { egress: egress.map(({ rule }) => rule) }),
    },
  };
}

/** Peers told above a rule; there may be hundreds. */
const MAX_NOTES = 8;

function textOf(object: object, subject: SubjectNeeds, rules: Rules): string {
  const document = new Document(object, { aliasDuplicateObjects: false });
  const { flows, firstUs, lastUs, workloads } = subject;
  const times = flows === 0 ? '' : `, ${timeText(firstUs)} to ${timeText(lastUs)}`;
  document.commentBefore = comment([
    `${[...workloads].sort().join(', ')}: ${count(flows)} seen at its pods${times}`,
  ]);
  for (const direction of ['ingress', 'egress'] as const) {
    const list = document.getIn(['spec', direction]);
    if (!isSeq(list)) continue;
    for (const [i, item] of list.items.entries()) {
      if (!isMap(item)) continue;
      const lines = noteLines(rules[direction][i]);
      if (lines.length > 0) item.commentBefore = comment(lines);
    }
  }
  return document.toString({ indentSeq: false, lineWidth: 0 });
}

function noteLines(rule: CommentedRule | undefined): string[] {
  if (rule === undefined) return ['Nothing was seen: everything is denied.'];
  const { notes, warning } = rule;
  const more = notes.slice(MAX_NOTES);
  const rest = more.reduce((sum, { flows }) => sum + flows, 0);
  return [
    ...notes.slice(0, MAX_NOTES).map(({ name, flows }) => `${name}: ${count(flows)}`),
    ...(more.length === 0 ? [] : [`and ${more.length} more: ${count(rest)}`]),
    ...(warning === '' ? [] : [`Note: ${warning}.`]),
  ];
}

/** Names come from the network: nothing in them may end the comment. */
function comment(lines: readonly string[]): string {
  return lines.map((line) => ` ${line.replace(/[^\x20-\x7e]/g, '?').slice(0, 400)}`).join('\n');
}

function count(flows: number): string {
  return `${String(flows).replace(/\B(?=(\d{3})+$)/g, ',')} ${flows === 1 ? 'flow' : 'flows'}`;
}

function timeText(us: number): string {
  return new Date(us / 1000).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** The workload's name, as names of objects are written. */
function uniqueName({ workloads, selector }: SubjectNeeds, taken: Set<string>): string {
  const [first = 'pods'] = [...workloads].sort();
  const plain = first
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .slice(0, 200)
    .split('.')
    .map((part) =>
      part
        .replace(/^-+|-+$/g, '')
        .slice(0, 63)
        .replace(/-+$/, ''),
    )
    .filter((part) => part !== '')
    .join('.');
  const base = plain === '' ? 'pods' : plain;
  for (let i = 1; ; i++) {
    const name = i === 1 ? base : `${base}-${i}`;
    const key = `${selector.namespace}/${name}`;
    if (taken.has(key)) continue;
    taken.add(key);
    return name;
  }
}
