import type { ClusterChange, ClusterNode, PodEndpoint } from '../../cluster/index.ts';
import {
  type EndpointPolicy,
  type EnforcementMode,
  type NamedRule,
  PolicyState,
  type PolicyUpdate,
  type RuleCookie,
} from '../../policy/index.ts';
import type { DatapathSettings } from '../datapath/datapath-settings.ts';
import type { BpfMap } from '../kernel/bpf-map.ts';
import { readRuleCounts, type RuleCount } from './rule-counts.ts';
import { KnownIdentities } from './known-identities.ts';
import { KnownNodes } from './known-nodes.ts';
import { NODE, PolicyFeed } from './policy-feed.ts';
import { NODE_ENDPOINT_ID } from './policy-layout.ts';
import {
  type ChangeCause,
  type EndpointPoliciesMap,
  type EndpointSet,
  type PolicyEntriesMap,
  type PolicyProblem,
  PolicySets,
} from './policy-sets.ts';
import { type RangeMap, RangeSync } from '../datapath/range-sync.ts';

export interface PolicyEnforcementOptions {
  readonly clusterName: string;
  readonly clusterId: number;
  readonly nodeName: string;
  readonly mode: EnforcementMode;
  /** Whether policies with a nodeSelector police the node itself. */
  readonly hostFirewall: boolean;
  /** Nothing is denied by a policy, only told. */
  readonly audits: boolean;
}

export interface PolicyMaps {
  readonly policy: PolicyEntriesMap;
  readonly endpointPolicies: EndpointPoliciesMap;
  readonly ranges: RangeMap;
  readonly ruleCounters: Pick<BpfMap, 'entries'>;
}

/** How an endpoint's policy stands. */
export interface EndpointState {
  readonly id: number | undefined;
  readonly policy: EndpointPolicy | undefined;
  readonly set: EndpointSet | undefined;
}

/** What flows need to name rules, and whom rules speak of that is no pod. */
export interface PolicyListeners {
  readonly onRules: (told: ToldRules) => void;
  readonly onIdentities: (changes: readonly ToldIdentity[]) => void;
  readonly onProblems: (problems: readonly PolicyProblem[]) => void;
}

/** A range or another node that got an identity, or lost it. */
export interface ToldIdentity {
  readonly identity: number;
  /** Null when it is gone. */
  readonly labels: readonly string[] | null;
}

/** The names behind cookies that entries are about to have. */
export interface ToldRules {
  /** Counts the changes of policies. */
  readonly revision: number;
  readonly rules: readonly { readonly cookie: RuleCookie; readonly rules: readonly NamedRule[] }[];
}

export { NODE } from './policy-feed.ts';
const RETRY_MS = 2000;

/**
 * The policies of this node's endpoints: takes cluster state, compiles, and keeps the datapath's maps in step. Entries for an identity are written before its addresses are;
 * a policy that changed is in force for an endpoint from one packet to the next.
 */
export class PolicyEnforcement {
  readonly state: PolicyState;
  private readonly options: PolicyEnforcementOptions;
  private readonly settings: DatapathSettings;
  private readonly sets: PolicySets;
  private readonly ranges: RangeSync;
  private readonly identities = new KnownIdentities();
  private readonly nodes: KnownNodes;
  private readonly ruleCounters: PolicyMaps['ruleCounters'];
  private readonly listeners: PolicyListeners;
  private readonly feed: PolicyFeed;
  /** Numbers of those that the datapath serves. */
  private readonly ids = new Map<string, number>();
  /** Ranges by identity, as flows know them. */
  private readonly toldRanges = new Set<number>();
  /** What `wantedRanges` gave last, and of which version of the ranges. */
  private wanted: { readonly version: number; readonly ranges: ReadonlyMap<string, number> } | null = null;
  private toldVersion = -1;
  private ignored: readonly PolicyProblem[] = [];
  private readonly toldCookies = new Set<RuleCookie>();
  private revisionCount = 0;
  /** Endpoints have been assigned their policies; until then what an earlier agent left is in force. */
  private isComplete = false;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  /** Takes up what an earlier agent left in the maps: it stays in force until endpoints are assigned their policies. */
  constructor(
    options: PolicyEnforcementOptions,
    maps: PolicyMaps,
    settings: DatapathSettings,
    listeners: PolicyListeners,
  ) {
    this.options = options;
    this.settings = settings;
    this.listeners = listeners;
    const { clusterName, clusterId, mode, hostFirewall } = options;
    this.state = new PolicyState({ clusterName, clusterId, mode, hostFirewall });
    this.nodes = new KnownNodes(options);
    this.feed = new PolicyFeed(options);
    this.sets = new PolicySets(maps.policy, maps.endpointPolicies);
    this.ranges = new RangeSync(maps.ranges, 'their addresses count as those of wider ones');
    this.ruleCounters = maps.ruleCounters;
    this.state.update({ endpoints: [{ key: NODE, labels: this.feed.hostLabels, isHost: true }] });
    this.sets.apply(this.state.takeChanges(), 'policies');
  }

  /** Changes of policies so far. */
  get revision(): number {
    return this.revisionCount;
  }

  /** Entries in the datapath's map. */
  get entryCount(): number {
    return this.sets.entryCount;
  }

  /** How often rules decided, most first. */
  ruleCounts(): RuleCount[] {
    return readRuleCounts(this.ruleCounters, this.state.rules);
  }

  /** The identity of a node's addresses, this node's included. */
  identityOfNode(node: ClusterNode): number {
    return this.nodes.identityOf(node);
  }

  /** A pod of any cluster that has an identity. */
  pod(cluster: string, namespace: string, podName: string): PodEndpoint | undefined {
    return this.identities.pod(cluster, namespace, podName);
  }

  /** All pods that have an identity. */
  allPods(): IterableIterator<PodEndpoint> {
    return this.identities.allPods();
  }

  /** Pods of this node, by namespace and name. */
  get ownPods(): ReadonlyMap<string, PodEndpoint> {
    return this.feed.ownPods;
  }

  /** How an endpoint stands. Its number and what the maps say for it are undefined while it is not served. `key` as in `assign`; NODE for the node itself. */
  endpointState(key: string): EndpointState {
    const id = key === NODE ? NODE_ENDPOINT_ID : this.ids.get(key);
    const set = id === undefined ? undefined : this.sets.describe(id);
    return { id, set, policy: this.state.policyOf(key) };
  }

  /**
   * Takes changes of any cluster's state. To be called before the datapath learns of them. Returns the nodes that have another identity now although nothing changed about
   * them: the datapath has to learn of that, too.
   */
  apply(changes: readonly ClusterChange[]): readonly ClusterNode[] {
    const nodes = this.nodes.apply(changes);
    this.listeners.onIdentities(nodes.identities.map(({ id, labels }) => ({ identity: id, labels })));
    const identities = [...this.identities.apply(changes), ...nodes.identities];
    if (identities.length > 0) this.update({ identities }, 'identities-added');
    const update = this.feed.updateOf(changes);
    if (Object.values(update).some((list: readonly unknown[]) => list.length > 0)) {
      if ((update.policies?.length ?? 0) + (update.removedPolicies?.length ?? 0) > 0) this.revisionCount++;
      this.update(update, 'policies');
      this.ignored = this.policiesWithoutEffect();
    }
    for (const { key } of update.endpoints) if (this.ids.has(key)) this.assignAgain(key);
    if (this.isComplete) this.assignNode();
    if (this.identities.hasUnused || this.nodes.hasUnused) this.schedule();
    this.tell();
    return nodes.renumbered;
  }

  /** Puts an endpoint's policy in force, before the datapath knows the endpoint otherwise. */
  assign(key: string, endpointId: number): void {
    // All endpoints that an earlier agent left come first: for them ranges come behind entries, for a new one before it is served.
    if (!this.isComplete && !this.sets.isInherited(endpointId)) this.addRanges();
    this.ids.set(key, endpointId);
    this.assignAgain(key);
    this.tell();
  }

  /** Puts the node's own policy in force and forgets what an earlier agent left: all endpoints that are there have been assigned. */
  finishInitial(): void {
    this.isComplete = true;
    this.assignNode();
    this.sets.finishInitial();
    const removed = this.ranges.removeOthers(this.wantedRanges());
    if (this.addRanges() || removed) this.settings.identitiesChanged();
    this.tell();
  }

  /** The datapath does not serve an endpoint any more. */
  release(key: string): void {
    const endpointId = this.ids.get(key);
    if (endpointId === undefined) return;
    this.ids.delete(key);
    this.sets.remove(endpointId);
    this.tell();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  /** Compiles and writes. A range that is gone goes before the entries that need it not, one that is new comes behind those that do. */
  private update(update: PolicyUpdate, cause: ChangeCause): void {
    const unused = (update.removedEndpoints ?? []).map((key) => this.state.policyOf(key));
    this.state.update(update);
    const changes = this.state.takeChanges();
    const told = new Set<RuleCookie>();
    for (const { cookies } of changes) for (const cookie of cookies) told.add(cookie);
    this.tellRules(told);
    this.tellRanges();
    const removed = this.isComplete && this.ranges.removeOthers(this.wantedRanges());
    this.sets.apply(changes, cause);
    const added = this.isComplete && this.addRanges();
    if (removed || added) this.settings.identitiesChanged();
    for (const policy of unused) if (policy !== undefined) this.sets.dropIfUnused(policy);
  }

  /** The same map as long as no range comes or goes. */
  private wantedRanges(): ReadonlyMap<string, number> {
    const { version } = this.state.cidrs;
    if (this.wanted?.version !== version) {
      const ranges = new Map([...this.state.cidrs.entries()].map(([cidr, { id }]) => [cidr, id] as const));
      this.wanted = { version, ranges };
    }
    return this.wanted.ranges;
  }

  /** Whether there were any to add. */
  private addRanges(): boolean {
    return this.ranges.add(this.wantedRanges());
  }

  private tellRanges(): void {
    if (this.toldVersion === this.state.cidrs.version) return;
    this.toldVersion = this.state.cidrs.version;
    const changes: ToldIdentity[] = [];
    const present = new Set<number>();
    for (const [, { id, labels }] of this.state.cidrs.entries()) {
      present.add(id);
      if (this.toldRanges.has(id)) continue;
      this.toldRanges.add(id);
      changes.push({ identity: id, labels });
    }
    for (const id of this.toldRanges) {
      if (present.has(id)) continue;
      this.toldRanges.delete(id);
      changes.push({ identity: id, labels: null });
    }
    if (changes.length > 0) this.listeners.onIdentities(changes);
  }

  private tellRules(cookies: ReadonlySet<RuleCookie>): void {
    const fresh = [...cookies].filter((cookie) => cookie !== 0 && !this.toldCookies.has(cookie));
    for (const cookie of fresh) this.toldCookies.add(cookie);
    const rules = fresh.map((cookie) => ({ cookie, rules: this.state.rules.rulesOf(cookie) }));
    this.listeners.onRules({ revision: this.revisionCount, rules });
  }

  /** A pod's labels may have led it to another policy. */
  private assignAgain(key: string): void {
    const policy = this.state.policyOf(key);
    // Of a pod that is gone the last policy stays until its interface is.
    if (policy === undefined) return;
    const audits = this.options.audits || this.feed.podOf(key)?.auditsPolicy === true;
    this.sets.assign(this.ids.get(key)!, `pod ${key}`, policy, audits);
  }

  private assignNode(): void {
    const policy = this.state.policyOf(NODE)!;
    this.sets.assign(NODE_ENDPOINT_ID, NODE, policy, this.options.audits);
  }

  /** A policy for a node that is not policed looks like protection, and is none. */
  private policiesWithoutEffect(): PolicyProblem[] {
    if (this.options.hostFirewall) return [];
    return this.state.policiesOfHost(this.feed.hostLabels).map(({ kind, name }) => ({
      where: `${kind} "${name}"`,
      message: 'its nodeSelector picks this node, which is not policed: start the agent with --host-firewall',
    }));
  }

  private schedule(): void {
    if (this.closed || this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.lookAgain();
    }, RETRY_MS);
    this.timer.unref();
  }

  private lookAgain(): void {
    const nowMs = performance.now();
    const goneNodes = this.nodes.retire(nowMs);
    this.listeners.onIdentities(goneNodes.map((identity) => ({ identity, labels: null })));
    const removedIdentities = [...this.identities.retire(nowMs), ...goneNodes];
    if (removedIdentities.length > 0) this.update({ removedIdentities }, 'identities-removed');
    this.sets.retry();
    if (this.ranges.problem !== null && this.addRanges()) this.settings.identitiesChanged();
    if (this.identities.hasUnused || this.nodes.hasUnused) this.schedule();
    this.tell();
  }

  private tell(): void {
    this.settings.setPolicy(this.sets.isEnforcing);
    const ofRanges =
      this.ranges.problem === null ? [] : [{ where: 'policy ranges', message: this.ranges.problem }];
    const problems = [...this.sets.problems, ...ofRanges];
    if (problems.length > 0) this.schedule();
    this.listeners.onProblems([...problems, ...this.ignored]);
  }
}
