import { rangeContains } from '../../proto/flow/ip.ts';
import { parseCidr } from '../../cluster/address.ts';
import {
  NAMESPACE_LABELS_PREFIX,
  POD_NAMESPACE_LABEL,
  POLICY_CLUSTER_LABEL,
} from '../../cluster/security-labels.ts';
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

/**
 * A property by which an identity can be found without asking every selector: whoever lacks it cannot match. `pair` is `key=value` of a label of any source.
 */
export type Driver =
  | { readonly kind: 'pair'; readonly key: string; readonly value: string }
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'cidr'; readonly cidr: Cidr }
  | { readonly kind: 'port-name'; readonly name: string };

/** A way to pick identities: a selector, a range, or whoever has a port of a name. */
export interface Matcher {
  /** The same for matchers that pick the same. */
  readonly key: string;
  readonly matches: (identity: KnownIdentity) => boolean;
  /** An identity that matches has one of these. Empty: every identity has to be asked. */
  readonly drivers: readonly Driver[];
}

/** Identities whose labels fulfil all requirements. */
export function labelMatcher(requirements: readonly Requirement[]): Matcher {
  const match = compileRequirements(requirements);
  return {
    key: `labels ${selectorKey(requirements)}`,
    matches: ({ labels }) => match(labels),
    drivers: driversOf(requirements),
  };
}

/** How few identities a requirement leaves, as far as one can tell without counting: the lower the fewer. */
function breadth({ key, operator }: Requirement): number {
  if (operator !== 'In' && operator !== 'Exists') return 9;
  const isRare = !key.startsWith('io.');
  if (operator === 'Exists') return isRare ? 4 : 6;
  if (key === POLICY_CLUSTER_LABEL) return 5;
  if (key.startsWith(NAMESPACE_LABELS_PREFIX)) return 3;
  return key === POD_NAMESPACE_LABEL ? 2 : 1;
}

function driversOf(requirements: readonly Requirement[]): Driver[] {
  const best = requirements.toSorted((a, b) => breadth(a) - breadth(b))[0];
  if (best === undefined || breadth(best) === 9) return [];
  if (best.operator === 'Exists') return [{ kind: 'key', key: best.key }];
  return best.values.map((value) => ({ kind: 'pair', key: best.key, value }));
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
    drivers: [isWorld ? { kind: 'pair', key: worldKey, value: '' } : { kind: 'cidr', cidr: range }],
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
    drivers: [{ kind: 'port-name', name }],
  };
}
