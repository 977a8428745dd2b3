import { type FlagSpec, type FlagUse } from './flags/flag-spec.ts';

/** What a command gets to run with. */
export interface Invocation {
  /** Every flag in the order of the command line, global ones included. */
  readonly uses: readonly FlagUse[];
  readonly positionals: readonly string[];
}

/** A command of the `sluice` tree. */
export interface Command {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Further paragraphs of help. */
  readonly details?: string;
  readonly examples?: string;
  readonly flags?: readonly FlagSpec[];
  readonly subcommands?: readonly Command[];
  /** Positionals beyond this many are refused; absent: ignored, as Hubble does for observe. */
  readonly maxPositionals?: number;
  /** Runs the command; returns the exit status. Throws UsageError for mistakes, anything else for failures: both are told in one line. */
  readonly run?: (invocation: Invocation) => Promise<number>;
}

/** The last text given for a flag, or undefined. */
export function lastText(uses: readonly FlagUse[], name: string): string | undefined {
  return uses.findLast(({ spec }) => spec.name === name)?.text;
}

/** Every text given for a flag, in order; those of lists are cut at commas. */
export function allTexts(uses: readonly FlagUse[], name: string): string[] {
  return uses
    .filter(({ spec }) => spec.name === name)
    .flatMap(({ spec, text }) =>
      spec.kind === 'list' ? text.split(',').filter((part) => part !== '') : [text],
    );
}
