import type { EndpointPolicy, MatchType } from '../compile/endpoint-policy.ts';
import { matchTypeOf } from '../compile/endpoint-policy.ts';
import { l4Key, PORT_BITS, prefixLengthOf } from '../compile/l4-key.ts';
import { longestMatch, type L4Entry } from '../compile/l4-table.ts';
import type { RuleCookie } from '../compile/rule-table.ts';
import type { Direction } from '../model.ts';
import { classOf, IDENTITY_ANY } from '../select/reserved-identities.ts';

/** What an endpoint's policy says about packets of one kind. */
export interface PolicyVerdict {
  /** `deny`: a rule says so. `default-deny`: no rule allows it. */
  readonly verdict: 'allow' | 'deny' | 'default-deny';
  /** `none` where no entry decided: in an open direction, or by default deny. */
  readonly matchType: MatchType;
  /** 0 where no entry decided. */
  readonly cookie: RuleCookie;
  /** Whether the direction is policed at all; without, there are no verdict events. */
  readonly isPoliced: boolean;
}

const decidedBy = (identity: number, entry: L4Entry): PolicyVerdict => ({
  verdict: entry.isDeny ? 'deny' : 'allow',
  matchType: matchTypeOf(identity, entry),
  cookie: entry.cookie,
  isPoliced: true,
});

/**
 * Decides as the datapath does, by the lookup order that policy/index.ts describes.
 * @param identity of the peer
 * @param protocol IP protocol number
 * @param port destination port; the type of ICMP messages; 0 for protocols without ports
 */
export function lookUpPolicy(
  policy: EndpointPolicy,
  direction: Direction,
  clusterId: number,
  identity: number,
  protocol: number,
  port: number,
): PolicyVerdict {
  const { entries, enforcement } = policy[direction];
  if (enforcement === 'open') return { verdict: 'allow', matchType: 'none', cookie: 0, isPoliced: false };
  const key = l4Key(protocol, port, PORT_BITS);
  let allowedBy: L4Entry | undefined;
  let allowedFor = IDENTITY_ANY;
  const kind = classOf(identity, clusterId);
  for (const stage of kind === IDENTITY_ANY ? [identity, IDENTITY_ANY] : [identity, kind, IDENTITY_ANY]) {
    const table = entries.get(stage);
    const entry = table === undefined ? undefined : longestMatch(table, key);
    if (entry === undefined) continue;
    if (entry.isDeny) return decidedBy(stage, entry);
    if (allowedBy === undefined || isMoreSpecific(entry, allowedBy)) {
      allowedBy = entry;
      allowedFor = stage;
    }
  }
  if (allowedBy !== undefined) return decidedBy(allowedFor, allowedBy);
  return { verdict: 'default-deny', matchType: 'none', cookie: 0, isPoliced: true };
}

/** Of two entries that match the same packet: whether one says more about its protocol and port. */
function isMoreSpecific({ key: a }: L4Entry, { key: b }: L4Entry): boolean {
  // A whole protocol has prefix length 0, as ALL_TRAFFIC has, but is not 0 itself.
  return (
    prefixLengthOf(a) > prefixLengthOf(b) || (prefixLengthOf(a) === prefixLengthOf(b) && b === 0 && a !== 0)
  );
}
