import { X509Certificate } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { stampOf } from './tls-files.ts';

/** Something wrong with certificates, for people. */
export interface TlsProblem {
  /** The file. */
  readonly where: string;
  readonly message: string;
  /** Time of day. */
  readonly sinceMs: number;
}

const DAY_MS = 86_400_000;
/** A certificate is told as ending soon when less than this is left, and less than a tenth of its life. */
const SOON_MS = 7 * DAY_MS;

/**
 * Certificate files that are replaced while they are in use. They are looked at, not watched: a look at each connection misses no change, as a watch on mounted
 * secrets would. Files that do not work (half of a pair replaced so far) leave the last ones that did in use.
 */
export class FollowedFiles {
  private readonly paths: readonly string[];
  private readonly certFile: string | undefined;
  private readonly load: () => SecureContextOptions;
  private readonly onFault: (message: string) => void;
  private stamp: string;
  private loaded: SecureContextOptions;
  private lifetime: { readonly startMs: number; readonly endMs: number } | null;
  private fault: { readonly words: string; readonly sinceMs: number } | null = null;
  private changes = 0;

  /**
   * Throws what `load` throws: without files that work there is nothing to keep.
   * @param certFile the one of the paths whose end is watched
   * @param onFault told once for each change that does not work
   */
  constructor(
    paths: readonly (string | undefined)[],
    certFile: string | undefined,
    load: () => SecureContextOptions,
    onFault: (message: string) => void,
  ) {
    this.paths = paths.filter((path) => path !== undefined);
    this.certFile = certFile;
    this.load = load;
    this.onFault = onFault;
    this.stamp = stampOf(this.paths);
    this.loaded = load();
    this.lifetime = lifetimeOf(this.loaded);
  }

  /** What the files last held that works. */
  get current(): SecureContextOptions {
    this.refresh();
    return this.loaded;
  }

  /** Grows whenever `current` changes. */
  get generation(): number {
    this.refresh();
    return this.changes;
  }

  /** What is wrong now: files that cannot be used, a certificate that has ended or ends soon. */
  problems(nowMs: number): TlsProblem[] {
    this.refresh();
    const problems: TlsProblem[] = [];
    const where = this.certFile ?? this.paths[0] ?? 'TLS files';
    if (this.fault !== null) {
      problems.push({ where, message: keeping(this.fault.words), sinceMs: this.fault.sinceMs });
    }
    const end = this.lifetime === null ? null : endProblem(this.lifetime, nowMs);
    if (end !== null) {
      problems.push({ where, message: `the certificate in use ${end.words}`, sinceMs: end.sinceMs });
    }
    return problems;
  }

  private refresh(): void {
    const stamp = stampOf(this.paths);
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    try {
      this.loaded = this.load();
      this.lifetime = lifetimeOf(this.loaded);
      this.fault = null;
      this.changes++;
    } catch (error) {
      this.fault = { words: (error as Error).message, sinceMs: Date.now() };
      this.onFault(keeping(this.fault.words));
    }
  }
}

const keeping = (fault: string): string => `keeping the previous certificate: ${fault}`;

interface Lifetime {
  readonly startMs: number;
  readonly endMs: number;
}

function lifetimeOf({ cert }: SecureContextOptions): Lifetime | null {
  if (!Buffer.isBuffer(cert)) return null;
  const { validFromDate, validToDate } = new X509Certificate(cert);
  return { startMs: validFromDate.getTime(), endMs: validToDate.getTime() };
}

function endProblem({ startMs, endMs }: Lifetime, nowMs: number): { words: string; sinceMs: number } | null {
  const text = (ms: number): string => new Date(ms).toISOString();
  if (nowMs < startMs) return { words: `is not valid until ${text(startMs)}`, sinceMs: nowMs };
  if (nowMs >= endMs) return { words: `has expired at ${text(endMs)}`, sinceMs: endMs };
  const soonMs = endMs - Math.min(SOON_MS, (endMs - startMs) / 10);
  return nowMs < soonMs ? null : { words: `expires at ${text(endMs)}`, sinceMs: soonMs };
}
