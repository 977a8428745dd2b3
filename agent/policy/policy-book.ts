import { createHash } from 'node:crypto';
import type { ClusterChange } from '../../cluster/index.ts';
import { type Policy, policyKey } from '../../policy/index.ts';
import { comparePolicies } from './compare-policies.ts';
import type { ManifestRemark, PolicySources } from './policy-sources.ts';

/** A change of a policy, and what it said from then on. */
export interface PolicyRevision {
  /** Of the node's policies, counted from the start of the agent. */
  readonly revision: number;
  readonly timeMs: number;
  readonly change: 'added' | 'changed' | 'deleted';
  readonly digest: string;
  /** Null where it is not kept, and for a removal. */
  readonly manifest: string | null;
  readonly line: number;
  /** See `comparePolicies`. */
  readonly changed: readonly string[];
}

/** A policy that is there, or was. */
export interface BookedPolicy {
  readonly policy: Policy;
  readonly isRemoved: boolean;
  /** Of its last change. */
  readonly revision: number;
  readonly changedMs: number;
  /** Nobody saw it come: it was there when the agent started. */
  readonly wasReadAtStart: boolean;
  readonly digest: string;
}

/** Revisions kept of one policy. */
const MAX_REVISIONS = 20;
/** Manifests of all revisions together, in characters. */
const MAX_HISTORY_CHARACTERS = 16 * 1024 * 1024;
/** What a revision costs beside its manifest. */
const REVISION_CHARACTERS = 300;

interface History {
  readonly revisions: PolicyRevision[];
  dropped: number;
}

/** The policies of a node with their last revisions, in bounded memory: the oldest revisions of all go first. */
export class PolicyBook {
  private readonly sources: PolicySources;
  private readonly maxCharacters: number;
  private readonly booked = new Map<string, BookedPolicy>();
  private readonly histories = new Map<string, History>();
  /** Keys of policies in the order of their revisions, the oldest first. */
  private readonly order: string[] = [];
  private characters = 0;
  private remarksNow: readonly ManifestRemark[] = [];
  private isFirst = true;

  /** @param maxCharacters of the manifests of all revisions */
  constructor(sources: PolicySources, maxCharacters: number = MAX_HISTORY_CHARACTERS) {
    this.sources = sources;
    this.maxCharacters = maxCharacters;
  }

  /** What is wrong with manifests of policies now, or worth a remark. */
  get remarks(): readonly ManifestRemark[] {
    return this.remarksNow;
  }

  /** Takes changes of the own cluster's state; the first call has all that is there. @param revision that policies came to by them */
  apply(changes: readonly ClusterChange[], revision: number, nowMs: number): void {
    // Deletes come first: a policy that is deleted and there again has changed.
    for (const change of changes) {
      if (change.kind === 'policy-upsert') this.upsert(change.policy as Policy, revision, nowMs);
      else if (change.kind === 'policy-delete') this.delete(change.policy as Policy, revision, nowMs);
      else if (change.kind === 'problems') this.remarksNow = this.sources.remarksAmong(change.problems);
    }
    this.isFirst = false;
  }

  /** Policies that are there; with `isRemoved` also those that were, as long as revisions of them are kept. */
  list(withRemoved: boolean): BookedPolicy[] {
    return [...this.booked.values()].filter(({ isRemoved }) => withRemoved || !isRemoved);
  }

  get(key: string): BookedPolicy | undefined {
    return this.booked.get(key);
  }

  /** Newest first, and how many older ones are not kept any more. */
  history(key: string): { revisions: readonly PolicyRevision[]; dropped: number } {
    const { revisions, dropped } = this.histories.get(key) ?? { revisions: [], dropped: 0 };
    return { revisions: revisions.toReversed(), dropped };
  }

  private upsert(policy: Policy, revision: number, nowMs: number): void {
    const key = policyKey(policy);
    const old = this.booked.get(key);
    const digest = digestOf(policy);
    const wasReadAtStart = this.isFirst;
    this.booked.set(key, { policy, isRemoved: false, revision, changedMs: nowMs, wasReadAtStart, digest });
    const { manifest, line } = this.sources.of(policy);
    const isNew = old === undefined || old.isRemoved;
    const changed = isNew ? [] : comparePolicies(old.policy, policy);
    const change = isNew ? 'added' : 'changed';
    this.note(key, { revision, timeMs: nowMs, change, digest, manifest, line, changed });
  }

  private delete(policy: Policy, revision: number, nowMs: number): void {
    const key = policyKey(policy);
    const old = this.booked.get(key);
    if (old === undefined) return;
    this.sources.forget(old.policy);
    this.booked.set(key, { ...old, isRemoved: true, revision, changedMs: nowMs, wasReadAtStart: false });
    const { digest } = old;
    this.note(key, {
      revision,
      timeMs: nowMs,
      change: 'deleted',
      digest,
      manifest: null,
      line: 0,
      changed: [],
    });
  }

  private note(key: string, revision: PolicyRevision): void {
    const history = this.histories.get(key) ?? { revisions: [], dropped: 0 };
    this.histories.set(key, history);
    history.revisions.push(revision);
    this.order.push(key);
    this.characters += costOf(revision);
    if (history.revisions.length > MAX_REVISIONS) {
      this.order.splice(this.order.indexOf(key), 1);
      this.dropOldest(key);
    }
    while (this.characters > this.maxCharacters && this.order.length > 1)
      this.dropOldest(this.order.shift()!);
  }

  private dropOldest(key: string): void {
    const history = this.histories.get(key);
    const dropped = history?.revisions.shift();
    if (history === undefined || dropped === undefined) return;
    history.dropped++;
    this.characters -= costOf(dropped);
    if (history.revisions.length > 0 || this.booked.get(key)?.isRemoved !== true) return;
    this.histories.delete(key);
    this.booked.delete(key);
  }
}

function costOf({ manifest }: PolicyRevision): number {
  return REVISION_CHARACTERS + (manifest?.length ?? 0);
}

/** The same on every node that has the same version, whatever its comments and layout are. */
function digestOf(policy: Policy): string {
  return createHash('sha256').update(JSON.stringify(policy)).digest('hex').slice(0, 16);
}
