/** What a flag takes. `switch` flags are order-sensitive filters without a value; a value given to one with `=` is accepted and ignored, as in Hubble. */
export type FlagKind = 'bool' | 'switch' | 'string' | 'list' | 'uint' | 'duration';

/** A flag of a command. */
export interface FlagSpec {
  /** Without dashes. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  readonly kind: FlagKind;
  /** What the value is called in help, such as `PORT`. */
  readonly value?: string;
  /** One line: effect, default, what else matters. */
  readonly help: string;
  /** Heading under which help shows it. */
  readonly group?: string;
  readonly default?: string;
  /** The only values allowed. */
  readonly choices?: readonly string[];
}

/** A flag as it stood on the command line. */
export interface FlagUse {
  readonly spec: FlagSpec;
  /** Text of the value; for bools `true` or `false`. */
  readonly text: string;
}

/** A mistake of whoever typed the command; told in one line, without a stack. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
