import type { Direction, Policy } from '../model.ts';
import { type Label, parseLabel } from '../select/label.ts';
import { IDENTITY_HOST } from '../select/reserved-identities.ts';
import { compileRequirements, type LabelMatch } from '../select/selector.ts';
import type { PodEnd, ReservedEnd } from './traffic-end.ts';

interface Denier {
  readonly policy: Policy;
  readonly direction: Direction;
  readonly isForNodes: boolean;
  readonly matches: LabelMatch;
}

/** Finds because of which policies something that no rule allows is denied. */
export class DefaultDenials {
  /** By the namespace that they select in; those of all under the empty name. */
  private readonly deniers: ReadonlyMap<string, readonly Denier[]>;
  private readonly known = new Map<object, Partial<Record<Direction, readonly Policy[]>>>();

  constructor(policies: readonly Policy[]) {
    const deniers = policies.flatMap((policy) =>
      policy.ruleSets.flatMap((ruleSet) => {
        const { kind, selector } = ruleSet.subject;
        const directions = (['ingress', 'egress'] as const).filter(
          (one) => ruleSet[one]?.defaultDeny === true,
        );
        if (directions.length === 0) return [];
        const matches = compileRequirements(selector.requirements);
        return directions.map((direction) => ({ policy, direction, isForNodes: kind === 'nodes', matches }));
      }),
    );
    this.deniers = Map.groupBy(deniers, ({ policy }) => policy.namespace);
  }

  /** Cluster-wide ones first, else in the order in which the policies were given; each once. */
  of(end: PodEnd | ReservedEnd, direction: Direction): readonly Policy[] {
    const known = this.known.get(end) ?? {};
    this.known.set(end, known);
    return (known[direction] ??= this.find(end, direction));
  }

  private find(end: PodEnd | ReservedEnd, wanted: Direction): readonly Policy[] {
    const labels: Label[] = end.labels.map(parseLabel);
    const isHost = end.kind === 'reserved' && end.identity === IDENTITY_HOST;
    const namespace = end.kind === 'pod' ? end.namespace : '';
    const near = [...(this.deniers.get('') ?? []), ...((namespace && this.deniers.get(namespace)) || [])];
    const found = near.filter(
      ({ direction, isForNodes, matches }) =>
        direction === wanted && isForNodes === isHost && matches(labels),
    );
    return [...new Set(found.map(({ policy }) => policy))];
  }
}
