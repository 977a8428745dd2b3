import { clone, create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Problem } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import {
  type Counts,
  type Policy,
  PolicySchema,
  PolicyState,
  type PolicyVersion,
  PolicyVersionSchema,
} from '../../proto/gen/sluice/v1/policy_pb.ts';
import { addCounts, earliest } from './merge-counts.ts';

const MAX_NAMES = 10;
const MAX_PROBLEMS = 20;

/** One policy as several nodes tell it: counters added up, and the versions side by side. */
export class MergedPolicy {
  private readonly versions = new Map<string, PolicyVersion>();
  /** What is told of each version but for its numbers. */
  private readonly told = new Map<string, Policy>();
  private readonly ruleCounts = new Map<string, Counts>();
  private readonly problems = new Map<string, Problem>();
  private readonly states = new Set<PolicyState>();
  private readonly behind = new Set<string>();
  private counts: Counts | undefined;
  private endpoints = 0;
  private revision = 0n;

  add(policy: Policy): void {
    for (const version of policy.versions) this.addVersion(version);
    const known = this.told.get(policy.digest);
    // A version with its place in a file is worth more.
    if (known === undefined || (known.file === '' && policy.file !== ''))
      this.told.set(policy.digest, policy);
    this.counts = addCounts(this.counts, policy.counts);
    for (const { address, counts } of policy.rules) {
      const sum = addCounts(this.ruleCounts.get(address), counts);
      if (sum !== undefined) this.ruleCounts.set(address, sum);
    }
    for (const problem of policy.problems) {
      if (this.problems.size < MAX_PROBLEMS)
        this.problems.set(`${problem.where} ${problem.message}`, problem);
    }
    this.states.add(policy.state);
    for (const name of policy.nodesBehind) this.behind.add(name);
    this.endpoints += policy.endpoints;
    if (policy.revision > this.revision) this.revision = policy.revision;
  }

  /** The digest of the version that is told as the policy's: the newest that some node saw come, else the one that most nodes have. */
  get digest(): string {
    return this.ranked[0]?.digest ?? '';
  }

  /** @param nodesTotal nodes that ought to have it */
  message(nodesTotal: number): Policy {
    const versions = this.ranked;
    const [current] = versions;
    const told = clone(PolicySchema, this.told.get(current?.digest ?? '') ?? [...this.told.values()][0]);
    const behind = new Set([...this.behind, ...versions.slice(1).flatMap(({ nodeNames }) => nodeNames)]);
    for (const rule of told.rules) {
      const counts = this.ruleCounts.get(rule.address);
      if (counts !== undefined) rule.counts = counts;
    }
    return Object.assign(told, {
      state: this.state,
      revision: this.revision,
      endpoints: this.endpoints,
      problems: [...this.problems.values()],
      nodesEnforced: current?.nodesEnforced ?? 0,
      nodesTotal,
      versions,
      nodesBehind: [...behind].sort().slice(0, MAX_NAMES),
      ...(this.counts !== undefined && { counts: this.counts }),
      ...(current?.changed !== undefined && { changed: current.changed }),
    });
  }

  private get ranked(): PolicyVersion[] {
    const seenMs = ({ changed, wasReadAtStart }: PolicyVersion): number =>
      changed === undefined || wasReadAtStart ? 0 : timestampMs(changed);
    // What is in no file that can be read counts as no version, if there is another.
    const isNone = ({ digest }: PolicyVersion): number => (digest === '' ? 1 : 0);
    return [...this.versions.values()].sort(
      (a, b) => isNone(a) - isNone(b) || seenMs(b) - seenMs(a) || b.nodes - a.nodes,
    );
  }

  private get state(): PolicyState {
    const has = (state: PolicyState): boolean => this.states.has(state);
    const isThere = has(PolicyState.IN_FORCE) || has(PolicyState.STALE);
    if (has(PolicyState.INCOMPLETE)) return PolicyState.INCOMPLETE;
    if (has(PolicyState.STALE) || (has(PolicyState.INVALID) && isThere)) return PolicyState.STALE;
    if (has(PolicyState.IN_FORCE)) return PolicyState.IN_FORCE;
    return has(PolicyState.INVALID) ? PolicyState.INVALID : PolicyState.REMOVED;
  }

  private addVersion(version: PolicyVersion): void {
    const known = this.versions.get(version.digest);
    if (known === undefined) {
      this.versions.set(version.digest, clone(PolicyVersionSchema, version));
      return;
    }
    const changed = seenFirst(known, version);
    const sum = create(PolicyVersionSchema, {
      digest: version.digest,
      nodes: known.nodes + version.nodes,
      nodesEnforced: known.nodesEnforced + version.nodesEnforced,
      nodeNames: [...known.nodeNames, ...version.nodeNames].slice(0, MAX_NAMES),
      wasReadAtStart: known.wasReadAtStart && version.wasReadAtStart,
      ...(changed !== undefined && { changed }),
    });
    this.versions.set(version.digest, sum);
  }
}

/** When a version was first seen: by those who saw it come, if somebody did. */
function seenFirst(a: PolicyVersion, b: PolicyVersion): PolicyVersion['changed'] {
  if (a.wasReadAtStart !== b.wasReadAtStart) return a.wasReadAtStart ? b.changed : a.changed;
  return earliest(a.changed, b.changed);
}
