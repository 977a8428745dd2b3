import type { ClusterChange, ClusterNode, PodEndpoint, Service } from '../../cluster/index.ts';
import type { EnforcementMode } from '../../policy/index.ts';
import type { AgentOptions } from '../config.ts';
import type { Datapath } from '../datapath/datapath.ts';
import type { AttachedEndpoint } from '../datapath/endpoint-manager.ts';
import type { BpfMap } from '../kernel/bpf-map.ts';
import { PolicyBook } from '../policy/policy-book.ts';
import { type EndpointState, NODE, type PolicyEnforcement } from '../policy/policy-enforcement.ts';
import type { PolicySources } from '../policy/policy-sources.ts';
import { RuleHits } from '../policy/rule-hits.ts';

/** The part of a BPF map that is read here. */
export type ReadableMap = Pick<BpfMap, 'batches' | 'lookup'>;

/** Maps whose content is shown. */
export type ShownMap =
  | 'ipcache'
  | 'ipcache_cidr'
  | 'policy'
  | 'endpoint_policies'
  | 'ct4'
  | 'ct6'
  | 'endpoints';

/** What is shown of a node's datapath. */
export interface ShownDatapath {
  readonly endpoints: readonly AttachedEndpoint[];
  /** See Datapath.ownerOf. */
  ownerOf(address: string): string | undefined;
  map(name: ShownMap): ReadableMap;
}

export interface NodeViewOptions {
  readonly clusterName: string;
  /** Without the cluster. */
  readonly nodeName: string;
  readonly mode: EnforcementMode;
  readonly hostFirewall: boolean;
  readonly audits: boolean;
  readonly startedMs: number;
}

/** A problem that somebody told, and since when. */
export interface TimedProblem {
  readonly where: string;
  readonly message: string;
  readonly sinceMs: number;
}

/** The view of a node whose parts are there. */
export function createNodeView(
  options: Pick<
    AgentOptions,
    'clusterName' | 'nodeName' | 'policyEnforcement' | 'hostFirewall' | 'policyAudit'
  >,
  startedMs: number,
  parts: {
    readonly policies: PolicyEnforcement;
    readonly datapath: Datapath;
    readonly sources: PolicySources;
    readonly problems: () => readonly TimedProblem[];
  },
): NodeView {
  const { clusterName, nodeName, policyEnforcement, hostFirewall, policyAudit } = options;
  const { datapath } = parts;
  const shown: ShownDatapath = {
    get endpoints() {
      return datapath.endpoints;
    },
    ownerOf: (address) => datapath.ownerOf(address),
    map: (name) => datapath.object.map(name),
  };
  return new NodeView(
    {
      clusterName,
      nodeName,
      mode: policyEnforcement ?? 'default',
      hostFirewall: hostFirewall ?? false,
      audits: policyAudit ?? false,
      startedMs,
    },
    { ...parts, datapath: shown, ruleCounters: datapath.object.map('rule_counters') },
  );
}

/** Everything that the services for policies, endpoints and maps answer from. Follows cluster state. */
export class NodeView {
  readonly options: NodeViewOptions;
  readonly policies: PolicyEnforcement;
  readonly datapath: ShownDatapath;
  readonly sources: PolicySources;
  readonly book: PolicyBook;
  readonly hits: RuleHits;
  /** By `cluster/namespace/name`. */
  readonly services = new Map<string, Service>();
  /** By `cluster/name`. */
  readonly nodes = new Map<string, ClusterNode>();
  private readonly problems: () => readonly TimedProblem[];
  /** Revision of policies that is in force, by key of the endpoint. */
  private readonly appliedRevisions = new Map<string, number>();

  constructor(
    options: NodeViewOptions,
    parts: {
      readonly policies: PolicyEnforcement;
      readonly datapath: ShownDatapath;
      readonly sources: PolicySources;
      readonly ruleCounters: Pick<BpfMap, 'entries'>;
      readonly problems: () => readonly TimedProblem[];
    },
  ) {
    this.options = options;
    this.policies = parts.policies;
    this.datapath = parts.datapath;
    this.sources = parts.sources;
    this.problems = parts.problems;
    this.book = new PolicyBook(parts.sources);
    this.hits = new RuleHits(parts.ruleCounters, Date.now());
  }

  /** Takes changes of a cluster's state, after policies have. */
  apply(cluster: string, changes: readonly ClusterChange[]): void {
    if (cluster === this.options.clusterName) {
      this.book.apply(changes, this.policies.revision, Date.now());
    }
    for (const change of changes) {
      switch (change.kind) {
        case 'service-upsert':
          this.services.set(serviceKey(change.service), change.service);
          break;
        case 'service-delete':
          this.services.delete(serviceKey(change.service));
          break;
        case 'node-upsert':
          this.nodes.set(nodeKey(change.node), change.node);
          break;
        case 'node-delete':
          this.nodes.delete(nodeKey(change.node));
          break;
      }
    }
    this.noteRevisions();
  }

  /** To be called every second or so. */
  tick(): void {
    this.hits.tick(Date.now());
    this.noteRevisions();
  }

  /** The node itself as the cluster knows it. */
  get ownNode(): ClusterNode | undefined {
    const { clusterName, nodeName } = this.options;
    return this.nodes.get(`${clusterName}/${nodeName}`);
  }

  /** A pod by `cluster/namespace/name`. */
  podOf(key: string): PodEndpoint | undefined {
    const [cluster, namespace, podName] = key.split('/');
    return this.policies.pod(cluster, namespace, podName);
  }

  /** The last revision of policies that is in force for an endpoint; 0: none yet. */
  revisionOf(endpoint: string, state: EndpointState = this.policies.endpointState(endpoint)): number {
    if (state.set !== undefined && state.set.failure === null) return this.policies.revision;
    return this.appliedRevisions.get(endpoint) ?? 0;
  }

  /** What is wrong now in one part of the node. */
  problemsOf(where: string): TimedProblem[] {
    return this.problems().filter((problem) => problem.where === where);
  }

  private noteRevisions(): void {
    const keys = [NODE, ...this.datapath.endpoints.map(({ pod }) => `${pod.namespace}/${pod.podName}`)];
    for (const key of keys) {
      const { set } = this.policies.endpointState(key);
      if (set?.failure === null) this.appliedRevisions.set(key, this.policies.revision);
    }
    if (this.appliedRevisions.size <= 2 * keys.length) return;
    const present = new Set(keys);
    for (const key of this.appliedRevisions.keys()) if (!present.has(key)) this.appliedRevisions.delete(key);
  }
}

function serviceKey({ cluster, namespace, name }: Service): string {
  return `${cluster}/${namespace}/${name}`;
}

function nodeKey({ cluster, name }: ClusterNode): string {
  return `${cluster}/${name}`;
}
