import { type FlagSpec, type FlagUse, UsageError } from './flag-spec.ts';
import { parseBool } from './parse-value.ts';
import { nearest } from './nearest.ts';

/** A command line taken apart: flags in order, and what is left. */
export interface ParsedArgs {
  readonly uses: readonly FlagUse[];
  readonly positionals: readonly string[];
}

function takesNoValue(spec: FlagSpec): boolean {
  return spec.kind === 'bool' || spec.kind === 'switch';
}

/**
 * Parses arguments as pflag does: `--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`, short flags without value in groups, `--` ends the flags. A flag that
 * takes a value takes the next argument whatever it looks like; one that takes none has a value only behind `=`. Throws UsageError.
 * @param stopAtPositional leave everything from the first positional on alone
 */
export function parseFlags(
  args: readonly string[],
  specs: readonly FlagSpec[],
  stopAtPositional = false,
): ParsedArgs & { readonly rest: readonly string[] } {
  const uses: FlagUse[] = [];
  const positionals: string[] = [];
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const byShort = new Map(specs.flatMap((spec) => (spec.short === undefined ? [] : [[spec.short, spec]])));
  const use = (spec: FlagSpec, shown: string, text: string): void => {
    if (spec.kind === 'bool') parseBool(shown, text);
    if (spec.choices !== undefined && !spec.choices.includes(text)) {
      throw new UsageError(
        `invalid value "${text}" for ${shown}: expected one of ${spec.choices.join(', ')}`,
      );
    }
    uses.push({ spec, text });
  };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === '--') {
      positionals.push(...args.slice(i + 1));
      break;
    }
    if (arg.startsWith('--')) {
      const equals = arg.indexOf('=');
      const name = equals < 0 ? arg.slice(2) : arg.slice(2, equals);
      const spec = byName.get(name);
      if (spec === undefined) throw unknownFlag(`--${name}`, specs);
      if (equals >= 0) use(spec, `--${name}`, arg.slice(equals + 1));
      else if (takesNoValue(spec)) use(spec, `--${name}`, 'true');
      else if (i + 1 < args.length) use(spec, `--${name}`, args[++i]);
      else throw new UsageError(`flag --${name} needs a value: ${spec.value ?? 'VALUE'}`);
      continue;
    }
    if (arg.startsWith('-') && arg.length > 1) {
      i += parseShorts(arg, args[i + 1], byShort, specs, use);
      continue;
    }
    if (stopAtPositional) return { uses, positionals, rest: args.slice(i) };
    positionals.push(arg);
  }
  return { uses, positionals, rest: [] };
}

/** Parses one argument of short flags; returns how many further arguments it took. */
function parseShorts(
  arg: string,
  next: string | undefined,
  byShort: ReadonlyMap<string, FlagSpec>,
  specs: readonly FlagSpec[],
  use: (spec: FlagSpec, shown: string, text: string) => void,
): number {
  for (let at = 1; at < arg.length; at++) {
    const letter = arg[at];
    const spec = byShort.get(letter);
    if (spec === undefined) throw unknownFlag(`-${letter}`, specs, arg);
    const rest = arg.slice(at + 1);
    const shown = `-${letter}, --${spec.name}`;
    if (rest.startsWith('=')) {
      use(spec, shown, rest.slice(1));
      return 0;
    }
    if (takesNoValue(spec)) {
      use(spec, shown, 'true');
      continue;
    }
    if (rest !== '') {
      use(spec, shown, rest);
      return 0;
    }
    if (next === undefined) throw new UsageError(`flag ${shown} needs a value: ${spec.value ?? 'VALUE'}`);
    use(spec, shown, next);
    return 1;
  }
  return 0;
}

function unknownFlag(shown: string, specs: readonly FlagSpec[], whole = shown): UsageError {
  const guess = shown.startsWith('--')
    ? nearest(
        shown.slice(2),
        specs.map((spec) => spec.name),
      )
    : undefined;
  const inArgument = whole === shown ? '' : ` in ${whole}`;
  return new UsageError(
    `unknown flag: ${shown}${inArgument}${guess === undefined ? '' : `\nDid you mean --${guess}?`}`,
  );
}
