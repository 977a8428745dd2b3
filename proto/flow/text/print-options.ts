import type { TimeFormat } from './time-text.ts';

/** `legacy-json`: bare flows, as the first versions of Hubble printed them. */
export type OutputFormat = 'compact' | 'dict' | 'table' | 'csv' | 'json' | 'legacy-json';

/**
 * Where the policies that decided are named. `verdicts`: behind policy verdicts, as Hubble does when asked to. `always`: behind the verdict of every flow that tells them,
 * and in full on a line of their own in dict.
 */
export type PolicyNames = 'never' | 'verdicts' | 'always';

/** How responses of every kind are printed. */
export interface PrintOptions {
  readonly format: OutputFormat;
  readonly time: TimeFormat;
  /** Show the node that saw it. */
  readonly nodeName: boolean;
}

/** How flows are printed. */
export interface FlowPrintOptions extends PrintOptions {
  /** Names instead of addresses where they are known. */
  readonly names: boolean;
  readonly policyNames: PolicyNames;
  /** Colours; only the compact and dict formats have them. */
  readonly colour: boolean;
  /** Show also that nodes are connected or gone, not only trouble. */
  readonly allNodeStates: boolean;
}

/** Text for the two output streams, line breaks included, safe for a terminal. */
export interface PrintedText {
  readonly out: string;
  readonly err: string;
}

export const nothingPrinted: PrintedText = { out: '', err: '' };
