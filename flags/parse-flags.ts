import { type FlagSpec, type FlagUse, invalidValue, UsageError } from './flag-spec.ts';
import { nearest } from './nearest.ts';
import { checkValue } from './parse-value.ts';

/** A command line taken apart. */
export interface ParsedArgs {
  /** Flags in the order in which they stood. */
  readonly uses: readonly FlagUse[];
  readonly positionals: readonly string[];
  /** What was not looked at: everything from the first positional on, when asked to stop there. */
  readonly rest: readonly string[];
}

/**
 * Parses arguments as pflag does: `--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`, short flags without value in groups; `--` ends the flags. A flag that
 * takes a value takes the next argument whatever it looks like; one that takes none has a value only behind `=`. Values are checked against the flag's kind and choices.
 * Throws UsageError that names the flag.
 */
export function parseFlags(
  args: readonly string[],
  specs: readonly FlagSpec[],
  stopAtPositional = false,
): ParsedArgs {
  const uses: FlagUse[] = [];
  const positionals: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === '--') {
      positionals.push(...args.slice(i + 1));
      break;
    }
    if (arg.length > 1 && arg.startsWith('-')) {
      const parse = arg.startsWith('--') ? parseLong : parseShorts;
      if (parse(arg, args[i + 1], specs, uses)) i++;
    } else if (stopAtPositional) {
      return { uses, positionals, rest: args.slice(i) };
    } else {
      positionals.push(arg);
    }
  }
  return { uses, positionals, rest: [] };
}

/** Parses `--name`, `--name=value` or `--name value`; whether it took the next argument. */
function parseLong(
  arg: string,
  next: string | undefined,
  specs: readonly FlagSpec[],
  uses: FlagUse[],
): boolean {
  const equals = arg.indexOf('=');
  const name = equals < 0 ? arg.slice(2) : arg.slice(2, equals);
  const spec = specs.find((candidate) => candidate.name === name);
  const shown = `--${name}`;
  if (spec === undefined) throw unknownLong(name, specs);
  if (equals >= 0) uses.push(checked(spec, shown, arg.slice(equals + 1)));
  else if (takesNoValue(spec)) uses.push({ spec, text: 'true' });
  else {
    if (next === undefined) throw missingValue(spec, shown);
    uses.push(checked(spec, shown, next));
    return true;
  }
  return false;
}

/** Parses one argument of short flags; whether it took the next argument. */
function parseShorts(
  arg: string,
  next: string | undefined,
  specs: readonly FlagSpec[],
  uses: FlagUse[],
): boolean {
  for (let at = 1; at < arg.length; at++) {
    const letter = arg[at];
    const spec = specs.find(({ short }) => short === letter);
    if (spec === undefined) throw unknownShort(letter, arg, specs);
    const rest = arg.slice(at + 1);
    const shown = `-${letter}, --${spec.name}`;
    if (rest.startsWith('=')) {
      uses.push(checked(spec, shown, rest.slice(1)));
      return false;
    }
    if (takesNoValue(spec)) {
      uses.push({ spec, text: 'true' });
      continue;
    }
    if (rest === '' && next === undefined) throw missingValue(spec, shown);
    uses.push(checked(spec, shown, rest === '' ? next! : rest));
    return rest === '';
  }
  return false;
}

function takesNoValue({ kind }: FlagSpec): boolean {
  return kind === 'bool' || kind === 'switch';
}

function checked(spec: FlagSpec, shown: string, text: string): FlagUse {
  checkValue(spec.kind, shown, text);
  if (spec.choices !== undefined && !spec.choices.includes(text)) {
    throw invalidValue(shown, text, `one of ${spec.choices.join(', ')}`, nearest(text, spec.choices));
  }
  return { spec, text };
}

function missingValue(spec: FlagSpec, shown: string): UsageError {
  return new UsageError(`flag ${shown} needs a value: ${spec.value ?? 'VALUE'}`);
}

function unknownLong(name: string, specs: readonly FlagSpec[]): UsageError {
  const guess = nearest(
    name,
    specs.map((spec) => spec.name),
  );
  return new UsageError(`unknown flag: --${name}${guess === undefined ? '' : `\nDid you mean --${guess}?`}`);
}

function unknownShort(letter: string, arg: string, specs: readonly FlagSpec[]): UsageError {
  const where = arg === `-${letter}` ? '' : ` in ${arg}`;
  // One dash where two were meant: -last 5.
  const long = specs.find(({ name }) => name === arg.slice(1).split('=')[0]);
  const hint = long === undefined ? '' : `\nDid you mean --${long.name}?`;
  return new UsageError(`unknown flag: -${letter}${where}${hint}`);
}
