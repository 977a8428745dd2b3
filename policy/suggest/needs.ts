import { POLICY_CLUSTER_LABEL } from '../../cluster/security-labels.ts';
import { askedEnds } from '../replay/asked-ends.ts';
import { DENIED } from '../replay/flow-outcome.ts';
import { endName, labelValue, type PodEnd, type TrafficEnd } from '../replay/traffic-end.ts';
import type { Conversation } from '../replay/traffic-recorder.ts';
import type { Direction } from '../model.ts';
import { IDENTITY_HOST } from '../select/reserved-identities.ts';
import { isSelectable, type WorkloadSelector, WorkloadSelectors } from './workload-selectors.ts';

/** Whom a rule lets through. */
export type SuggestedPeer =
  | { readonly kind: 'pods'; readonly selector: WorkloadSelector; readonly cluster: string }
  | { readonly kind: 'entity'; readonly entity: string }
  | { readonly kind: 'address'; readonly address: string };

/** Traffic of a peer that has to pass, and how much of it was seen. */
export interface Need {
  readonly peer: SuggestedPeer;
  /** For comments. */
  readonly names: Set<string>;
  /** Flows by protocol times 65,536 plus port. */
  readonly l4: Map<number, number>;
}

/** Everything that was seen of the workloads that one selector picks. */
export interface SubjectNeeds {
  readonly selector: WorkloadSelector;
  readonly workloads: Set<string>;
  readonly ingress: Map<string, Need>;
  readonly egress: Map<string, Need>;
  flows: number;
  firstUs: number;
  lastUs: number;
}

export interface CollectedNeeds {
  /** Sorted by namespace and name. */
  readonly subjects: readonly SubjectNeeds[];
  readonly flows: number;
  /** Flows that were denied when they were seen: nothing is suggested for them. */
  readonly denied: number;
  /** Flows with an end that no selector can pick, for lack of labels. */
  readonly leftOut: number;
}

const DNS_TCP = 6 * 65_536 + 53;
const DNS_UDP = 17 * 65_536 + 53;

/** Sorts recorded traffic by the workloads of some namespaces, and by who is at the other end. */
export function collectNeeds(
  recorded: Iterable<Conversation>,
  namespaces: ReadonlySet<string>,
): CollectedNeeds {
  const conversations = [...recorded];
  const ends = new Set(conversations.flatMap(({ source, destination }) => [source, destination]));
  const pods = [...ends].filter((end): end is PodEnd => end.kind === 'pod' && isSelectable(end)).sort(byName);
  const collector = new Collector(new WorkloadSelectors(pods), namespaces);
  for (const conversation of conversations) collector.add(conversation);
  return collector.result();
}

class Collector {
  private readonly selectors: WorkloadSelectors;
  private readonly namespaces: ReadonlySet<string>;
  private readonly subjects = new Map<string, SubjectNeeds>();
  private flows = 0;
  private denied = 0;
  private leftOut = 0;

  constructor(selectors: WorkloadSelectors, namespaces: ReadonlySet<string>) {
    this.selectors = selectors;
    this.namespaces = namespaces;
  }

  add(conversation: Conversation): void {
    const { source, destination, outcome, flows } = conversation;
    const isOurs = (end: TrafficEnd): boolean => end.kind === 'pod' && this.namespaces.has(end.namespace);
    const asked = askedEnds(conversation).filter((one) => isOurs(one === 'egress' ? source : destination));
    if (asked.length === 0) return;
    if (outcome === DENIED) {
      this.denied += flows;
      return;
    }
    if ([source, destination].some((end) => end.kind === 'pod' && !isSelectable(end))) {
      this.leftOut += flows;
      return;
    }
    this.flows += flows;
    for (const direction of asked) {
      if (direction === 'egress') this.addEnd(direction, source as PodEnd, destination, conversation);
      else this.addEnd(direction, destination as PodEnd, source, conversation);
    }
  }

  result(): CollectedNeeds {
    const { flows, denied, leftOut } = this;
    const subjects = [...this.subjects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, subject]) => subject);
    return { subjects, flows, denied, leftOut };
  }

  private addEnd(direction: Direction, own: PodEnd, other: TrafficEnd, conversation: Conversation): void {
    const subject = this.subjectOf(own);
    const { flows, firstUs, lastUs, protocol, port } = conversation;
    subject.workloads.add(own.workload);
    if (conversation.direction === direction) {
      subject.flows += flows;
      subject.firstUs = Math.min(subject.firstUs, firstUs);
      subject.lastUs = Math.max(subject.lastUs, lastUs);
    }
    // A node reaches its own pods, whatever they say.
    const isOwnNode = other.kind === 'reserved' && other.identity === IDENTITY_HOST;
    if (direction === 'ingress' && isOwnNode) return;
    const peer = this.peerOf(own, other);
    const key = JSON.stringify(peer);
    let need = subject[direction].get(key);
    if (need === undefined) subject[direction].set(key, (need = { peer, names: new Set(), l4: new Map() }));
    for (const name of namesOf(other)) need.names.add(name);
    const l4 = protocol * 65_536 + port;
    need.l4.set(l4, (need.l4.get(l4) ?? 0) + flows);
    const server = direction === 'egress' ? other : own;
    if (l4 === DNS_UDP && isClusterDns(server)) need.l4.set(DNS_TCP, need.l4.get(DNS_TCP) ?? 0);
  }

  private subjectOf(own: PodEnd): SubjectNeeds {
    const selector = this.selectors.of(own);
    const key = JSON.stringify([selector.namespace, selector.labels]);
    let subject = this.subjects.get(key);
    if (subject === undefined) {
      const none = { ingress: new Map<string, Need>(), egress: new Map<string, Need>() };
      subject = { selector, workloads: new Set(), ...none, flows: 0, firstUs: Infinity, lastUs: 0 };
      this.subjects.set(key, subject);
    }
    return subject;
  }

  private peerOf(own: PodEnd, other: TrafficEnd): SuggestedPeer {
    if (other.kind === 'reserved') return { kind: 'entity', entity: other.name.slice(1, -1) };
    if (other.kind === 'outside') {
      if (other.isApiServer) return { kind: 'entity', entity: 'kube-apiserver' };
      return other.address === ''
        ? { kind: 'entity', entity: 'world' }
        : { kind: 'address', address: other.address };
    }
    const cluster = labelValue(other.labels, POLICY_CLUSTER_LABEL);
    const isOwnCluster = cluster === labelValue(own.labels, POLICY_CLUSTER_LABEL);
    return { kind: 'pods', selector: this.selectors.of(other), cluster: isOwnCluster ? '' : cluster };
  }
}

function namesOf(end: TrafficEnd): readonly string[] {
  return end.kind === 'outside' && end.names.size > 0 ? [...end.names].sort() : [endName(end)];
}

function isClusterDns(end: TrafficEnd): boolean {
  if (end.kind !== 'pod') return false;
  return ['k8s-app', 'app.kubernetes.io/name', 'app'].some((key) =>
    /^(kube-dns|coredns|node-local-dns)$/.test(labelValue(end.labels, key)),
  );
}

function byName(a: PodEnd, b: PodEnd): number {
  const [x, y] = [a, b].map(({ name, cluster, labels }) => `${name} ${cluster} ${labels.join()}`);
  return x < y ? -1 : 1;
}
