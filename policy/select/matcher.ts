import { rangeContains } from '../../proto/flow/ip.ts';
import { parseCidr } from '../../cluster/address.ts';
import { POD_NAMESPACE_LABEL, POLICY_CLUSTER_LABEL } from '../../cluster/security-labels.ts';
import type { Requirement } from '../model.ts';
import type { Cidr, Label } from './label.ts';
import { compileRequirements, selectorKey } from './selector.ts';

/** A container port with a name. */
export interface NamedPort {
  readonly name: string;
  /** IP protocol number. */
  readonly protocol: number;
  readonly port: number;
}

/** An identity that packets can carry, as the compiler knows it. */
export interface KnownIdentity {
  readonly id: number;
  readonly labels: readonly Label[];
  /** Ports of its pods. One that pods of the identity number differently is in none of them. */
  readonly namedPorts: readonly NamedPort[];
}

/** A property by which identities can be found without asking every selector. `pair` is a label of any source, `cidr` a range that its range lies in. */
export type Driver =
  | { readonly kind: 'pair'; readonly key: string; readonly value: string }
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'cidr'; readonly cidr: Cidr }
  | { readonly kind: 'port-name'; readonly name: string }
  | { readonly kind: 'everybody' };

/** A way to pick identities: a selector, a range, or whoever has a port of a name. */
export interface Matcher {
  /** The same for matchers that pick the same. */
  readonly key: string;
  readonly matches: (identity: KnownIdentity) => boolean;
  /** Ways to find those that match, one at least: whoever matches has a property of each way. */
  readonly ways: readonly (readonly Driver[])[];
}

/** Identities whose labels fulfil all requirements. */
export function labelMatcher(requirements: readonly Requirement[]): Matcher {
  const match = compileRequirements(requirements);
  return {
    key: `labels ${selectorKey(requirements)}`,
    matches: ({ labels }) => match(labels),
    ways: waysOf(requirements),
  };
}

/**
 * Requirements that ask for a label's presence each give a way: its values, or its key. First stands what few selectors and identities have in common where nothing is known yet:
 * a namespace, then other values, then keys, and last the cluster.
 */
function waysOf(requirements: readonly Requirement[]): Driver[][] {
  const breadth = ({ key, operator }: Requirement): number => {
    if (key === POLICY_CLUSTER_LABEL) return 3;
    if (operator === 'Exists') return 2;
    return key === POD_NAMESPACE_LABEL ? 0 : 1;
  };
  const ways = requirements
    .toSorted((a, b) => breadth(a) - breadth(b))
    .flatMap(({ key, operator, values }): Driver[][] => {
      if (operator === 'Exists') return [[{ kind: 'key', key }]];
      return operator === 'In' ? [values.map((value) => ({ kind: 'pair', key, value }))] : [];
    });
  return ways.length > 0 ? ways : [[{ kind: 'everybody' }]];
}

/**
 * Identities outside the cluster whose range lies in `cidr` and in none of `except`. A range of length 0 is the whole world of its family.
 */
export function cidrMatcher(cidr: string, except: readonly string[]): Matcher {
  const range = parseCidr(cidr)!;
  const exceptions = except.map((text) => parseCidr(text)!);
  const worldKey = range.bytes.length === 4 ? 'world-ipv4' : 'world-ipv6';
  const isWorld = range.bits === 0;
  const matches = ({ labels }: KnownIdentity): boolean => {
    let isOutside = false;
    let isInside = isWorld;
    for (const label of labels) {
      if (label.source === 'reserved' && label.key === worldKey) isOutside = true;
      const inner = label.cidr;
      if (inner === null) continue;
      if (contains(range, inner)) isInside = true;
      if (exceptions.some((exception) => contains(exception, inner))) return false;
    }
    return isOutside && isInside;
  };
  return {
    key: `cidr ${[cidr, ...except].join(' ')}`,
    matches,
    ways: [[isWorld ? { kind: 'pair', key: worldKey, value: '' } : { kind: 'cidr', cidr: range }]],
  };
}

function contains(outer: Cidr, inner: Cidr): boolean {
  return outer.bits <= inner.bits && rangeContains(outer, inner.bytes);
}

/** Of the identities that `filter` picks, those with a port of that name. `key` names the filter. */
export function portNameMatcher(name: string, key: string, filter: (id: number) => boolean): Matcher {
  return {
    key: `port-name ${name} ${key}`,
    matches: ({ id, namedPorts }) => filter(id) && namedPorts.some((port) => port.name === name),
    ways: [[{ kind: 'port-name', name }]],
  };
}
