import type { SourceCounts } from './frame-sorter.ts';

/** `connecting`: not connected, or asked and no answer yet; `following`: flows come, or would if there were any. */
export type SourceState =
  | { readonly name: 'connecting'; readonly reason: string }
  | { readonly name: 'following'; readonly sinceMs: number };

/** Where flows come from: it fills the spool. */
export interface Source {
  /** For people: what is followed. */
  readonly name: string;
  readonly counts: Readonly<SourceCounts>;
  /** Breaks of the stream. */
  readonly breaks: number;
  /** Resumed streams of which nothing was known although something should have been: what lay between may be gone from the source. */
  readonly gaps: number;
  readonly state: SourceState;
  /** Counts on from those of the source that this one replaces. Before `run`. */
  goOnFrom(before: Source): void;
  /** Runs until `signal` aborts. Throws Error when going on makes no sense. */
  run(signal: AbortSignal): Promise<void>;
}
