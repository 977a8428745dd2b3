import type { Direction, Policy } from '../model.ts';
import { StableNumbers } from '../select/stable-numbers.ts';

/** A rule as flows name it (`flow.Policy`, and which of its rules). */
export interface NamedRule {
  /** Empty for what no policy says, such as that the node reaches its pods. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Every label that says where the rule comes from, sorted as text. */
  readonly labels: readonly string[];
  /** Text for `policy_log`; empty for none. */
  readonly log: string;
  readonly direction: Direction;
  readonly isDeny: boolean;
  /** Path of the rule in its object, such as `specs[1].ingressDeny[0]`; empty for what no policy says. */
  readonly path: string;
}

/** A number for a list of rules: what a policy map's entry carries, so that a verdict leads back to the rules that made it. */
export type RuleCookie = number;

/** Cookies below are no lists of rules; 0 is none at all. */
const FIRST_COOKIE = 16;
/** The node reaches its own pods unless a rule denies it. */
export const COOKIE_LOCALHOST: RuleCookie = 1;
/** Rules exist, but none of them with default deny. */
export const COOKIE_ANY_INGRESS: RuleCookie = 2;
export const COOKIE_ANY_EGRESS: RuleCookie = 3;

const impliedRule = (direction: Direction, derivedFrom: string): NamedRule => ({
  kind: '',
  namespace: '',
  name: '',
  labels: [`reserved:io.cilium.policy.derived-from=${derivedFrom}`],
  log: '',
  direction,
  isDeny: false,
  path: '',
});

const impliedRules: ReadonlyMap<RuleCookie, readonly NamedRule[]> = new Map([
  [COOKIE_LOCALHOST, [impliedRule('ingress', 'allow-localhost-ingress')]],
  [COOKIE_ANY_INGRESS, [impliedRule('ingress', 'allow-any-ingress')]],
  [COOKIE_ANY_EGRESS, [impliedRule('egress', 'allow-any-egress')]],
]);

/** Rules that are gone keep their numbers and names until so many more are: verdicts that are under way still get their names. */
const RETIRED_RULES = 16_384;

interface KnownRule {
  readonly rule: NamedRule;
  readonly text: string;
  uses: number;
  readonly cookies: Set<RuleCookie>;
}

interface KnownList {
  readonly text: string;
  readonly ids: readonly number[];
  readonly rules: readonly NamedRule[];
}

/**
 * Numbers for rules and for lists of them. They are made of what a rule says about itself (kind, namespace, name, its place, its labels), so that they stay the same while
 * other policies come and go and from one agent to the next, and never stand for another rule while somebody may still ask.
 */
export class RuleTable {
  private readonly ruleNumbers = new StableNumbers(1, 2 ** 32 - 1);
  private readonly listNumbers = new StableNumbers(FIRST_COOKIE, 2 ** 32 - FIRST_COOKIE);
  private readonly rules = new Map<number, KnownRule>();
  private readonly lists = new Map<RuleCookie, KnownList>();
  private readonly cookies = new Map<string, RuleCookie>();
  /** Numbers of rules that went out of use, the oldest first. */
  private retired: number[] = [];

  /** Counts one more use of a rule and returns its number. Give it back with `release`. */
  acquire(rule: NamedRule): number {
    const text = JSON.stringify(rule);
    const id = this.ruleNumbers.claim(text);
    let known = this.rules.get(id);
    if (known === undefined) this.rules.set(id, (known = { rule, text, uses: 0, cookies: new Set() }));
    known.uses++;
    return id;
  }

  release(id: number): void {
    const known = this.rules.get(id);
    if (known === undefined || --known.uses > 0) return;
    this.retired.push(id);
    if (this.retired.length <= 2 * RETIRED_RULES) return;
    for (const old of this.retired.slice(0, RETIRED_RULES)) this.forget(old);
    this.retired = this.retired.slice(RETIRED_RULES);
  }

  /** The cookie of a set of rules, given by the numbers of rules in use. */
  cookieOf(ids: readonly number[]): RuleCookie {
    const sorted = ids.length === 1 ? ids : [...new Set(ids)].sort((a, b) => a - b);
    const text = sorted.length === 1 ? `${sorted[0]}` : sorted.join(',');
    const known = this.cookies.get(text);
    if (known !== undefined) return known;
    const cookie = this.listNumbers.claim(text);
    const rules = sorted.map((id) => this.rules.get(id)!);
    this.cookies.set(text, cookie);
    this.lists.set(cookie, { text, ids: sorted, rules: rules.map(({ rule }) => rule).sort(byName) });
    for (const rule of rules) rule.cookies.add(cookie);
    return cookie;
  }

  /** The rules of a cookie, in a fixed order; empty for 0 and for what is not known (any more). */
  rulesOf(cookie: RuleCookie): readonly NamedRule[] {
    return impliedRules.get(cookie) ?? this.lists.get(cookie)?.rules ?? [];
  }

  private forget(id: number): void {
    const known = this.rules.get(id);
    if (known === undefined || known.uses > 0) return; // it came back
    this.rules.delete(id);
    this.ruleNumbers.release(known.text);
    for (const cookie of known.cookies) {
      const list = this.lists.get(cookie);
      if (list === undefined) continue;
      this.lists.delete(cookie);
      this.cookies.delete(list.text);
      this.listNumbers.release(list.text);
      for (const other of list.ids) this.rules.get(other)?.cookies.delete(cookie);
    }
  }
}

function byName(a: NamedRule, b: NamedRule): number {
  return (
    compare(a.kind, b.kind) ||
    compare(a.namespace, b.namespace) ||
    compare(a.name, b.name) ||
    compare(a.path, b.path)
  );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The labels by which flows name a policy's rules: where they come from, then what the author added. */
export function originLabels(policy: Policy, own: readonly string[]): string[] {
  const prefix = 'k8s:io.cilium.k8s.policy.';
  return [
    `${prefix}derived-from=${policy.kind}`,
    `${prefix}name=${policy.flowName}`,
    ...(policy.namespace === '' ? [] : [`${prefix}namespace=${policy.namespace}`]),
    ...(policy.uid === '' ? [] : [`${prefix}uid=${policy.uid}`]),
    ...own,
  ].sort();
}
