import type { EndpointPolicy, EnforcementMode } from '../compile/endpoint-policy.ts';
import { PolicyState } from '../compile/policy-state.ts';
import type { NamedRule } from '../compile/rule-table.ts';
import type { Direction, Policy } from '../model.ts';
import type { NamedPort } from '../select/matcher.ts';
import {
  CIDR_SCOPE,
  IDENTITY_HEALTH,
  IDENTITY_HOST,
  IDENTITY_INIT,
  IDENTITY_REMOTE_NODE,
  IDENTITY_WORLD_IPV4,
  IDENTITY_WORLD_IPV6,
  REMOTE_NODE_SCOPE,
} from '../select/reserved-identities.ts';
import { cidrLabel } from '../select/label.ts';
import type { PolicyCidrGroup, PolicyService } from '../select/resolve-named.ts';
import { lookUpPolicy, type PolicyVerdict } from '../trace/lookup.ts';
import { DefaultDenials } from './default-denials.ts';
import { namedPortsOf } from './named-ports.ts';
import { RangeTable } from './range-table.ts';
import type { OutsideEnd, PodEnd, TrafficEnd } from './traffic-end.ts';

/** Policies to be tried on recorded traffic. */
export interface ProposedPolicies {
  readonly policies: readonly Policy[];
  /** What rules call by name. */
  readonly services?: readonly PolicyService[];
  readonly cidrGroups?: readonly PolicyCidrGroup[];
  /** Default: `default`, as of agents. */
  readonly mode?: EnforcementMode;
  /** Whether policies with a nodeSelector police the node itself. Default false. */
  readonly hostFirewall?: boolean;
  /** Named container ports of a pod, where its labels do not tell them. */
  readonly namedPorts?: (labels: readonly string[]) => readonly NamedPort[];
}

/** What an end's policies say about a packet. */
export interface EndDecision extends PolicyVerdict {
  readonly direction: Direction;
  /** The rules that decided; empty where none did. */
  readonly rules: readonly NamedRule[];
  /** Of a default deny: the policies because of which what no rule allows is denied. Empty in mode `always`. */
  readonly deniedBy: readonly Policy[];
}

const FIRST_POD = 256;
const FIRST_REMOTE_POD = 65_536;
const policed: ReadonlySet<number> = new Set([IDENTITY_HOST, IDENTITY_HEALTH, IDENTITY_INIT]);

/** Proposed policies as the agents of one cluster would compile them, over the identities of recorded ends. */
export class ClusterPolicies {
  private readonly state: PolicyState;
  private readonly proposed: ProposedPolicies;
  private readonly identities = new Map<TrafficEnd, number>();
  private readonly compiled = new Map<TrafficEnd, EndpointPolicy | null>();
  private readonly ranges: RangeTable;
  private readonly rangeIds: ReadonlyMap<string, number>;
  private readonly denials: DefaultDenials;

  /** Throws RangeError when there are more label sets than a cluster can have identities. */
  constructor(clusterName: string, proposed: ProposedPolicies, ends: Iterable<TrafficEnd>) {
    const { policies, services = [], cidrGroups = [], mode = 'default', hostFirewall = false } = proposed;
    this.proposed = proposed;
    this.state = new PolicyState({ clusterName, clusterId: 0, mode, hostFirewall });
    this.state.update({ policies, services, cidrGroups });
    this.rangeIds = new Map([...this.state.cidrs.entries()].map(([cidr, { id }]) => [cidr, id]));
    this.ranges = new RangeTable(this.rangeIds.keys());
    this.denials = new DefaultDenials(policies);
    this.number(clusterName, ends);
  }

  /** What an end's own policies say about its peer; null where none are enforced: outside, and at other nodes. Undefined when the recording does not say who they are. */
  decide(
    direction: Direction,
    own: TrafficEnd,
    peer: TrafficEnd,
    protocol: number,
    port: number,
  ): EndDecision | null | undefined {
    const { state } = this;
    const policy = this.policyOf(own);
    if (policy === null) return null;
    const identity = this.identities.get(peer);
    if (policy === undefined || identity === undefined) return undefined;
    const verdict = lookUpPolicy(policy, direction, state.clusterId, identity, protocol, port);
    const isDefault = verdict.verdict === 'default-deny';
    return {
      ...verdict,
      direction,
      rules: state.rules.rulesOf(verdict.cookie),
      deniedBy: isDefault && own.kind !== 'outside' ? this.denials.of(own, direction) : [],
    };
  }

  private policyOf(end: TrafficEnd): EndpointPolicy | null | undefined {
    const known = this.compiled.get(end);
    if (known !== undefined) return known;
    if (end.kind === 'outside' || (end.kind === 'reserved' && !policed.has(end.identity))) return null;
    if (end.kind === 'pod' && end.labels.length === 0) return undefined;
    const { labels } = end;
    const isHost = end.kind === 'reserved' && end.identity === IDENTITY_HOST;
    const policy = this.state.policyFor({ labels, isHost, namedPorts: this.portsOf(labels) });
    this.compiled.set(end, policy);
    return policy;
  }

  private portsOf(labels: readonly string[]): readonly NamedPort[] {
    const ports = namedPortsOf(labels);
    return ports.length > 0 ? ports : (this.proposed.namedPorts?.(labels) ?? []);
  }

  /** Gives each end an identity. The numbers mean nothing outside, but fall into the classes that they have on a node. */
  private number(clusterName: string, ends: Iterable<TrafficEnd>): void {
    const numbers = new Map<string, number>();
    const next = {
      local: FIRST_POD,
      remote: FIRST_REMOTE_POD,
      node: REMOTE_NODE_SCOPE + 1,
      cidr: 2 * CIDR_SCOPE - 1,
    };
    const added: { id: number; labels: readonly string[]; namedPorts: readonly NamedPort[] }[] = [];
    const claim = (labels: readonly string[], newId: () => number): number => {
      const key = labels.join('\n');
      let id = numbers.get(key);
      if (id !== undefined) return id;
      id = newId();
      numbers.set(key, id);
      added.push({ id, labels, namedPorts: this.portsOf(labels) });
      return id;
    };
    const podIdentity = ({ cluster, labels }: PodEnd): number =>
      claim(labels, () => {
        const kind = cluster === clusterName ? 'local' : 'remote';
        if (next[kind] === (kind === 'local' ? FIRST_REMOTE_POD : CIDR_SCOPE)) {
          throw new RangeError(
            `pods of cluster "${cluster}" have more different labels than it can have identities`,
          );
        }
        return next[kind]++;
      });
    for (const end of ends) {
      if (end.kind === 'outside') {
        const { id, labels } = this.outside(end);
        this.identities.set(end, labels === null ? id : claim(labels, () => next.cidr--));
      } else if (end.kind === 'reserved') {
        const isOneNode = end.identity === IDENTITY_REMOTE_NODE && end.labels.length > 1;
        this.identities.set(end, isOneNode ? claim(end.labels, () => next.node++) : end.identity);
      } else if (end.labels.length > 0) this.identities.set(end, podIdentity(end));
    }
    this.state.update({ identities: added });
  }

  /** The identity of an address outside; with labels where it needs one of its own, which is where it is the API server, too. */
  private outside({ address, family, isApiServer }: OutsideEnd): {
    id: number;
    labels: readonly string[] | null;
  } {
    const world = family === 4 ? IDENTITY_WORLD_IPV4 : IDENTITY_WORLD_IPV6;
    if (!isApiServer) {
      const range = address === '' ? null : this.ranges.longest(address);
      return { id: range === null ? world : (this.rangeIds.get(range) ?? world), labels: null };
    }
    const own = `${address}/${family === 4 ? 32 : 128}`;
    const labels = [
      'reserved:kube-apiserver',
      `reserved:world-ipv${family}`,
      ...(address === '' ? [] : [cidrLabel(own)]),
    ];
    return { id: world, labels };
  }
}
