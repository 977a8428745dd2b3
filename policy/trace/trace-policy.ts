import { parseCidr, parseIp } from '../../cluster/address.ts';
import { rangeContains } from '../../proto/flow/ip.ts';
import type { PolicyEndpoint, PolicyState } from '../compile/policy-state.ts';
import type { NamedRule } from '../compile/rule-table.ts';
import { IDENTITY_WORLD_IPV4, IDENTITY_WORLD_IPV6 } from '../select/reserved-identities.ts';
import type { Direction } from '../model.ts';
import { lookUpPolicy, type PolicyVerdict } from './lookup.ts';

/** One end of the connection that is asked about. */
export interface TraceEnd {
  /** As the other end sees it. */
  readonly identity: number;
  /** What its own policy is made for; null where no policy is enforced: outside, and on endpoints that are not managed. */
  readonly endpoint: Omit<PolicyEndpoint, 'key'> | null;
}

export interface TracedVerdict extends PolicyVerdict {
  /** The rules that decided; empty where none did. */
  readonly rules: readonly NamedRule[];
}

/** Whether traffic passes, and who says so at each end. */
export interface PolicyTrace {
  /** Both ends have to allow. */
  readonly verdict: 'allow' | 'deny';
  /** What the source's policy says; null if it has none. */
  readonly egress: TracedVerdict | null;
  /** What the destination's policy says; null if it has none. */
  readonly ingress: TracedVerdict | null;
}

/**
 * Answers whether `from` reaches `to`, and by which rules, from the compiled entries. Speaks of the first packet of a connection: replies and related ICMP errors pass
 * without being asked, and so do IPv6 neighbour discovery and what an endpoint sends to itself.
 * @param port destination port, after the translation of services; the type of ICMP messages
 * @param protocol IP protocol number
 */
export function tracePolicy(
  state: PolicyState,
  from: TraceEnd,
  to: TraceEnd,
  port: number,
  protocol: number,
): PolicyTrace {
  const ask = (direction: Direction, own: TraceEnd, peer: TraceEnd): TracedVerdict | null => {
    if (own.endpoint === null) return null;
    const policy = state.policyFor(own.endpoint);
    const found = lookUpPolicy(policy, direction, state.clusterId, peer.identity, protocol, port);
    return { ...found, rules: state.rules.rulesOf(found.cookie) };
  };
  const egress = ask('egress', from, to);
  const ingress = ask('ingress', to, from);
  const isAllowed = [egress, ingress].every((one) => one === null || one.verdict === 'allow');
  return { verdict: isAllowed ? 'allow' : 'deny', egress, ingress };
}

/** The identity of an address outside the cluster: that of the longest range that policies speak of, else the world's. Null for what is no address. */
export function identityOfOutside(state: PolicyState, address: string): number | null {
  const bytes = parseIp(address);
  if (bytes === null) return null;
  let longest = -1;
  let identity = bytes.length === 4 ? IDENTITY_WORLD_IPV4 : IDENTITY_WORLD_IPV6;
  for (const [text, { id }] of state.cidrs.entries()) {
    const cidr = parseCidr(text)!;
    if (cidr.bits <= longest || !rangeContains(cidr, bytes)) continue;
    longest = cidr.bits;
    identity = id;
  }
  return identity;
}
