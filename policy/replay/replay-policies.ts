import type { Direction } from '../model.ts';
import { askedEnds } from './asked-ends.ts';
import { ClusterPolicies, type EndDecision, type ProposedPolicies } from './cluster-policies.ts';
import { AUDITED, DENIED } from './flow-outcome.ts';
import { endName, type TrafficEnd } from './traffic-end.ts';
import type { Conversation } from './traffic-recorder.ts';

/** What proposed policies would change, against what was recorded. */
export const replayChanges = ['newly-denied', 'newly-allowed', 'still-denied', 'still-allowed'] as const;
export type ReplayChange = (typeof replayChanges)[number];

/** Flows of two workloads that the same rules decide in the same way. */
export interface ReplayRow {
  readonly change: ReplayChange;
  readonly source: string;
  readonly destination: string;
  /** Empty outside. */
  readonly sourceCluster: string;
  readonly destinationCluster: string;
  /** IP protocol. */
  readonly protocol: number;
  /** Destination port; type of ICMP messages; 0 for protocols without ports. */
  readonly port: number;
  readonly flows: number;
  /** Those of them that were let through in audit mode only. */
  readonly audited: number;
  /** Microseconds since the epoch. */
  readonly firstUs: number;
  readonly lastUs: number;
  /** Whose policies decide; null where none are enforced at the ends that were asked. */
  readonly decision: EndDecision | null;
  /** Addresses outside, the first few. */
  readonly addresses: readonly string[];
}

export interface ReplayResult {
  /** The largest rows of each change first; changes in the order of `replayChanges`. */
  readonly rows: readonly ReplayRow[];
  readonly flows: Readonly<Record<ReplayChange, number>>;
  /** Flows of pods whose labels the recording lacks. */
  readonly unjudged: number;
}

/**
 * Runs recorded conversations through proposed policies. The policies hold in every cluster of the recording; an audited flow counts as allowed, which it was.
 * @param clusterName of ends that name no cluster
 */
export function replayPolicies(
  proposed: ProposedPolicies,
  recorded: Iterable<Conversation>,
  clusterName = 'default',
): ReplayResult {
  const conversations = [...recorded];
  const clusters = new Clusters(proposed, conversations, clusterName);
  const rows = new RowSums();
  let unjudged = 0;
  for (const conversation of conversations) {
    const judged = judge(conversation, clusters);
    if (judged === undefined) unjudged += conversation.flows;
    else rows.add(conversation, judged);
  }
  return { ...rows.result(), unjudged };
}

/** The decision that counts: of the first end that denies, else of the end where the flow was seen. Undefined: not known. */
function judge(conversation: Conversation, clusters: Clusters): EndDecision | null | undefined {
  const { source, destination, protocol, port, direction } = conversation;
  let atSeen: EndDecision | null = null;
  for (const asked of askedEnds(conversation)) {
    const [own, peer] = asked === 'egress' ? [source, destination] : [destination, source];
    const decision = clusters.of(own, peer).decide(asked, own, peer, protocol, port);
    if (decision === undefined) return undefined;
    if (decision !== null && decision.verdict !== 'allow') return decision;
    if (asked === direction) atSeen = decision;
  }
  return atSeen;
}

/** The policies as each cluster compiles them. */
class Clusters {
  private readonly proposed: ProposedPolicies;
  private readonly clusterName: string;
  private readonly ends: ReadonlySet<TrafficEnd>;
  private readonly known = new Map<string, ClusterPolicies>();

  constructor(proposed: ProposedPolicies, conversations: readonly Conversation[], clusterName: string) {
    this.proposed = proposed;
    this.clusterName = clusterName;
    this.ends = new Set(conversations.flatMap(({ source, destination }) => [source, destination]));
  }

  /** Of the cluster that an end is in. A node says no cluster: it is in that of whom it is seen with. */
  of(own: TrafficEnd, peer: TrafficEnd): ClusterPolicies {
    const name = clusterOf(own) || clusterOf(peer) || this.clusterName;
    let cluster = this.known.get(name);
    if (cluster === undefined) {
      cluster = new ClusterPolicies(name, this.proposed, this.ends);
      this.known.set(name, cluster);
    }
    return cluster;
  }
}

function clusterOf(end: TrafficEnd): string {
  return end.kind === 'pod' ? end.cluster : '';
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

class RowSums {
  private readonly rows = new Map<string, Writable<ReplayRow>>();
  private readonly numbers = new Map<object, number>();

  add(conversation: Conversation, decision: EndDecision | null): void {
    const { source, destination, protocol, port, outcome, flows, firstUs, lastUs } = conversation;
    const isAllowed = decision === null || decision.verdict === 'allow';
    const wasAllowed = outcome !== DENIED;
    const change: ReplayChange = isAllowed
      ? wasAllowed
        ? 'still-allowed'
        : 'newly-allowed'
      : wasAllowed
        ? 'newly-denied'
        : 'still-denied';
    const names = [endName(source), endName(destination), clusterOf(source), clusterOf(destination)] as const;
    const key = JSON.stringify([change, ...names, protocol, port, decision && this.decisionKey(decision)]);
    const audited = outcome === AUDITED ? flows : 0;
    const row = this.rows.get(key);
    if (row !== undefined) {
      row.flows += flows;
      row.audited += audited;
      row.firstUs = Math.min(row.firstUs, firstUs);
      row.lastUs = Math.max(row.lastUs, lastUs);
      return;
    }
    this.rows.set(key, {
      change,
      source: names[0],
      destination: names[1],
      sourceCluster: names[2],
      destinationCluster: names[3],
      protocol,
      port,
      flows,
      audited,
      firstUs,
      lastUs,
      decision,
      addresses: [source, destination].flatMap((end) => (end.kind === 'outside' ? [...end.addresses] : [])),
    });
  }

  result(): Pick<ReplayResult, 'rows' | 'flows'> {
    const rows = [...this.rows.values()].sort(compareRows);
    const sum = (change: ReplayChange): number =>
      rows.reduce((total, row) => total + (row.change === change ? row.flows : 0), 0);
    const flows = Object.fromEntries(replayChanges.map((change) => [change, sum(change)]));
    return { rows, flows: flows as Record<ReplayChange, number> };
  }

  /** The same for decisions that read the same. */
  private decisionKey({ direction, verdict, isPoliced, rules, deniedBy }: EndDecision): unknown[] {
    const numberOf = (item: object): number => {
      const known = this.numbers.get(item) ?? this.numbers.size;
      this.numbers.set(item, known);
      return known;
    };
    const ruleKeys = rules.map((rule) => [rule.kind, rule.namespace, rule.name, rule.path, ...rule.labels]);
    return [direction satisfies Direction, verdict, isPoliced, ruleKeys, deniedBy.map(numberOf)];
  }
}

function compareRows(a: ReplayRow, b: ReplayRow): number {
  return (
    replayChanges.indexOf(a.change) - replayChanges.indexOf(b.change) ||
    b.flows - a.flows ||
    compare(a.source, b.source) ||
    compare(a.destination, b.destination) ||
    a.protocol - b.protocol ||
    a.port - b.port ||
    compare(a.sourceCluster + a.destinationCluster, b.sourceCluster + b.destinationCluster)
  );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
