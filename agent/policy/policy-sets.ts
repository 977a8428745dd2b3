import { type EndpointPolicy, type EndpointPolicyChange, entriesOf } from '../../policy/index.ts';
import type { BpfMap } from '../kernel/bpf-map.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import {
  decodeEndpointPolicy,
  encodeEndpointPolicy,
  NO_PREFIXES,
  policyLayouts,
  setIdOfKey,
} from './policy-layout.ts';
import { EntryBatch, type WrittenEntries } from './entry-batch.ts';

/** The part of a BPF map that is needed here. */
export type PolicyEntriesMap = Pick<BpfMap, 'entries' | 'updateBatch' | 'deleteBatch' | 'lookup'>;
export type EndpointPoliciesMap = Pick<BpfMap, 'entries' | 'update' | 'delete'>;

/** Why policies changed: what is written in place depends on it. */
export type ChangeCause = 'identities-added' | 'identities-removed' | 'policies';

export interface PolicyProblem {
  readonly where: string;
  readonly message: string;
}

/** A policy's entries in the map. */
interface PolicySet {
  readonly setId: number;
  readonly written: WrittenEntries;
  readonly enforcement: string;
}

/** What the maps say for an endpoint. */
export interface EndpointSet {
  /** 0 = none: everything is denied. */
  readonly setId: number;
  readonly entryCount: number;
  readonly audits: boolean;
  /** It is new, and its policy could not be written. */
  readonly isDenied: boolean;
  /** Why its newest policy could not be written. */
  readonly failure: string | null;
}

interface PolicyUser {
  readonly endpointId: number;
  /** As problems call it. */
  readonly name: string;
  readonly policy: EndpointPolicy;
  readonly audits: boolean;
  /** New while its policy could not be written: it has no earlier one. */
  readonly isDenied: boolean;
}

/** A number that an identity's entries may have at most to be changed one by one. */
const MAX_IN_PLACE = 4096;

/**
 * Writes policies into the datapath's maps so that no packet meets half of one. Entries of a policy are a set. A policy that changed is written as a new set beside the old one,
 * and each of its endpoints is led from the old to the new by one update of a map; then the old set is deleted. Only identities that come or go are changed in place: nobody
 * carries an identity before its entries are written, nor after they are taken away.
 *
 * A set that could not be written completely (a full map) is not used: the old one stays in force, or everything is denied where there is none, a problem says so, and
 * `retry` tries again.
 */
export class PolicySets {
  private readonly entries: PolicyEntriesMap;
  private readonly headers: EndpointPoliciesMap;
  private readonly sets = new Map<EndpointPolicy, PolicySet>();
  private readonly users = new Map<number, PolicyUser>();
  /** Numbers of the endpoints of each policy that has some. */
  private readonly endpointsOf = new Map<EndpointPolicy, Set<number>>();
  /** Endpoints that an earlier agent described and nobody has claimed yet, and whether something is enforced for them. */
  private readonly inherited = new Map<number, boolean>();
  /** Policies whose set is not what it should be. */
  private readonly failed = new Map<EndpointPolicy, string>();
  private readonly failedHeaders = new Map<number, string>();
  private nextSetId = 1;
  private nextGeneration = 1;

  /** Takes up what an earlier agent left: it stays in force until endpoints are assigned their policies anew. */
  constructor(entries: PolicyEntriesMap, headers: EndpointPoliciesMap) {
    this.entries = entries;
    this.headers = headers;
    for (const [key, value] of headers.entries()) {
      const { generation, setId, isOpen } = decodeEndpointPolicy(value);
      this.nextGeneration = Math.max(this.nextGeneration, generation + 1);
      this.nextSetId = Math.max(this.nextSetId, setId + 1);
      this.inherited.set(Buffer.from(key).readUInt32LE(0), !isOpen);
    }
    for (const [key] of entries.entries()) this.nextSetId = Math.max(this.nextSetId, setIdOfKey(key) + 1);
  }

  /** Whether the datapath has to ask policies at all: something is enforced for some endpoint, or was for one that nobody has claimed yet. */
  get isEnforcing(): boolean {
    if (this.failedHeaders.size > 0 || [...this.inherited.values()].includes(true)) return true;
    for (const { policy, isDenied } of this.users.values()) {
      if (isDenied || this.sets.get(policy)?.enforcement !== OPEN) return true;
    }
    return false;
  }

  /** Entries in the map that this agent wrote. */
  get entryCount(): number {
    let count = 0;
    for (const { written } of this.sets.values()) count += written.count;
    return count;
  }

  /** How an endpoint's policy stands in the maps; undefined for one that was assigned none. */
  describe(endpointId: number): EndpointSet | undefined {
    const user = this.users.get(endpointId);
    if (user === undefined) return undefined;
    const { policy, audits, isDenied } = user;
    const set = isDenied ? undefined : this.sets.get(policy);
    return {
      setId: set?.setId ?? 0,
      entryCount: set?.written.count ?? 0,
      audits,
      isDenied,
      failure: this.failed.get(policy) ?? this.failedHeaders.get(endpointId) ?? null,
    };
  }

  get problems(): readonly PolicyProblem[] {
    const ofSets = [...this.failed].flatMap(([policy, message]) =>
      this.usersOf(policy).map(({ name, isDenied }) => {
        const state = isDenied ? 'everything is denied to it' : 'its earlier policy stays in force';
        return { where: `policy of ${name}`, message: `${message}: ${state}` };
      }),
    );
    const ofHeaders = [...this.failedHeaders].map(([endpointId, message]) => ({
      where: `policy of ${this.users.get(endpointId)?.name ?? `endpoint ${endpointId}`}`,
      message: `${message}: nothing may pass to or from it if it is new, else its earlier policy stays in force`,
    }));
    return [...ofSets, ...ofHeaders];
  }

  /** Writes what changed of policies, and leads their endpoints to it. */
  apply(changes: readonly EndpointPolicyChange[], cause: ChangeCause): void {
    for (const change of changes) {
      const set = this.sets.get(change.policy);
      if (set !== undefined && !this.failed.has(change.policy) && this.changeInPlace(set, change, cause))
        continue;
      // Who is led to a policy later has it written then.
      if (this.endpointsOf.has(change.policy)) this.rewrite(change.policy);
      else this.forget(change.policy);
    }
  }

  /** Whether what an earlier agent left is still in force for an endpoint. */
  isInherited(endpointId: number): boolean {
    return this.inherited.has(endpointId);
  }

  /** Leads an endpoint to its policy, whose changes have been applied. To be called before the datapath knows the endpoint otherwise. */
  assign(endpointId: number, name: string, policy: EndpointPolicy, audits: boolean): void {
    const old = this.users.get(endpointId);
    if (
      old?.policy === policy &&
      old.audits === audits &&
      old.name === name &&
      !this.failedHeaders.has(endpointId)
    )
      return;
    if (!this.sets.has(policy) && !this.failed.has(policy)) this.rewrite(policy);
    const isDenied = this.failed.has(policy) && (old?.policy !== policy || old.isDenied);
    this.setUser({ endpointId, name, policy, audits, isDenied });
    this.writeHeaders([this.users.get(endpointId)!]);
    this.inherited.delete(endpointId);
    if (old !== undefined && old.policy !== policy) this.dropIfUnused(old.policy);
  }

  /** Forgets an endpoint that the datapath does not know any more. */
  remove(endpointId: number): void {
    const user = this.users.get(endpointId);
    this.removeUser(endpointId);
    this.inherited.delete(endpointId);
    this.failedHeaders.delete(endpointId);
    this.headers.delete(u32(endpointId));
    if (user !== undefined) this.dropIfUnused(user.policy);
  }

  /** Removes all that an earlier agent left and nobody uses. To be called when every endpoint that there is has been assigned. */
  finishInitial(): void {
    for (const endpointId of this.inherited.keys()) this.remove(endpointId);
    const used = new Set([...this.sets.values()].map(({ setId }) => setId));
    const keys = this.entries.entries().map(([key]) => key);
    const stale = keys.filter((key) => !used.has(setIdOfKey(key)));
    this.entries.deleteBatch(Buffer.concat(stale), stale.length);
  }

  /** Tries again what could not be written. */
  retry(): void {
    for (const policy of this.failed.keys()) this.rewrite(policy);
    const users = [...this.failedHeaders.keys()].map((endpointId) => this.users.get(endpointId)!);
    this.writeHeaders(users);
  }

  /** Whether it could be done in place. */
  private changeInPlace(
    set: PolicySet,
    { policy, upserts, deletes }: EndpointPolicyChange,
    cause: ChangeCause,
  ): boolean {
    if (set.enforcement !== enforcementOf(policy)) return false;
    const coming = EntryBatch.of(set.setId, upserts);
    const going = EntryBatch.ofKeys(set.setId, deletes);
    if (coming.count + going.count === 0) return true;
    if (cause === 'policies' || coming.count + going.count > MAX_IN_PLACE) return false;
    if (cause === 'identities-added' && (going.count > 0 || !set.written.isNew(coming))) return false;
    if (cause === 'identities-removed' && (coming.count > 0 || !set.written.isAllOf(going))) return false;
    try {
      coming.writeTo(this.entries);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      coming.deleteFrom(this.entries);
      this.failed.set(policy, error.message);
      return true;
    }
    going.deleteFrom(this.entries);
    set.written.add(coming);
    set.written.remove(going);
    return true;
  }

  /** Writes a policy as a new set and leads its endpoints there. */
  private rewrite(policy: EndpointPolicy): void {
    const old = this.sets.get(policy);
    const setId = this.nextSetId++;
    const batch = EntryBatch.of(setId, entriesOf(policy));
    try {
      batch.writeTo(this.entries);
      this.sets.set(policy, { setId, written: batch.asWritten(), enforcement: enforcementOf(policy) });
      this.failed.delete(policy);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      batch.deleteFrom(this.entries);
      this.failed.set(policy, error.message);
      return;
    }
    const users = this.usersOf(policy).map((user) => ({ ...user, isDenied: false }));
    for (const user of users) this.users.set(user.endpointId, user);
    // An endpoint that could not be led to the new set needs the old one.
    if (this.writeHeaders(users)) old?.written.deleteFrom(this.entries);
  }

  private usersOf(policy: EndpointPolicy): PolicyUser[] {
    return [...(this.endpointsOf.get(policy) ?? [])].map((endpointId) => this.users.get(endpointId)!);
  }

  private setUser(user: PolicyUser): void {
    const { endpointId, policy } = user;
    this.removeUser(endpointId);
    this.users.set(endpointId, user);
    this.endpointsOf.set(policy, (this.endpointsOf.get(policy) ?? new Set()).add(endpointId));
  }

  private removeUser(endpointId: number): void {
    const user = this.users.get(endpointId);
    if (user === undefined) return;
    this.users.delete(endpointId);
    const endpoints = this.endpointsOf.get(user.policy)!;
    endpoints.delete(endpointId);
    if (endpoints.size === 0) this.endpointsOf.delete(user.policy);
  }

  /** Whether all could be written. */
  private writeHeaders(users: readonly PolicyUser[]): boolean {
    let wentWell = true;
    for (const user of users) {
      try {
        this.headers.update(u32(user.endpointId), this.headerOf(user));
        this.failedHeaders.delete(user.endpointId);
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        this.failedHeaders.set(user.endpointId, error.message);
        wentWell = false;
      }
    }
    return wentWell;
  }

  private headerOf({ endpointId, policy, audits, isDenied }: PolicyUser): Uint8Array {
    const set = isDenied ? undefined : this.sets.get(policy);
    return encodeEndpointPolicy({
      generation: this.takeGeneration(),
      setId: set?.setId ?? 0,
      endpointId,
      // Without a set everything is denied.
      enforcesIngress: set === undefined || policy.ingress.enforcement !== 'open',
      enforcesEgress: set === undefined || policy.egress.enforcement !== 'open',
      audits,
      masks: set?.written.masks ?? NO_PREFIXES,
    });
  }

  /** Neither 0 nor 2^32 - 1 is one. */
  private takeGeneration(): number {
    const generation = this.nextGeneration;
    this.nextGeneration = generation >= 0xffff_fffe ? 1 : generation + 1;
    return generation;
  }

  /** Gives up a policy's entries if no endpoint is led to them. */
  dropIfUnused(policy: EndpointPolicy): void {
    if (!this.endpointsOf.has(policy)) this.forget(policy);
  }

  private forget(policy: EndpointPolicy): void {
    this.sets.get(policy)?.written.deleteFrom(this.entries);
    this.sets.delete(policy);
    this.failed.delete(policy);
  }
}

const OPEN = 'open open';

function enforcementOf({ ingress, egress }: EndpointPolicy): string {
  const of = (enforcement: string): string => (enforcement === 'open' ? 'open' : 'enforced');
  return `${of(ingress.enforcement)} ${of(egress.enforcement)}`;
}

function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(policyLayouts.endpoint_policy.set_id);
  bytes.writeUInt32LE(value, 0);
  return bytes;
}
