import { type FlagUse, invalidValue, lastText } from '../../flags/flag-spec.ts';
import { parseBool, parseDurationMs, parseUint } from '../../flags/parse-value.ts';

/** Bounds of a number, both included. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Reads a whole number. Throws UsageError that names the flag and the range. */
export function uintFlag(
  uses: readonly FlagUse[],
  name: string,
  fallback: number,
  { min, max }: Range,
): number {
  const text = lastText(uses, name);
  if (text === undefined) return fallback;
  const value = parseUint(`--${name}`, text);
  if (value < min || value > max) {
    throw invalidValue(`--${name}`, text, `a whole number from ${min} to ${max}`);
  }
  return Number(value);
}

/** Reads a duration into milliseconds. Throws UsageError that names the flag and the shortest one allowed. */
export function durationFlag(
  uses: readonly FlagUse[],
  name: string,
  fallbackMs: number,
  minMs: number,
): number {
  const text = lastText(uses, name);
  if (text === undefined) return fallbackMs;
  const ms = parseDurationMs(`--${name}`, text);
  if (ms < minMs) throw invalidValue(`--${name}`, text, `${minMs}ms or more`);
  return ms;
}

/** Reads a bool. */
export function boolFlag(uses: readonly FlagUse[], name: string, fallback = false): boolean {
  const text = lastText(uses, name);
  return text === undefined ? fallback : parseBool(`--${name}`, text);
}
