import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { ClusterView } from '../cluster-view.ts';
import { IdentityRegistry, MAX_CLUSTER_ID } from '../identity-registry.ts';
import type { IdentityManifest, ManifestObject } from '../manifest/objects.ts';
import type { PolicyReader } from '../manifest/parse-manifests.ts';
import type { ClusterChange, ClusterSource, SourceProblem } from '../model.ts';
import { claimIdentity } from './claim-identity.ts';
import { FileTree } from './file-tree.ts';
import { ManifestStore } from './manifest-store.ts';
import { readManifestFile } from './read-file.ts';

export interface DirectorySourceOptions {
  /** Directory of manifests; `*.yaml`, `*.yml` and `*.json` below it are read. It may appear later. */
  readonly dir: string;
  /** Name of the cluster that the manifests describe. */
  readonly cluster: string;
  /** Number of that cluster, 0 to 255: bits 16 to 23 of its identities. Cilium knows it as `cluster-id`. */
  readonly clusterId: number;
  /**
   * Only read: identities are what the directory says, and endpoints without one have 0. For other clusters' directories. Default false: a label set that has no number
   * yet gets one, written below `<dir>/identities`.
   */
  readonly readOnly?: boolean;
  /** What reads network policies; without it they are passed over. */
  readonly readPolicies?: PolicyReader;
  /** How long a directory has to be quiet before it is read, so that a file is not read while it is written. Default 40, sensible 10 to 200. */
  readonly settleMs?: number;
  /** Everything is looked at again after this time, in case the kernel's event queue overflowed. Default 30,000. */
  readonly rescanMs?: number;
}

/** A change that goes on and on is read in between all the same. */
const MAX_SETTLE_MS = 250;
const POLL_MS = 500;
const RETRY_IDENTITIES_MS = 2_000;
/** Longest time without letting other work in. */
const SLICE_MS = 8;

/**
 * Cluster state from a watched directory of ordinary Kubernetes manifests. A change is applied or reported well within a second. What cannot be read keeps its last good
 * state and is listed as a problem until it is mended; a directory that disappears keeps all of it.
 */
export function createDirectorySource(options: DirectorySourceOptions): ClusterSource {
  const { clusterId } = options;
  if (!Number.isInteger(clusterId) || clusterId < 0 || clusterId > MAX_CLUSTER_ID) {
    throw new RangeError(`cluster id ${clusterId} of "${options.cluster}": expected 0 to ${MAX_CLUSTER_ID}`);
  }
  return new DirectorySource(options);
}

class DirectorySource implements ClusterSource {
  private readonly options: DirectorySourceOptions;
  private readonly tree: FileTree;
  private readonly store = new ManifestStore();
  private readonly registry: IdentityRegistry;
  private readonly view: ClusterView;
  private listener: ((changes: readonly ClusterChange[]) => void) | undefined;
  private claimProblem: SourceProblem | undefined;
  private toldProblems = '[]';
  /** The running look at the directory, if there is one. */
  private pass: Promise<void> | undefined;
  private settleTimer: NodeJS.Timeout | undefined;
  private dirtySinceMs = 0;
  private pollTimer: NodeJS.Timeout | undefined;
  private rescanAtMs = 0;
  private retryAtMs = 0;
  private closed = false;

  constructor(options: DirectorySourceOptions) {
    this.options = options;
    this.tree = new FileTree(options.dir, () => this.schedule());
    this.registry = new IdentityRegistry(options.clusterId);
    this.view = new ClusterView(options.cluster, (labels, key) => this.identityOf(labels, key));
  }

  async start(listener: (changes: readonly ClusterChange[]) => void): Promise<void> {
    if (this.listener !== undefined) throw new Error(`the source of ${this.options.dir} was started before`);
    this.listener = listener;
    this.pass = this.run(true, true);
    await this.pass;
    this.pass = undefined;
    if (this.closed) return;
    this.pollTimer = setInterval(() => this.poll(), POLL_MS);
    if (this.dirtySinceMs !== 0) this.schedule();
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.settleTimer);
    clearInterval(this.pollTimer);
    this.tree.close();
    await this.pass;
  }

  private poll(): void {
    const now = performance.now();
    const retry = now >= this.retryAtMs && this.claimProblem !== undefined;
    if (this.tree.poll() || now >= this.rescanAtMs || retry) this.schedule();
    else if (this.pass === undefined) this.tellProblems([]);
  }

  /** Looks at the directory once it has been quiet for a moment. */
  private schedule(): void {
    if (this.closed) return;
    const now = performance.now();
    if (this.dirtySinceMs === 0) this.dirtySinceMs = now;
    if (this.pass !== undefined) return; // begins anew when the running one is through
    clearTimeout(this.settleTimer);
    const waited = now - this.dirtySinceMs;
    const settleMs = Math.max(0, Math.min(this.options.settleMs ?? 40, MAX_SETTLE_MS - waited));
    this.settleTimer = setTimeout(() => {
      this.dirtySinceMs = 0;
      this.pass = this.run(performance.now() >= this.rescanAtMs).finally(() => {
        this.pass = undefined;
        if (this.dirtySinceMs !== 0) this.schedule();
      });
    }, settleMs);
  }

  private async run(everything: boolean, isFirst = false): Promise<void> {
    if (everything) this.rescanAtMs = performance.now() + (this.options.rescanMs ?? 30_000);
    const { changed, removed } = await this.tree.look(everything);
    for (const path of removed) this.store.removeFile(path);
    let sliceEnd = performance.now() + SLICE_MS;
    for (const path of changed) {
      const parsed = readManifestFile(path, this.options.readPolicies);
      if (parsed === null) this.store.removeFile(path);
      else this.store.setFile(path, parsed);
      if (performance.now() < sliceEnd) continue;
      await yieldToEvents();
      sliceEnd = performance.now() + SLICE_MS;
    }
    if (!this.closed) this.deliver(isFirst);
  }

  private deliver(isFirst: boolean): void {
    const touched = this.store.takeTouched();
    for (const [key, object] of touched) {
      const { kind, namespace, name } = splitKey(key);
      if (kind !== 'CiliumIdentity') this.view.set(kind, namespace, name, object);
      else {
        const changed = this.registry.update(name, object as IdentityManifest | undefined);
        for (const labels of changed) this.view.touchLabels(labels);
      }
    }
    if (performance.now() >= this.retryAtMs) {
      this.view.retryIdentities();
      this.retryAtMs = performance.now() + RETRY_IDENTITIES_MS;
    }
    // Endpoints are made here, when all identities that the directory has are known.
    const changes = this.view.takeChanges();
    if (this.view.withoutIdentity === 0) this.claimProblem = undefined;
    this.tellProblems(changes, isFirst);
  }

  private identityOf(labels: readonly string[], key: string): number {
    const known = this.registry.lookup(key);
    if (known !== 0 || this.options.readOnly) return known;
    const { dir, clusterId } = this.options;
    try {
      const identity = claimIdentity(dir, clusterId, labels, (number) => this.registry.has(number));
      this.registry.set(identity, key);
      return identity;
    } catch (error) {
      const { message } = error as Error;
      this.claimProblem = {
        where: dir,
        message: `cannot agree on an identity for ${labels.join(',')}: ${message}`,
      };
      return 0;
    }
  }

  private tellProblems(changes: ClusterChange[], always = false): void {
    const listed = [
      ...this.tree.problems,
      ...this.store.problems,
      ...this.registry.problems,
      ...this.view.problems,
      ...(this.claimProblem === undefined ? [] : [this.claimProblem]),
    ];
    const problems = listed.sort((a, b) => compare(a.where, b.where) || compare(a.message, b.message));
    const told = JSON.stringify(problems);
    if (told !== this.toldProblems) changes.push({ kind: 'problems', problems });
    this.toldProblems = told;
    if (changes.length > 0 || always) this.listener?.(changes);
  }
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Undoes `objectKey`; no part of a key holds a slash. */
function splitKey(key: string): { kind: ManifestObject['kind']; namespace: string; name: string } {
  const [kind, namespace, name] = key.split('/');
  return { kind: kind as ManifestObject['kind'], namespace, name };
}
