import { POD_NAMESPACE_LABEL } from '../../cluster/security-labels.ts';
import { type Policy, policyKey } from '../model.ts';
import { IdentityIndex } from '../select/identity-index.ts';
import { type Label, parseLabel } from '../select/label.ts';
import { CidrIdentities, type LocalIdentity } from '../select/local-identities.ts';
import type { NamedPort } from '../select/matcher.ts';
import { reservedIdentities } from '../select/reserved-identities.ts';
import type { PolicyCidrGroup, PolicyService } from '../select/resolve-named.ts';
import {
  compilePolicy,
  type CompiledPolicy,
  type CompiledRuleSet,
  type CompileContext,
} from './compile-policy.ts';
import { DirectionPolicy } from './direction-policy.ts';
import {
  cookiesOf,
  deletesOf,
  type EndpointPolicy,
  type EnforcementMode,
  type PolicyEntry,
  type PolicyEntryKey,
  type PolicySubject,
  rulesInForce,
  upsertsOf,
} from './endpoint-policy.ts';
import { type RuleCookie, RuleTable } from './rule-table.ts';

export interface PolicyOptions {
  readonly clusterName: string;
  /** 0 to 255: bits 16 to 23 of the identities of its pods. */
  readonly clusterId: number;
  /** Default: `default`. */
  readonly mode?: EnforcementMode;
  /** Whether policies with a nodeSelector police the node itself. Default false, as in Cilium (`enable-host-firewall`). */
  readonly hostFirewall?: boolean;
}

/** An identity that packets can carry: of pods anywhere, of a remote node, or a reserved one with other labels than usual. */
export interface PolicyIdentity {
  readonly id: number;
  /** `source:key=value`. */
  readonly labels: readonly string[];
  /** Named container ports of its pods, for egress rules that name ports. Default none. */
  readonly namedPorts?: readonly NamedPort[];
}

/** Somebody whose traffic this node polices. */
export interface PolicyEndpoint {
  /** What the caller calls it; unique. */
  readonly key: string;
  /** Security labels of its identity. */
  readonly labels: readonly string[];
  readonly namedPorts?: readonly NamedPort[];
  /** The node itself. Default false. */
  readonly isHost?: boolean;
}

/** Changes of what is known, all applied together. What is listed as removed and upserted is there afterwards. */
export interface PolicyUpdate {
  readonly policies?: readonly Policy[];
  /** See `policyKey`. */
  readonly removedPolicies?: readonly string[];
  readonly identities?: readonly PolicyIdentity[];
  readonly removedIdentities?: readonly number[];
  readonly services?: readonly PolicyService[];
  /** `namespace/name`. */
  readonly removedServices?: readonly string[];
  readonly cidrGroups?: readonly PolicyCidrGroup[];
  /** Names. */
  readonly removedCidrGroups?: readonly string[];
  readonly endpoints?: readonly PolicyEndpoint[];
  readonly removedEndpoints?: readonly string[];
}

/** What updates came to for one policy. Its lists are made while they are read; later updates do not change them. */
export interface EndpointPolicyChange {
  readonly policy: EndpointPolicy;
  /** Entries that are new, or whose value changed. */
  readonly upserts: Iterable<PolicyEntry>;
  /** Keys whose entries are gone. */
  readonly deletes: Iterable<PolicyEntryKey>;
  /** Those that `upserts` lead to, some of them perhaps more than once. */
  readonly cookies: Iterable<RuleCookie>;
}

/** A policy in use, and by whom. */
interface Subject {
  readonly key: string;
  readonly policy: EndpointPolicy;
  readonly endpoints: Set<string>;
}

/**
 * Policies, identities, services and endpoints, and the policy maps that they come to. Updates recompute what they touch: an identity costs a table in each policy that
 * selects it, an endpoint its own policy (none if another endpoint has the same labels and ports), a policy those of the endpoints that it selects.
 */
export class PolicyState {
  readonly rules = new RuleTable();
  readonly cidrs = new CidrIdentities();
  readonly identities = new IdentityIndex();
  private readonly options: PolicyOptions;
  private readonly context: CompileContext;
  private readonly services = new Map<string, PolicyService>();
  private readonly cidrGroups = new Map<string, PolicyCidrGroup>();
  private readonly policies = new Map<string, CompiledPolicy>();
  /** Policies that select in one namespace only; cluster-wide ones stand under the empty name. */
  private readonly policiesOf = new Map<string, Set<CompiledPolicy>>();
  private readonly subjects = new Map<string, Subject>();
  private readonly subjectsOf = new Map<string, Set<Subject>>();
  private readonly subjectOf = new Map<string, Subject>();
  private readonly dirty = new Set<Subject>();
  private readonly changed = new Set<EndpointPolicy>();
  private nextId = 1;

  constructor(options: PolicyOptions) {
    this.options = options;
    const { clusterName, clusterId } = options;
    const { identities, cidrs, rules, services, cidrGroups } = this;
    this.context = { clusterName, clusterId, identities, cidrs, rules, services, cidrGroups };
    for (const [id, labels] of reservedIdentities) identities.setIdentity(id, labels, []);
  }

  get clusterId(): number {
    return this.options.clusterId;
  }

  /** Applies changes. `takeChanges` then has what they came to. */
  update(change: PolicyUpdate): void {
    this.updateNamed(change);
    this.updatePolicies(change.policies ?? [], change.removedPolicies ?? []);
    this.identities.settle();
    this.updateIdentities(change);
    this.updateEndpoints(change);
    for (const { policy } of this.dirty) this.compile(policy);
    this.dirty.clear();
  }

  /**
   * The policy of an endpoint; undefined for one that is not known. It is another one once the endpoint has other labels or ports; one that no endpoint has any more is told no
   * changes of.
   */
  policyOf(endpointKey: string): EndpointPolicy | undefined {
    return this.subjectOf.get(endpointKey)?.policy;
  }

  /** Keys of the endpoints that a policy selects; of the node itself only where policies may police it. */
  selectedBy(policyKey: string): string[] {
    const compiled = this.policies.get(policyKey);
    if (compiled === undefined) return [];
    const { policy, ruleSets } = compiled;
    const subjects =
      policy.namespace === '' ? this.subjects.values() : (this.subjectsOf.get(policy.namespace) ?? []);
    return [...subjects]
      .filter(({ policy: { subject } }) => this.options.hostFirewall === true || !subject.isHost)
      .filter(({ policy: { subject } }) => ruleSets.some((ruleSet) => selects(ruleSet, subject)))
      .flatMap(({ endpoints }) => [...endpoints]);
  }

  /** The policy that an endpoint of these properties has or would have. Does not follow later updates. */
  policyFor({ labels, namedPorts = [], isHost = false }: Omit<PolicyEndpoint, 'key'>): EndpointPolicy {
    const subject = { isHost, labels: labels.map(parseLabel), namedPorts };
    const known = this.subjects.get(subjectKey(subject));
    if (known !== undefined) return known.policy;
    const policy = this.newPolicy(subject);
    this.compile(policy);
    unsubscribe(policy);
    this.changed.delete(policy);
    return policy;
  }

  /** Policies that select a node of these labels (see `hostLabels`), whether it is policed or not. */
  policiesOfHost(labels: readonly string[]): Policy[] {
    const subject = { isHost: true, labels: labels.map(parseLabel) };
    const all = [...this.policies.values()];
    return all
      .filter(({ ruleSets }) => ruleSets.some((ruleSet) => selects(ruleSet, subject)))
      .map(({ policy }) => policy);
  }

  /** Policies whose entries changed since the last call. The first of a policy holds all its entries. */
  takeChanges(): EndpointPolicyChange[] {
    const changes = [...this.changed].map((policy): EndpointPolicyChange => {
      const changes = [...policy.ingress.takeChanges(), ...policy.egress.takeChanges()];
      return {
        policy,
        upserts: { [Symbol.iterator]: () => upsertsOf(changes) },
        deletes: { [Symbol.iterator]: () => deletesOf(changes) },
        cookies: { [Symbol.iterator]: () => cookiesOf(changes) },
      };
    });
    this.changed.clear();
    return changes;
  }

  /** What rules call by name. */
  private updateNamed(change: PolicyUpdate): void {
    const { services = [], removedServices = [], cidrGroups = [], removedCidrGroups = [] } = change;
    const ofServices = services.length + removedServices.length > 0;
    const ofGroups = cidrGroups.length + removedCidrGroups.length > 0;
    if (!ofServices && !ofGroups) return;
    for (const key of removedServices) this.services.delete(key);
    for (const service of services) this.services.set(`${service.namespace}/${service.name}`, service);
    for (const name of removedCidrGroups) this.cidrGroups.delete(name);
    for (const group of cidrGroups) this.cidrGroups.set(group.name, group);
    const affected = [...this.policies.values()].filter(
      ({ usesServices, usesCidrGroups }) => (ofServices && usesServices) || (ofGroups && usesCidrGroups),
    );
    this.updatePolicies(
      affected.map(({ policy }) => policy),
      [],
    );
  }

  private updatePolicies(upserts: readonly Policy[], removed: readonly string[]): void {
    const replaced: CompiledPolicy[] = [];
    const take = (key: string): void => {
      const old = this.policies.get(key);
      if (old === undefined) return;
      replaced.push(old);
      this.policies.delete(key);
      toggle(this.policiesOf, old.policy.namespace, old, false);
      this.markSelected(old);
    };
    for (const key of removed) take(key);
    for (const policy of upserts) {
      const key = policyKey(policy);
      // The new one first: what both hold stays, and selections need no new look at every identity.
      const compiled = compilePolicy(policy, this.context);
      take(key);
      this.policies.set(key, compiled);
      toggle(this.policiesOf, policy.namespace, compiled, true);
      this.markSelected(compiled);
      for (const { id, labels } of compiled.newIdentities) this.identities.setIdentity(id, labels, []);
    }
    const gone: LocalIdentity[] = replaced.flatMap((old) => old.release());
    for (const { id } of gone) this.identities.removeIdentity(id);
  }

  private updateIdentities({ identities = [], removedIdentities = [] }: PolicyUpdate): void {
    for (const id of removedIdentities) {
      this.identities.removeIdentity(id);
      const usual = reservedIdentities.get(id);
      if (usual !== undefined) this.identities.setIdentity(id, usual, []);
    }
    for (const { id, labels, namedPorts } of identities) {
      this.identities.setIdentity(id, labels, namedPorts ?? []);
    }
  }

  private updateEndpoints({ endpoints = [], removedEndpoints = [] }: PolicyUpdate): void {
    for (const key of removedEndpoints) this.assign(key, undefined);
    for (const { key, labels, namedPorts = [], isHost = false } of endpoints) {
      const subject = { isHost, labels: labels.map(parseLabel), namedPorts };
      const text = subjectKey(subject);
      let known = this.subjects.get(text);
      if (known === undefined) {
        known = { key: text, policy: this.newPolicy(subject), endpoints: new Set() };
        this.subjects.set(text, known);
        toggle(this.subjectsOf, namespaceOf(subject.labels), known, true);
        this.dirty.add(known);
      }
      this.assign(key, known);
    }
  }

  private assign(endpointKey: string, subject: Subject | undefined): void {
    const old = this.subjectOf.get(endpointKey);
    if (old === subject) return;
    if (subject === undefined) this.subjectOf.delete(endpointKey);
    else {
      this.subjectOf.set(endpointKey, subject);
      subject.endpoints.add(endpointKey);
    }
    if (old === undefined) return;
    old.endpoints.delete(endpointKey);
    if (old.endpoints.size > 0) return;
    this.subjects.delete(old.key);
    toggle(this.subjectsOf, namespaceOf(old.policy.subject.labels), old, false);
    unsubscribe(old.policy);
    this.dirty.delete(old);
    this.changed.delete(old.policy);
  }

  private newPolicy(subject: PolicySubject): EndpointPolicy {
    const { rules, identities } = this;
    const { clusterId } = this.options;
    const onChange = (): void => void this.changed.add(policy);
    const policy: EndpointPolicy = {
      id: this.nextId++,
      subject,
      ingress: new DirectionPolicy('ingress', rules, clusterId, identities, onChange),
      egress: new DirectionPolicy('egress', rules, clusterId, identities, onChange),
    };
    return policy;
  }

  /** Has the policies of all whom a policy selects made anew; until then they need not follow the identities. */
  private markSelected({ policy, ruleSets }: CompiledPolicy): void {
    const subjects = policy.namespace === '' ? this.subjects.values() : this.subjectsOf.get(policy.namespace);
    for (const subject of subjects ?? []) {
      if (this.dirty.has(subject)) continue;
      if (!ruleSets.some((ruleSet) => selects(ruleSet, subject.policy.subject))) continue;
      this.dirty.add(subject);
      unsubscribe(subject.policy);
    }
  }

  private compile({ subject, ingress, egress }: EndpointPolicy): void {
    const { mode = 'default', hostFirewall = false } = this.options;
    const isPoliced = !subject.isHost || hostFirewall;
    const ruleSets = isPoliced ? this.ruleSetsOf(subject) : [];
    const modeHere = isPoliced ? mode : 'never';
    ingress.setRules(rulesInForce('ingress', subject, ruleSets, modeHere));
    egress.setRules(rulesInForce('egress', subject, ruleSets, modeHere));
  }

  private ruleSetsOf(subject: PolicySubject): CompiledRuleSet[] {
    const namespace = namespaceOf(subject.labels);
    const policies = [
      ...(this.policiesOf.get('') ?? []),
      ...(namespace === '' ? [] : (this.policiesOf.get(namespace) ?? [])),
    ];
    return policies.flatMap(({ ruleSets }) => ruleSets.filter((ruleSet) => selects(ruleSet, subject)));
  }
}

function unsubscribe({ ingress, egress }: EndpointPolicy): void {
  ingress.unsubscribe();
  egress.unsubscribe();
}

function selects(
  { isForNodes, matches }: CompiledRuleSet,
  { isHost, labels }: Pick<PolicySubject, 'isHost' | 'labels'>,
): boolean {
  return isForNodes === isHost && matches(labels);
}

/** Empty for endpoints that are in none: the host, health, init. */
function namespaceOf(labels: readonly Label[]): string {
  return labels.find(({ source, key }) => source === 'k8s' && key === POD_NAMESPACE_LABEL)?.value ?? '';
}

function subjectKey({ isHost, labels, namedPorts }: PolicySubject): string {
  const ports = namedPorts.map(({ name, protocol, port }) => `${name}/${protocol}/${port}`).sort();
  return JSON.stringify([isHost, labels.map(({ text }) => text).sort(), ports]);
}

function toggle<T>(sets: Map<string, Set<T>>, key: string, member: T, isPresent: boolean): void {
  const set = sets.get(key) ?? new Set<T>();
  if (isPresent) sets.set(key, set.add(member));
  else if (set.delete(member) && set.size === 0) sets.delete(key);
}
