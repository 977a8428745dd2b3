import type { Field } from '../../cluster/manifest/field.ts';
import { parseGoDuration } from '../../proto/flow/text/go-duration.ts';

const units: Readonly<Record<string, number>> = {
  '': 1,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
  k: 1000,
  M: 1000 ** 2,
  G: 1000 ** 3,
  T: 1000 ** 4,
};

/** Bytes that a text such as `64Mi`, `1.5G` or `4096` stands for (the suffixes of Kubernetes), or null when it is none. */
export function parseByteQuantity(text: string): number | null {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)(|[KMGT]i|[kMGT])$/.exec(text);
  if (match === null) return null;
  const bytes = Number(match[1]) * units[match[2]];
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** A size in bytes within bounds: a whole number, or a text with a suffix. */
export function readBytes(field: Field, fallback: number, min: number, max: number): number {
  if (field.value === undefined) return fallback;
  const bytes = typeof field.value === 'string' ? parseByteQuantity(field.value) : field.value;
  if (Number.isSafeInteger(bytes) && (bytes as number) >= min && (bytes as number) <= max) {
    return bytes as number;
  }
  field.refuse(`a size from ${min} to ${max} bytes, such as 64Mi`);
  return fallback;
}

/** A duration in ms within bounds, written as in Go. */
export function readDurationMs(field: Field, fallback: number, min: number, max: number): number {
  const expected = `a duration from ${min} ms to ${max} ms, such as 10s or 1h30m`;
  const ms = field.parsed((text) => {
    const ns = parseGoDuration(text);
    if (ns === null) return null;
    const value = Number(ns / 1_000_000n);
    return value >= min && value <= max ? value : null;
  }, expected);
  return ms ?? fallback;
}

/** One of some words. */
export function readChoice<T extends string>(field: Field, choices: readonly T[], fallback: T): T {
  const find = (text: string): T | null => choices.find((choice) => choice === text) ?? null;
  return field.parsed(find, `one of ${choices.join(', ')}`) ?? fallback;
}
