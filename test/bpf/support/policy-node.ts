import { PolicySets } from '../../../agent/policy/policy-sets.ts';
import { constant, type DatapathEvent } from '../../../bench/support/datapath-node.ts';
import {
  parsePolicies,
  type PolicyIdentity,
  type PolicyOptions,
  PolicyState,
  type PolicyUpdate,
} from '../../../policy/index.ts';
import { CAST, OneNode, type Outcome, type Program } from './one-node.ts';

const labelsOf = (app: string, more: readonly string[] = []): string[] => [
  `k8s:app=${app}`,
  'k8s:io.cilium.k8s.policy.cluster=east',
  'k8s:io.kubernetes.pod.namespace=shop',
  ...more,
];

/** The cast with labels, so that policies can speak of them. */
const identities: readonly PolicyIdentity[] = [
  { id: CAST.pod.identity, labels: labelsOf('pod') },
  { id: CAST.neighbour.identity, labels: labelsOf('neighbour') },
  { id: CAST.remotePod.identity, labels: labelsOf('remote') },
];

export interface PolicyNodeOptions extends Partial<PolicyOptions> {
  readonly audits?: boolean;
}

/** The node of test runs with policies in force, written by the agent's own hand. */
export class PolicyNode {
  readonly node: OneNode;
  readonly sets: PolicySets;
  readonly state: PolicyState;
  private settings: Parameters<OneNode['datapath']['configure']>[0] = {};
  private epoch = 1;
  private readonly audits: boolean;

  constructor({ audits = false, ...options }: PolicyNodeOptions = {}) {
    this.node = new OneNode();
    this.audits = audits;
    const { object } = this.node.datapath;
    this.sets = new PolicySets(object.map('policy'), object.map('endpoint_policies'));
    this.state = new PolicyState({ clusterName: 'east', clusterId: 0, ...options });
    this.state.update({
      identities,
      endpoints: [
        { key: 'pod', labels: labelsOf('pod') },
        { key: 'neighbour', labels: labelsOf('neighbour') },
        { key: 'host', labels: ['reserved:host'], isHost: true },
      ],
    });
    this.follow();
    this.configure({});
  }

  /** Applies changes as the agent does. */
  update(change: PolicyUpdate): void {
    this.state.update(change);
    this.follow();
  }

  /** Puts exactly these manifests in force. */
  enforce(...manifests: readonly object[]): void {
    const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests });
    const { policies, problems } = parsePolicies(text, 'test.json');
    if (problems.length > 0) throw new Error(problems[0].message);
    const kept = new Set(policies.map(({ kind, namespace, name }) => `${kind}/${namespace}/${name}`));
    const removedPolicies = [...this.known].filter((key) => !kept.has(key));
    this.known = kept;
    this.update({ policies, removedPolicies });
  }

  private known = new Set<string>();

  private follow(): void {
    this.sets.apply(this.state.takeChanges(), 'policies');
    const of = (key: string) => this.state.policyOf(key)!;
    this.sets.assign(CAST.pod.endpointId, 'pod', of('pod'), this.audits);
    this.sets.assign(CAST.neighbour.endpointId, 'neighbour', of('neighbour'), this.audits);
    this.sets.assign(0, 'host', of('host'), false);
  }

  configure(settings: Parameters<OneNode['datapath']['configure']>[0]): void {
    this.settings = settings;
    const flags = (settings.flags ?? 0) | constant('SETTING_POLICY');
    this.node.datapath.configure({ ...settings, flags, identityEpoch: this.epoch });
  }

  /** Has an address become another identity's. */
  readdress(address: string, identity: number): void {
    this.node.datapath.addIpcache(address, identity);
    this.epoch++;
    this.configure(this.settings);
  }

  run(program: Program, packet: Uint8Array, options: { mark?: number; ifindex?: number } = {}): Outcome {
    return this.node.run(program, packet, options);
  }

  /** How often the rules of a cookie decided. */
  decisions(cookie: number): { decisions: number; audited: number } {
    const key = new Uint8Array(Uint32Array.of(cookie).buffer);
    const value = this.node.datapath.object.map('rule_counters').lookup(key);
    if (value === null) return { decisions: 0, audited: 0 };
    const view = new DataView(value.buffer, value.byteOffset);
    return { decisions: Number(view.getBigUint64(0, true)), audited: Number(view.getBigUint64(8, true)) };
  }

  close(): void {
    this.node.close();
  }
}

const matchTypeNames = ['none', 'L3-Only', 'L3-L4', 'L4-Only', 'all', 'L3-Proto', 'Proto-Only'];

/** Verdicts and drops of an outcome in words, such as "egress allow L3-L4", "ingress deny none 133", "drop 133". */
export function policyWords({ events }: { readonly events: readonly DatapathEvent[] }): string[] {
  return events.flatMap((event) => {
    if (event.type === constant('EVENT_TYPE_DROP')) return [`drop ${event.subType}`];
    if (event.type !== constant('EVENT_TYPE_POLICY_VERDICT')) return [];
    const direction = (event.policy & constant('VERDICT_INGRESS')) !== 0 ? 'ingress' : 'egress';
    const reason = event.policy >> constant('VERDICT_REASON_SHIFT');
    const type = matchTypeNames[(event.policy >> constant('VERDICT_MATCH_TYPE_SHIFT')) & 7];
    const isAudited = (event.policy & constant('VERDICT_AUDITED')) !== 0;
    const word = isAudited ? 'audit' : reason === 0 ? 'allow' : 'deny';
    return [`${direction} ${word} ${type}${reason === 0 ? '' : ` ${reason}`}`];
  });
}
