import { parseGoDuration } from './go-duration.ts';
import { UsageError } from './flag-spec.ts';

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

/** Reads a boolean as Go's strconv does. Throws UsageError naming the flag. */
export function parseBool(flag: string, text: string): boolean {
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  throw new UsageError(`invalid value "${text}" for ${flag}: expected true or false`);
}

const MAX_UINT64 = 2n ** 64n - 1n;

/** Reads an unsigned number: decimal, 0x, 0o, 0b, or octal with a leading 0; `_` may stand between digits. Throws UsageError. */
export function parseUint(flag: string, text: string, max: bigint = MAX_UINT64): bigint {
  const plain = /^(0[xX]_?|0[oO]_?|0[bB]_?)?[0-9a-fA-F]+(_[0-9a-fA-F]+)*$/.test(text)
    ? text.replaceAll('_', '')
    : '';
  const octal = /^0[0-7]+$/.test(plain);
  const wrongOctal = /^0\d/.test(plain) && !octal;
  let value: bigint | undefined;
  try {
    if (plain !== '' && !wrongOctal) value = BigInt(octal ? `0o${plain.slice(1)}` : plain);
  } catch {
    value = undefined; // letters behind a decimal, digits that the base does not have
  }
  if (value === undefined || value > max) {
    throw new UsageError(`invalid value "${text}" for ${flag}: expected a whole number from 0 to ${max}`);
  }
  return value;
}

/** Reads a Go duration into milliseconds. Throws UsageError. */
export function parseDurationMs(flag: string, text: string): number {
  const ns = parseGoDuration(text);
  if (ns === null) {
    throw new UsageError(`invalid value "${text}" for ${flag}: expected a duration such as 30s, 5m or 1h30m`);
  }
  return ns / 1e6;
}
