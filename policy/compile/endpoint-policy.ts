import type { Direction } from '../model.ts';
import type { Label } from '../select/label.ts';
import type { NamedPort } from '../select/matcher.ts';
import { isClass, IDENTITY_ANY } from '../select/reserved-identities.ts';
import type { CompiledDirection, CompiledRuleSet } from './compile-policy.ts';
import type { DirectionPolicy, TableChange } from './direction-policy.ts';
import { portOf, prefixLengthOf, protocolOf } from './l4-key.ts';
import { isSameEntry, type L4Entry } from './l4-table.ts';
import type { Enforcement, RulesInForce } from './peer-tables.ts';
import type { RuleCookie } from './rule-table.ts';

/** When endpoints are policed: once a rule selects them, always, or never (Cilium's `enable-policy`). */
export type EnforcementMode = 'default' | 'always' | 'never';

/** How an entry came to decide, as `flow.policy_match_type` numbers it; 0 stands for no entry. */
export const matchTypes = {
  none: 0,
  'L3-Only': 1,
  'L3-L4': 2,
  'L4-Only': 3,
  all: 4,
  'L3-Proto': 5,
  'Proto-Only': 6,
} as const;
export type MatchType = keyof typeof matchTypes;

/** One entry of an endpoint's policy map; policy/index.ts says what it means. */
export interface PolicyEntry {
  readonly direction: Direction;
  /** Of the peer, or one of CLASS_*, or 0 for everybody. */
  readonly identity: number;
  /** IP protocol; 0 for all, then port and prefix length are 0 too. */
  readonly protocol: number;
  /** First destination port (ICMP: type) of the prefix. */
  readonly port: number;
  /** Bits of the port that count, 0 to 16. */
  readonly prefixLength: number;
  readonly verdict: 'allow' | 'deny';
  /** Leads to the rules that made the entry. */
  readonly cookie: RuleCookie;
  readonly matchType: MatchType;
}

/** Who a policy is compiled for. Endpoints that agree in all of it share one policy. */
export interface PolicySubject {
  readonly isHost: boolean;
  readonly labels: readonly Label[];
  readonly namedPorts: readonly NamedPort[];
}

/** Everything an endpoint enforces. */
export interface EndpointPolicy {
  /** Counts up; the same for all endpoints that share the policy. */
  readonly id: number;
  readonly subject: PolicySubject;
  readonly ingress: DirectionPolicy;
  readonly egress: DirectionPolicy;
}

/** The entries of a policy, in no particular order. */
export function* entriesOf(policy: EndpointPolicy): IterableIterator<PolicyEntry> {
  for (const { direction, entries } of [policy.ingress, policy.egress]) {
    for (const [identity, table] of entries) {
      for (const entry of table.values()) yield policyEntry(direction, identity, entry);
    }
  }
}

/** The key of an entry. */
export type PolicyEntryKey = Pick<
  PolicyEntry,
  'direction' | 'identity' | 'protocol' | 'port' | 'prefixLength'
>;

/** The entries that changes wrote. */
export function* upsertsOf(changes: readonly TableChange[]): IterableIterator<PolicyEntry> {
  for (const { direction, identity, old, now } of changes) {
    const isNew = old.size === 0;
    for (const entry of now.values()) {
      if (isNew || !isSameEntry(entry, old.get(entry.key))) yield policyEntry(direction, identity, entry);
    }
  }
}

/** The cookies of the entries that changes wrote. Thousands of identities share a table, which is read once. */
export function* cookiesOf(changes: readonly TableChange[]): IterableIterator<RuleCookie> {
  const seen = new Set<TableChange['now']>();
  for (const { now } of changes) {
    if (seen.has(now)) continue;
    seen.add(now);
    for (const { cookie } of now.values()) yield cookie;
  }
}

/** The keys of the entries that changes took away. */
export function* deletesOf(changes: readonly TableChange[]): IterableIterator<PolicyEntryKey> {
  for (const { direction, identity, old, now } of changes) {
    for (const key of old.keys()) {
      if (now.has(key)) continue;
      const protocol = protocolOf(key);
      yield { direction, identity, protocol, port: portOf(key), prefixLength: prefixLengthOf(key) };
    }
  }
}

function policyEntry(direction: Direction, identity: number, entry: L4Entry): PolicyEntry {
  return {
    direction,
    identity,
    protocol: protocolOf(entry.key),
    port: portOf(entry.key),
    prefixLength: prefixLengthOf(entry.key),
    verdict: entry.isDeny ? 'deny' : 'allow',
    cookie: entry.cookie,
    matchType: matchTypeOf(identity, entry),
  };
}

/** How a flow says that this entry decided. */
export function matchTypeOf(identity: number, { key, isLabelled }: L4Entry): MatchType {
  const isWildcard = identity === IDENTITY_ANY || (isClass(identity) && !isLabelled);
  if (protocolOf(key) === 0) return isWildcard ? 'all' : 'L3-Only';
  if (prefixLengthOf(key) === 0) return isWildcard ? 'Proto-Only' : 'L3-Proto';
  return isWildcard ? 'L4-Only' : 'L3-L4';
}

/** What the rule sets that select an endpoint come to in one direction. */
export function rulesInForce(
  direction: Direction,
  subject: PolicySubject,
  ruleSets: readonly CompiledRuleSet[],
  mode: EnforcementMode,
): RulesInForce {
  const selecting = ruleSets.map((ruleSet) => ruleSet[direction]).filter((one) => one !== null);
  const enforcement = enforcementOf(subject, selecting, mode);
  return {
    enforcement,
    rules: enforcement === 'open' ? [] : selecting.flatMap(({ rules }) => rules),
    namedPorts: subject.namedPorts,
    allowsHost:
      direction === 'ingress' && enforcement === 'enforced' && selecting.length > 0 && !subject.isHost,
  };
}

function enforcementOf(
  subject: PolicySubject,
  selecting: readonly CompiledDirection[],
  mode: EnforcementMode,
): Enforcement {
  if (mode === 'never') return 'open';
  const isInit = subject.labels.some(({ source, key }) => source === 'reserved' && key === 'init');
  if (mode === 'always' || isInit) return 'enforced';
  if (selecting.length === 0) return 'open';
  return selecting.some(({ defaultDeny }) => defaultDeny) ? 'enforced' : 'allow-by-default';
}
