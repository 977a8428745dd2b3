import type { Direction, DirectionRules, Peer, Policy, Rule, RuleSet } from '../model.ts';
import type { IdentityIndex, Selection } from '../select/identity-index.ts';
import type { CidrIdentities, LocalIdentity } from '../select/local-identities.ts';
import { portNameMatcher } from '../select/matcher.ts';
import { targetsOf } from '../select/peer-targets.ts';
import { classOf, IDENTITY_ANY, isClass } from '../select/reserved-identities.ts';
import {
  type PlainPeer,
  type PolicyCidrGroup,
  type PolicyService,
  resolveCidrGroup,
  resolveServices,
} from '../select/resolve-named.ts';
import { compileRequirements, type LabelMatch, requirementsOf } from '../select/selector.ts';
import { type CompiledRule, type CompiledTarget, keysOfPorts, type NamedMatch } from './compiled-rule.ts';
import { originLabels, type RuleTable } from './rule-table.ts';

/** What policies are compiled against. */
export interface CompileContext {
  readonly clusterName: string;
  readonly clusterId: number;
  readonly identities: IdentityIndex;
  readonly cidrs: CidrIdentities;
  readonly rules: RuleTable;
  readonly services: ReadonlyMap<string, PolicyService>;
  readonly cidrGroups: ReadonlyMap<string, PolicyCidrGroup>;
}

/** One direction of a rule set. */
export interface CompiledDirection {
  readonly defaultDeny: boolean;
  readonly rules: readonly CompiledRule[];
}

export interface CompiledRuleSet {
  /** Whether it selects host endpoints rather than all others. */
  readonly isForNodes: boolean;
  readonly matches: LabelMatch;
  readonly ingress: CompiledDirection | null;
  readonly egress: CompiledDirection | null;
}

export interface CompiledPolicy {
  readonly policy: Policy;
  readonly ruleSets: readonly CompiledRuleSet[];
  /** Whether other services or CIDR groups would make other rules of it. */
  readonly usesServices: boolean;
  readonly usesCidrGroups: boolean;
  /** Identities of ranges that nothing spoke of before. */
  readonly newIdentities: readonly LocalIdentity[];
  /** Gives up everything the policy holds; returns the identities of ranges that nothing speaks of any more. */
  readonly release: () => LocalIdentity[];
}

/** Finds what a policy's rules come to: which identities, which keys. Selections are complete once the index has settled. */
export function compilePolicy(policy: Policy, context: CompileContext): CompiledPolicy {
  const compiler = new PolicyCompiler(policy, context);
  const ruleSets = policy.ruleSets.map((ruleSet, index) => compiler.ruleSet(ruleSet, index));
  return {
    policy,
    ruleSets,
    usesServices: compiler.usesServices,
    usesCidrGroups: compiler.usesCidrGroups,
    newIdentities: compiler.newIdentities,
    release: () => compiler.release(),
  };
}

class PolicyCompiler {
  usesServices = false;
  usesCidrGroups = false;
  readonly newIdentities: LocalIdentity[] = [];
  private readonly policy: Policy;
  private readonly context: CompileContext;
  private readonly selections: Selection[] = [];
  private readonly cidrs: string[] = [];
  private readonly rules: number[] = [];

  constructor(policy: Policy, context: CompileContext) {
    this.policy = policy;
    this.context = context;
  }

  ruleSet(ruleSet: RuleSet, index: number): CompiledRuleSet {
    const { subject, ingress, egress } = ruleSet;
    return {
      isForNodes: subject.kind === 'nodes',
      matches: compileRequirements(requirementsOf(subject.selector, this.context.clusterName)),
      ingress: ingress && this.direction(ingress, 'ingress', ruleSet, index),
      egress: egress && this.direction(egress, 'egress', ruleSet, index),
    };
  }

  release(): LocalIdentity[] {
    for (const selection of this.selections) this.context.identities.release(selection);
    for (const rule of this.rules) this.context.rules.release(rule);
    return this.cidrs.map((cidr) => this.context.cidrs.release(cidr)).filter((identity) => identity !== null);
  }

  private direction(
    { defaultDeny, allow, deny }: DirectionRules,
    direction: Direction,
    ruleSet: RuleSet,
    index: number,
  ): CompiledDirection {
    const prefix = `${this.policy.ruleSets.length > 1 ? `specs[${index}]` : 'spec'}.${direction}`;
    const labels = originLabels(this.policy, ruleSet.labels);
    const compile = (rule: Rule, isDeny: boolean): CompiledRule => {
      const { kind, namespace, flowName } = this.policy;
      const path = `${prefix}${isDeny ? 'Deny' : ''}[${rule.index}]`;
      const id = this.context.rules.acquire({
        kind,
        namespace,
        name: flowName,
        labels,
        log: ruleSet.log,
        direction,
        isDeny,
        path,
      });
      this.rules.push(id);
      return this.rule(rule, id, isDeny, direction);
    };
    return {
      defaultDeny,
      rules: [...allow.map((rule) => compile(rule, false)), ...deny.map((rule) => compile(rule, true))],
    };
  }

  private rule({ peers, ports }: Rule, id: number, isDeny: boolean, direction: Direction): CompiledRule {
    const isWhole = ports === 'all';
    const named = isWhole ? [] : ports.filter((match): match is NamedMatch => match.kind === 'named');
    const targets = this.targets(peers);
    return {
      id,
      isDeny,
      keys: isWhole ? [0] : keysOfPorts(ports),
      named,
      targets,
      nameTargets: direction === 'egress' ? this.nameTargets(named, targets) : [],
    };
  }

  private targets(peers: 'any' | readonly Peer[]): CompiledTarget[] {
    if (peers === 'any') return [{ kind: 'fixed', identity: IDENTITY_ANY }];
    const targets = peers
      .flatMap((peer) => this.plainPeers(peer))
      .flatMap((peer): CompiledTarget[] => {
        // An address has the identity of its longest known range: without one for each exception it could not be told apart.
        if (peer.kind === 'cidr') for (const cidr of [peer.cidr, ...peer.except]) this.useCidr(cidr);
        return targetsOf(peer, this.context.clusterName).map((target) =>
          target.kind === 'matched'
            ? { kind: 'matched', selection: this.select(target.matcher) }
            : { kind: target.kind, identity: target.identity },
        );
      });
    return targets.filter((target, i) => targets.findIndex((other) => isSameTarget(target, other)) === i);
  }

  private plainPeers(peer: Peer): PlainPeer[] {
    if (peer.kind === 'cidr-group') {
      this.usesCidrGroups = true;
      return resolveCidrGroup(peer, this.context.cidrGroups.get(peer.name));
    }
    if (peer.kind !== 'service' && peer.kind !== 'services') return [peer];
    this.usesServices = true;
    return resolveServices(peer, this.context.services.values());
  }

  /** For peers that are not picked one by one: those of them that define a port of a name. */
  private nameTargets(named: readonly NamedMatch[], targets: readonly CompiledTarget[]): Selection[] {
    const { clusterId } = this.context;
    const names = [...new Set(named.map(({ name }) => name))];
    return names.flatMap((name) =>
      targets.flatMap((target) => {
        if (target.kind === 'matched') return [];
        const { identity } = target;
        const filter = (id: number): boolean =>
          identity === IDENTITY_ANY ||
          (isClass(identity) ? classOf(id, clusterId) === identity : id === identity);
        return [this.select(portNameMatcher(name, `${identity}`, filter))];
      }),
    );
  }

  private select(matcher: Parameters<IdentityIndex['acquire']>[0]): Selection {
    const selection = this.context.identities.acquire(matcher);
    this.selections.push(selection);
    return selection;
  }

  private useCidr(cidr: string): void {
    this.cidrs.push(cidr);
    const identity = this.context.cidrs.acquire(cidr);
    if (identity !== null) this.newIdentities.push(identity);
  }
}

function isSameTarget(a: CompiledTarget, b: CompiledTarget): boolean {
  if (a.kind === 'matched' || b.kind === 'matched') {
    return (
      a.kind === b.kind &&
      (a as { selection: Selection }).selection === (b as { selection: Selection }).selection
    );
  }
  return a.kind === b.kind && a.identity === b.identity;
}
