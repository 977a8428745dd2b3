import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { NamedRule, RuleTable } from '../../policy/index.ts';
import { type Counts, CountsSchema } from '../../proto/gen/sluice/v1/policy_pb.ts';
import type { CookieHits, RuleHits } from '../policy/rule-hits.ts';
import { policyAddress, ruleAddress } from '../policy/rule-places.ts';

/** Decisions added up. */
export class Tally {
  private allowed = 0;
  private denied = 0;
  private audited = 0;
  private allowedRate = 0;
  private deniedRate = 0;
  private auditedRate = 0;
  private lastMs: number | null = null;

  add(hits: CookieHits, denies: boolean): void {
    const { decisions, audited, decisionRate, auditedRate, lastMs } = hits;
    if (denies) {
      this.denied += decisions - audited;
      this.deniedRate += Math.max(0, decisionRate - auditedRate);
    } else {
      this.allowed += decisions - audited;
      this.allowedRate += Math.max(0, decisionRate - auditedRate);
    }
    this.audited += audited;
    this.auditedRate += auditedRate;
    if (lastMs !== null) this.lastMs = Math.max(this.lastMs ?? 0, lastMs);
  }

  /** @param sinceMs from when on a decision would have been noticed */
  message(sinceMs: number): Counts {
    return create(CountsSchema, {
      allowed: BigInt(this.allowed),
      denied: BigInt(this.denied),
      audited: BigInt(this.audited),
      allowedRate: this.allowedRate,
      deniedRate: this.deniedRate,
      auditedRate: this.auditedRate,
      ...(this.lastMs !== null && { last: timestampFromMs(this.lastMs) }),
      watchedSince: timestampFromMs(sinceMs),
    });
  }
}

/** Decisions by whom made them, at one moment. */
export class PolicyCounts {
  readonly defaultDeny = new Tally();
  readonly implied = new Tally();
  readonly forgotten = new Tally();
  /** From when on the last decision is known. */
  readonly sinceMs: number;
  private readonly policies = new Map<string, Tally>();
  private readonly rules = new Map<string, Tally>();

  constructor(hits: RuleHits, table: RuleTable, nowMs: number) {
    this.sinceMs = hits.sinceMs;
    for (const [cookie, counts] of hits.read(nowMs)) this.add(cookie, counts, table.rulesOf(cookie));
  }

  /** By what flows call the policy. */
  ofPolicy(policy: { kind: string; namespace: string; name: string }): Tally {
    return this.policies.get(policyAddress(policy)) ?? new Tally();
  }

  ofRule(policy: { kind: string; namespace: string; name: string }, path: string): Tally {
    return this.rules.get(ruleAddress(policy, path)) ?? new Tally();
  }

  private add(cookie: number, counts: CookieHits, rules: readonly NamedRule[]): void {
    const named = rules.filter(({ kind }) => kind !== '');
    if (cookie === 0) this.defaultDeny.add(counts, true);
    else if (rules.length === 0) this.forgotten.add(counts, false);
    else if (named.length === 0) this.implied.add(counts, false);
    const policies = new Set(named.map(policyAddress));
    for (const policy of policies) tallyOf(this.policies, policy).add(counts, named[0].isDeny);
    const addresses = new Set(named.map((rule) => ruleAddress(rule, rule.path)));
    for (const rule of addresses) tallyOf(this.rules, rule).add(counts, named[0].isDeny);
  }
}

function tallyOf(tallies: Map<string, Tally>, key: string): Tally {
  let tally = tallies.get(key);
  if (tally === undefined) tallies.set(key, (tally = new Tally()));
  return tally;
}
