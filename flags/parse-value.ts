import { parseGoDuration } from '../proto/flow/text/go-duration.ts';
import { type FlagKind, invalidValue } from './flag-spec.ts';

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

/** Reads a boolean as Go's strconv does. Throws UsageError naming the flag. */
export function parseBool(flag: string, text: string): boolean {
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  throw invalidValue(flag, text, 'true or false');
}

const MAX_UINT64 = 2n ** 64n - 1n;

/** Digits in groups; `_` may stand between two of them. */
const forms: readonly (readonly [pattern: RegExp, prefix: string])[] = [
  [/^0[xX]_?([0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)$/, '0x'],
  [/^0[bB]_?([01]+(?:_[01]+)*)$/, '0b'],
  [/^0[oO]_?([0-7]+(?:_[0-7]+)*)$/, '0o'],
  [/^0_?([0-7]+(?:_[0-7]+)*)$/, '0o'],
  [/^(0|[1-9][0-9]*(?:_[0-9]+)*)$/, ''],
];

/** The number of a Go literal: decimal, 0x, 0o, 0b, or octal with a leading 0; null for anything else. */
export function goUint(text: string): bigint | null {
  for (const [pattern, prefix] of forms) {
    const digits = pattern.exec(text)?.[1];
    if (digits !== undefined) return BigInt(prefix + digits.replaceAll('_', ''));
  }
  return null;
}

/** Reads an unsigned number as Go literals are written. Throws UsageError naming flag and range. */
export function parseUint(flag: string, text: string, max: bigint = MAX_UINT64): bigint {
  const value = goUint(text);
  if (value === null || value > max) throw invalidValue(flag, text, `a whole number from 0 to ${max}`);
  return value;
}

/** Reads a Go duration into milliseconds. Throws UsageError. */
export function parseDurationMs(flag: string, text: string): number {
  const ns = parseGoDuration(text);
  if (ns === null) throw invalidValue(flag, text, 'a duration such as 30s, 5m or 1h30m');
  return Number(ns) / 1e6;
}

/** Throws UsageError when a text is no value of a kind. */
export function checkValue(kind: FlagKind, flag: string, text: string): void {
  switch (kind) {
    case 'bool':
      parseBool(flag, text);
      return;
    case 'uint':
      parseUint(flag, text);
      return;
    case 'uint16':
      parseUint(flag, text, 65_535n);
      return;
    case 'duration':
      parseDurationMs(flag, text);
      return;
    case 'switch':
    case 'string':
    case 'list':
      return;
  }
}
