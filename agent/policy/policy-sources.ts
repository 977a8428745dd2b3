import type { PolicyReader, SourceProblem } from '../../cluster/index.ts';
import type { FieldPath, RawDocument } from '../../cluster/manifest/text.ts';
import { parsePolicyDocuments, type Policy, policyKey, type PolicyProblem } from '../../policy/index.ts';
import { rulePlaces } from './rule-places.ts';

/** First and last line, from 1. */
export interface Lines {
  readonly first: number;
  readonly last: number;
}

/** A policy's manifest as it was read. */
export interface PolicySource {
  readonly file: string;
  /** Null when it is not kept: see `MAX_MANIFEST_BYTES`. */
  readonly manifest: string | null;
  /** Line of the file at which it begins. */
  readonly line: number;
  /** Lines of the file, by path of the rule. */
  readonly rules: ReadonlyMap<string, Lines>;
}

/** What is wrong with a policy's manifest, or worth a remark. */
export interface ManifestRemark extends PolicyProblem {
  readonly isNote: boolean;
}

/** Manifests kept of all policies; of those beyond it only the lines are known. */
const MAX_MANIFEST_BYTES = 32 * 1024 * 1024;

const NOWHERE: PolicySource = { file: '', manifest: null, line: 0, rules: new Map() };

/**
 * Reads the policies of manifest files for a source of cluster state, and remembers where each of them stands. What it yields as policies are `Policy` objects.
 */
export class PolicySources {
  private readonly maxBytes: number;
  private readonly files = new Map<string, Map<string, PolicySource>>();
  private readonly fileOf = new WeakMap<Policy, string>();
  /** By what the source of cluster state makes of them. */
  private readonly remarks = new Map<string, ManifestRemark>();
  private bytes = 0;

  /** @param maxBytes of manifests that are kept */
  constructor(maxBytes: number = MAX_MANIFEST_BYTES) {
    this.maxBytes = maxBytes;
  }

  readonly read: PolicyReader = (documents, file) => {
    this.forgetFile(file);
    const found = new Map<string, PolicySource>();
    const { policies, problems, notes } = parsePolicyDocuments(documents, file, (policy, document, path) => {
      const key = policyKey(policy);
      this.fileOf.set(policy, file);
      if (!found.has(key)) found.set(key, this.sourceOf(file, policy, document, path));
    });
    if (found.size > 0) this.files.set(file, found);
    return {
      policies,
      problems: problems.map((problem) => this.remember(problem, false)),
      notes: notes.map((note) => this.remember(note, true)),
    };
  };

  /** Where a policy stands, by the last look at its file. */
  of(policy: Policy): PolicySource {
    const key = policyKey(policy);
    const file = this.fileOf.get(policy) ?? '';
    const source = this.files.get(file)?.get(key);
    if (source !== undefined) return source;
    // It was moved to another file as it was, which changes nothing about it.
    for (const sources of this.files.values()) {
      const moved = sources.get(key);
      if (moved !== undefined) return moved;
    }
    return { ...NOWHERE, file };
  }

  /** Takes all problems that there are now, of whatever kind; returns those of policies. */
  remarksAmong(problems: readonly SourceProblem[]): ManifestRemark[] {
    const keys = problems.map(keyOf);
    const known = new Set(keys);
    for (const key of this.remarks.keys()) if (!known.has(key)) this.remarks.delete(key);
    return keys.flatMap((key) => this.remarks.get(key) ?? []);
  }

  /** A policy is gone: what its file said of it is not needed any more. */
  forget(policy: Policy): void {
    const file = this.fileOf.get(policy);
    const sources = file === undefined ? undefined : this.files.get(file);
    const source = sources?.get(policyKey(policy));
    if (file === undefined || sources === undefined || source === undefined) return;
    this.bytes -= source.manifest?.length ?? 0;
    sources.delete(policyKey(policy));
    if (sources.size === 0) this.files.delete(file);
  }

  private forgetFile(file: string): void {
    for (const { manifest } of this.files.get(file)?.values() ?? []) this.bytes -= manifest?.length ?? 0;
    this.files.delete(file);
  }

  private sourceOf(file: string, policy: Policy, document: RawDocument, path: FieldPath): PolicySource {
    const lines = linesOf(document, path);
    const object = path.reduce<unknown>(
      (value, step) => (value as Record<string | number, unknown>)[step],
      document.value,
    );
    const rules = new Map<string, Lines>();
    for (const { path: name, steps } of rulePlaces(policy, object)) {
      const place = linesOf(document, [...path, ...steps]);
      if (place !== null) rules.set(name, { first: place.firstLine, last: place.lastLine });
    }
    const isKept = lines !== null && this.bytes + lines.text.length <= this.maxBytes;
    if (isKept) this.bytes += lines.text.length;
    return { file, manifest: isKept ? lines.text : null, line: lines?.firstLine ?? 0, rules };
  }

  private remember(problem: PolicyProblem, isNote: boolean): SourceProblem {
    const { file, line, column, object, message } = problem;
    const told = {
      where: `${file}:${line}:${column}`,
      message: object === '' ? message : `${object} ${message}`,
    };
    this.remarks.set(keyOf(told), { ...problem, isNote });
    return told;
  }
}

function keyOf({ where, message }: SourceProblem): string {
  return `${where} ${message}`;
}

/** Null where nobody can say: something else in the document is nested without end. */
function linesOf(document: RawDocument, path: FieldPath): ReturnType<RawDocument['source']> {
  try {
    return document.source(path);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
