import type { FieldPath } from '../../cluster/manifest/text.ts';
import type { Direction, Policy, Rule, RuleSet } from '../../policy/index.ts';

/** One rule of a policy: what it is called, and where it stands in its object. */
export interface RulePlace {
  /** As `NamedRule.path`, such as `spec.ingress[0]`. */
  readonly path: string;
  readonly direction: Direction;
  readonly isDeny: boolean;
  /** Steps from the object to the rule. */
  readonly steps: FieldPath;
  readonly rule: Rule;
}

/** Every rule of a policy, direction by direction. */
export function rulePlaces(policy: Policy, object: unknown): RulePlace[] {
  const hasSpec = ((object ?? {}) as { readonly spec?: unknown }).spec !== undefined;
  const isOne = policy.ruleSets.length === 1;
  return policy.ruleSets.flatMap((ruleSet, index) => {
    const name = isOne ? 'spec' : `specs[${index}]`;
    const steps: FieldPath = hasSpec && index === 0 ? ['spec'] : ['specs', index - (hasSpec ? 1 : 0)];
    const placesOf = (direction: Direction, rules: RuleSet['ingress']): RulePlace[] =>
      [
        ...(rules?.allow ?? []).map((rule) => ({ rule, isDeny: false })),
        ...(rules?.deny ?? []).map((rule) => ({ rule, isDeny: true })),
      ].map(({ rule, isDeny }) => {
        const list = `${direction}${isDeny ? 'Deny' : ''}`;
        const path = `${name}.${list}[${rule.index}]`;
        return { path, direction, isDeny, steps: [...steps, list, rule.index], rule };
      });
    return [...placesOf('ingress', ruleSet.ingress), ...placesOf('egress', ruleSet.egress)];
  });
}

/** A policy as people write it: `kind/namespace/name`, without a namespace for cluster-wide kinds. */
export function policyAddress(policy: { kind: string; namespace: string; name: string }): string {
  const { kind, namespace, name } = policy;
  return namespace === '' ? `${kind}/${name}` : `${kind}/${namespace}/${name}`;
}

/** A rule as people write it: `kind/namespace/name#ingress[0]`. */
export function ruleAddress(policy: { kind: string; namespace: string; name: string }, path: string): string {
  return `${policyAddress(policy)}#${shortPath(path)}`;
}

/** A rule's path within its policy, without the `spec.` that most have. */
export function shortPath(path: string): string {
  return path.replace(/^spec\./, '');
}
