/**
 * Network policies as one model, whichever kind they were written as. What a kind leaves out is filled in here (namespaces of selectors, default protocols, default deny),
 * so that everything behind the manifests knows one set of semantics. Plain data.
 */

export type PolicyKind = 'NetworkPolicy' | 'CiliumNetworkPolicy' | 'CiliumClusterwideNetworkPolicy';

/** Seen from the endpoint that a policy selects. */
export type Direction = 'ingress' | 'egress';

/** An object of one of the kinds. All kinds stand in one tier: their rules form one set, whose order never matters. */
export interface Policy {
  readonly kind: PolicyKind;
  /** Empty for cluster-wide policies. */
  readonly namespace: string;
  readonly name: string;
  /** The name by which flows call it: the object's, unless the annotation `policy.cilium.io/name` gives another. */
  readonly flowName: string;
  /** Empty where the manifest has none. */
  readonly uid: string;
  /** One for `spec`, then one for each entry of `specs`. */
  readonly ruleSets: readonly RuleSet[];
}

/** What one `spec` says. */
export interface RuleSet {
  readonly subject: Subject;
  /** Null where the policy does not touch the direction. */
  readonly ingress: DirectionRules | null;
  readonly egress: DirectionRules | null;
  /** Labels that the author gave the rules, `source:key=value`; they join the labels by which flows name the policy. */
  readonly labels: readonly string[];
  /** Text for `policy_log` of flows that these rules decide; empty for none. */
  readonly log: string;
  readonly description: string;
}

/** Who a rule set applies to: endpoints (pods, health, init) or the host endpoint of nodes. Selectors of namespaced kinds require their namespace. */
export interface Subject {
  readonly kind: 'endpoints' | 'nodes';
  readonly selector: LabelSelector;
}

export interface DirectionRules {
  /** Whether what no rule allows is denied. A direction is open as long as no rule set that selects the endpoint says so. */
  readonly defaultDeny: boolean;
  readonly allow: readonly Rule[];
  readonly deny: readonly Rule[];
}

/** One entry of a rule list: matches a packet whose peer is one of `peers` and whose protocol and port are among `ports`. */
export interface Rule {
  /** Index in its list of the manifest. */
  readonly index: number;
  /** Empty: nobody, and so the rule matches nothing. */
  readonly peers: 'any' | readonly Peer[];
  /** `all`: every protocol, also those without ports. Empty: nothing. Of destination ports, after the translation of services. */
  readonly ports: 'all' | readonly PortMatch[];
}

export type Peer =
  | { readonly kind: 'labels'; readonly selector: LabelSelector }
  | { readonly kind: 'entity'; readonly entity: Entity }
  /** Addresses outside the cluster. `except` limits this item only; canonical text. */
  | { readonly kind: 'cidr'; readonly cidr: string; readonly except: readonly string[] }
  /** The ranges of a CiliumCIDRGroup, each with the exceptions that lie inside it. One that does not exist is nobody. */
  | { readonly kind: 'cidr-group'; readonly name: string; readonly except: readonly string[] }
  /** The backends of services: of one by name, or of all that `selector` picks by their labels. An empty namespace means every namespace. */
  | { readonly kind: 'service'; readonly namespace: string; readonly name: string }
  | { readonly kind: 'services'; readonly namespace: string; readonly selector: LabelSelector };

export const entities = [
  'all',
  'world',
  'world-ipv4',
  'world-ipv6',
  'cluster',
  'cluster-mesh',
  'host',
  'remote-node',
  'kube-apiserver',
  'init',
  'health',
  'unmanaged',
  'ingress',
  'none',
] as const;
export type Entity = (typeof entities)[number];

export type PortMatch =
  /**
   * Destination ports of a protocol (an IP protocol number), both ends included; 0 to 65535 is the whole protocol. With ICMP the port is the message's type; its code is
   * never looked at.
   */
  | { readonly kind: 'ports'; readonly protocol: number; readonly first: number; readonly last: number }
  /**
   * A container port by name: of the selected endpoint for ingress, of each peer for egress. Matches where one of `protocols` defines the name. `last` ends a range that
   * begins at the port found (ingress only); 0 for none.
   */
  | {
      readonly kind: 'named';
      readonly name: string;
      readonly protocols: readonly number[];
      readonly last: number;
    };

/** All requirements hold. */
export interface LabelSelector {
  readonly requirements: readonly Requirement[];
  /** Whether only identities of the local cluster match: `k8s:io.cilium.k8s.policy.cluster` is its name. */
  readonly localCluster: boolean;
}

export interface Requirement {
  /** Where the label has to come from: `k8s`, `reserved`, `cidr`, …; `any` for anywhere. */
  readonly source: string;
  readonly key: string;
  /** A missing label fulfils NotIn and DoesNotExist. */
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  /** Empty for Exists and DoesNotExist. */
  readonly values: readonly string[];
}

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const PROTOCOL_ICMPV6 = 58;
export const PROTOCOL_SCTP = 132;

/** Two policies with the same key are the same object. */
export function policyKey(policy: { kind: PolicyKind; namespace: string; name: string }): string {
  return `${policy.kind}/${policy.namespace}/${policy.name}`;
}
