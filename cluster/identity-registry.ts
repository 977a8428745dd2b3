import { createHash } from 'node:crypto';
import type { IdentityManifest } from './manifest/objects.ts';
import type { SourceProblem } from './model.ts';

/** Numbers below are reserved: host, world, health, well-known components (Cilium's pkg/identity). */
export const FIRST_ALLOCATED_IDENTITY = 256;
/** Bits 16 to 23 of an identity name its cluster. */
const CLUSTER_ID_SHIFT = 16;
export const MAX_CLUSTER_ID = 255;

/** The numbers a cluster may give out, both ends included. */
export function identityRange(clusterId: number): { first: number; last: number } {
  const base = clusterId << CLUSTER_ID_SHIFT;
  return { first: base + FIRST_ALLOCATED_IDENTITY, last: base + 0xffff };
}

/** A set of security labels as one text, the same for the same set. */
export function labelsKey(labels: readonly string[]): string {
  return JSON.stringify(labels);
}

/**
 * Where the search for a free number begins: the same for everyone who asks for these labels, so that claimants of one label set meet at one number, and
 * those of different sets seldom do.
 */
export function firstCandidate(labels: readonly string[], clusterId: number): number {
  const { first, last } = identityRange(clusterId);
  const digest = createHash('sha256').update(labelsKey(labels)).digest();
  return first + (digest.readUInt32BE(0) % (last - first + 1));
}

/** The identities that a cluster is known to have agreed on, found by their labels. */
export class IdentityRegistry {
  private readonly clusterId: number;
  private readonly byNumber = new Map<number, string>();
  /** Numbers of a label set, ascending. More than one only if somebody wrote identities by hand; then the lowest counts. */
  private readonly byLabels = new Map<string, readonly number[]>();
  private readonly foreign = new Map<string, SourceProblem>();

  constructor(clusterId: number) {
    this.clusterId = clusterId;
  }

  get problems(): SourceProblem[] {
    return [...this.foreign.values()];
  }

  /** The number of a label set (see `labelsKey`), 0 when none is known. */
  lookup(key: string): number {
    return this.byLabels.get(key)?.[0] ?? 0;
  }

  has(identity: number): boolean {
    return this.byNumber.has(identity);
  }

  /** Takes what a manifest says, or that it is gone. Returns the label sets whose number may be another now. */
  update(name: string, manifest: IdentityManifest | undefined): string[] {
    this.foreign.delete(name);
    if (manifest === undefined) return this.set(Number(name), undefined);
    const { first, last } = identityRange(this.clusterId);
    if (manifest.identity < first || manifest.identity > last) {
      this.foreign.set(name, {
        where: `CiliumIdentity "${name}"`,
        message: `is not of cluster ${this.clusterId}, whose identities are ${first} to ${last}: not used`,
      });
      return this.set(manifest.identity, undefined);
    }
    return this.set(manifest.identity, labelsKey(manifest.labels));
  }

  /** Records a number's label set; undefined takes the number out. */
  set(identity: number, key: string | undefined): string[] {
    const old = this.byNumber.get(identity);
    if (old === key) return [];
    if (old !== undefined) {
      const left = this.byLabels.get(old)!.filter((number) => number !== identity);
      if (left.length === 0) this.byLabels.delete(old);
      else this.byLabels.set(old, left);
      this.byNumber.delete(identity);
    }
    if (key !== undefined) {
      const numbers = [...(this.byLabels.get(key) ?? []), identity].sort((a, b) => a - b);
      this.byLabels.set(key, numbers);
      this.byNumber.set(identity, key);
    }
    return [old, key].filter((changed) => changed !== undefined);
  }
}
