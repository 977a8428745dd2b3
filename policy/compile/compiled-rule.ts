import type { PortMatch } from '../model.ts';
import type { NamedPort } from '../select/matcher.ts';
import type { Selection } from '../select/identity-index.ts';
import { keysOfRange, type L4Key, l4Key, PORT_BITS } from './l4-key.ts';

/** A rule whose peers are found and whose ports are keys. */
export interface CompiledRule {
  /** Number in the rule table. */
  readonly id: number;
  readonly isDeny: boolean;
  readonly keys: readonly L4Key[];
  /** Ports by name, whose numbers depend on the endpoint (ingress) or on the peer (egress). */
  readonly named: readonly NamedMatch[];
  readonly targets: readonly CompiledTarget[];
  /** For egress: who defines a port of `named` among the peers of `targets` that are not picked one by one. */
  readonly nameTargets: readonly Selection[];
}

export type NamedMatch = Extract<PortMatch, { kind: 'named' }>;

export type CompiledTarget =
  | { readonly kind: 'fixed' | 'labelled-class'; readonly identity: number }
  | { readonly kind: 'matched'; readonly selection: Selection };

/** The keys of ports that are numbers, without repetition. */
export function keysOfPorts(ports: readonly PortMatch[]): L4Key[] {
  const keys = ports.flatMap((match) =>
    match.kind === 'ports' ? keysOfRange(match.protocol, match.first, match.last) : [],
  );
  return [...new Set(keys)];
}

/**
 * The keys of ports by name, as `defined` has them. A name that is defined twice with one protocol and two numbers means neither.
 * @param mayBeRange whether a range may begin at a named port; its end counts for ingress only, as in Cilium
 */
export function keysOfNames(
  named: readonly NamedMatch[],
  defined: readonly NamedPort[],
  mayBeRange: boolean,
): L4Key[] {
  const keys = named.flatMap(({ name, protocols, last }) =>
    protocols.flatMap((protocol) => {
      const ports = new Set(
        defined.filter((one) => one.name === name && one.protocol === protocol).map(({ port }) => port),
      );
      if (ports.size !== 1) return [];
      const [port] = ports;
      return mayBeRange && last > port
        ? keysOfRange(protocol, port, last)
        : [l4Key(protocol, port, PORT_BITS)];
    }),
  );
  return [...new Set(keys)];
}
