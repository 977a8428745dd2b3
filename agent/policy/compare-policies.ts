import type { Policy, RuleSet } from '../../policy/index.ts';
import { rulePlaces, shortPath } from './rule-places.ts';

/** What a policy says beside its rules. */
const FIELDS = ['subject', 'labels', 'log', 'description'] as const;
/** As the manifest calls it. */
const FIELD_NAMES: Readonly<Record<(typeof FIELDS)[number], string>> = {
  subject: 'selector',
  labels: 'labels',
  log: 'log',
  description: 'description',
};

/**
 * What differs between two versions of a policy: `+ingress[1]` for a rule that is new, `-egress[0]` for one that is gone, `~ingress[0]` for one that says something else, and
 * `~selector` and the like for other fields.
 */
export function comparePolicies(old: Policy, now: Policy): string[] {
  const before = rulesByPath(old);
  const after = rulesByPath(now);
  const rules = [...after].flatMap(([path, rule]) => {
    const known = before.get(path);
    if (known === rule) return [];
    return [`${known === undefined ? '+' : '~'}${path}`];
  });
  const gone = [...before.keys()].filter((path) => !after.has(path)).map((path) => `-${path}`);
  return [...rules, ...gone, ...fieldsOf(old, now)];
}

function rulesByPath(policy: Policy): Map<string, string> {
  return new Map(
    rulePlaces(policy, {}).map(({ path, rule }) => [shortPath(path), JSON.stringify(rule)] as const),
  );
}

function fieldsOf(old: Policy, now: Policy): string[] {
  const changed: string[] = [];
  if (old.flowName !== now.flowName) changed.push('~name in flows');
  if (old.uid !== now.uid) changed.push('~uid');
  const isOne = old.ruleSets.length === 1 && now.ruleSets.length === 1;
  for (let i = 0; i < Math.min(old.ruleSets.length, now.ruleSets.length); i++) {
    const [before, after] = [old.ruleSets[i], now.ruleSets[i]];
    const prefix = isOne ? '' : `specs[${i}].`;
    for (const field of FIELDS) {
      if (!isSame(before[field], after[field])) changed.push(`~${prefix}${FIELD_NAMES[field]}`);
    }
    if (!isSame(defaultsOf(before), defaultsOf(after))) changed.push(`~${prefix}default deny`);
  }
  return changed;
}

/** Null where a direction is not touched. */
function defaultsOf({ ingress, egress }: RuleSet): (boolean | null)[] {
  return [ingress?.defaultDeny ?? null, egress?.defaultDeny ?? null];
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
