/**
 * What a flag takes. `switch` flags are filters without a value, whose place in the command line matters; a value given to one with `=` is accepted and ignored, as in
 * Hubble. `list`: commas separate, and the flag may be given again.
 */
export type FlagKind = 'bool' | 'switch' | 'string' | 'list' | 'uint' | 'uint16' | 'duration';

/** A flag of a command. */
export interface FlagSpec {
  /** Without dashes. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  readonly kind: FlagKind;
  /** What the value is called in help, such as `PORT`. */
  readonly value?: string;
  /** Effect, and what else matters. */
  readonly help: string;
  /** Heading under which help shows it. */
  readonly group?: string;
  readonly default?: string;
  /** The only values allowed. */
  readonly choices?: readonly string[];
  /** Values worth offering when a shell completes; `choices` are anyway. */
  readonly suggestions?: readonly string[];
}

/** A flag as it stood on the command line. */
export interface FlagUse {
  readonly spec: FlagSpec;
  /** Text of the value; that of a bool without one is `true`. */
  readonly text: string;
}

/** A mistake of whoever typed the command; told without a stack, and with where to read more. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** The command whose help tells more, such as `sluice observe`; set by the dispatcher. */
  helpPath: string | undefined = undefined;
}

/** The error for a value that a flag or setting does not take. */
export function invalidValue(flag: string, text: string, expected: string, guess?: string): UsageError {
  const hint = guess === undefined ? '' : `\nDid you mean ${guess}?`;
  return new UsageError(`invalid value "${text}" for ${flag}: expected ${expected}${hint}`);
}

/** The last text given for a flag, or undefined. */
export function lastText(uses: readonly FlagUse[], name: string): string | undefined {
  return uses.findLast(({ spec }) => spec.name === name)?.text;
}

/** Every text given for a flag, in order; those of lists are cut at commas. */
export function allTexts(uses: readonly FlagUse[], name: string): string[] {
  return uses
    .filter(({ spec }) => spec.name === name)
    .flatMap(({ spec, text }) => (spec.kind === 'list' ? splitList(text) : [text]));
}

/** Elements of a list's text. */
export function splitList(text: string): string[] {
  return text === '' ? [] : text.split(',');
}
