import type { FlagSpec, FlagUse } from '../flags/flag-spec.ts';

/** What a command gets to run with. */
export interface Invocation {
  /** Every flag in the order of the command line, those of the server included. */
  readonly uses: readonly FlagUse[];
  readonly positionals: readonly string[];
}

/** Things that a help page explains one by one. */
export interface HelpList {
  readonly heading: string;
  readonly rows: readonly (readonly [name: string, help: string])[];
}

/**
 * A command of the `sluice` tree: its name, help and flags. It is kept apart from its work, which `run` imports when it is needed, so that help and mistakes are told
 * without loading anything else.
 */
export interface Command {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** Left out of lists of commands. */
  readonly isHidden?: boolean;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Further paragraphs of help. */
  readonly details?: string;
  /** Lists that help shows behind the details, in two columns. */
  readonly lists?: readonly HelpList[];
  readonly examples?: string;
  /** What the exit status tells, where it is not the usual: 0 for success, 1 for any error. */
  readonly exitStatus?: string;
  /** Names of the positional arguments in the usage line. */
  readonly positionals?: string;
  /** What the first positional may be, for shells that complete it. */
  readonly positionalChoices?: readonly string[];
  /** Positionals beyond this many are refused; absent: ignored, as Hubble does for observe. */
  readonly maxPositionals?: number;
  readonly flags?: readonly FlagSpec[];
  readonly subcommands?: readonly Command[];
  /** Runs the command; resolves to the exit status. Throws UsageError for mistakes, anything else for failures. */
  readonly run?: (invocation: Invocation) => Promise<number>;
}

/** A command as the list of all commands has it: one line, and how to get the rest. */
export interface CommandEntry {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly isHidden?: boolean;
  readonly summary: string;
  /** Whether it speaks to a server, and so takes the flags for that. */
  readonly isClient: boolean;
  /** Whether it takes those flags and has no use for them: Hubble's command of that name does. */
  readonly ignoresServerFlags?: boolean;
  readonly load: () => Promise<Command>;
}
