import type { FieldPath } from './text.ts';

/** Takes a problem with the field at `path`; the message begins with the field's name. */
export type ReportField = (path: FieldPath, message: string) => void;

const MAX_LIST_ITEMS = 10_000;
const MAX_MAP_ENTRIES = 1_000;

/**
 * A value somewhere in a manifest, read with its type checked. What is absent (or null, as Kubernetes treats it) reads as undefined or empty; what has another type than
 * expected is reported and reads like absent, so that one pass finds every problem.
 */
export class Field {
  readonly value: unknown;
  readonly path: FieldPath;
  private readonly report: ReportField;

  constructor(value: unknown, path: FieldPath, report: ReportField) {
    this.value = value ?? undefined;
    this.path = path;
    this.report = report;
  }

  /** A member of this mapping. */
  get(key: string): Field {
    const object = this.mapping();
    const value = object !== undefined && Object.hasOwn(object, key) ? object[key] : undefined;
    return new Field(value, [...this.path, key], this.report);
  }

  /** The entries of this list, none when absent. */
  items(): Field[] {
    if (this.value === undefined) return [];
    if (!Array.isArray(this.value)) {
      this.refuse('a list');
      return [];
    }
    if (this.value.length > MAX_LIST_ITEMS) {
      this.problem(`has ${this.value.length} entries: expected at most ${MAX_LIST_ITEMS}`);
      return [];
    }
    return this.value.map((item: unknown, i) => new Field(item, [...this.path, i], this.report));
  }

  string(): string | undefined {
    if (this.value === undefined || typeof this.value === 'string') return this.value;
    const { value } = this;
    const quotable = typeof value === 'number' || typeof value === 'boolean';
    this.refuse(quotable ? `a string (in quotes: "${value}")` : 'a string');
    return undefined;
  }

  /** A string that has to be there and not be empty. */
  requiredString(): string {
    const text = this.string();
    if (text === '' || this.value === undefined) this.problem('is missing: expected a string');
    return text ?? '';
  }

  boolean(): boolean | undefined {
    if (this.value === undefined || typeof this.value === 'boolean') return this.value;
    this.refuse('true or false');
    return undefined;
  }

  integer(min: number, max: number): number | undefined {
    if (this.value === undefined) return undefined;
    const number = this.value as number;
    if (Number.isInteger(this.value) && number >= min && number <= max) return number;
    this.refuse(`a whole number from ${min} to ${max}`);
    return undefined;
  }

  /** A mapping of strings to strings, such as labels. */
  stringMap(): Record<string, string> {
    const entries = Object.entries(this.mapping() ?? {});
    if (entries.length > MAX_MAP_ENTRIES) {
      this.problem(`has ${entries.length} entries: expected at most ${MAX_MAP_ENTRIES}`);
      return {};
    }
    return Object.fromEntries(entries.map(([key]) => [key, this.get(key).string() ?? '']));
  }

  /** Reads the text with `parse`; reports it as not being `expected` when that returns null. Undefined when absent. */
  parsed<T>(parse: (text: string) => T | null, expected: string): T | undefined {
    const text = this.string();
    if (text === undefined || text === '') return undefined;
    const result = parse(text);
    if (result !== null) return result;
    this.refuse(expected);
    return undefined;
  }

  /** Reports that this value is not what it should be. */
  refuse(expected: string): void {
    this.problem(`is ${describeValue(this.value)}: expected ${expected}`);
  }

  private problem(what: string): void {
    this.report(this.path, `${formatPath(this.path)} ${what}`);
  }

  private mapping(): Record<string, unknown> | undefined {
    if (this.value === undefined) return undefined;
    if (typeof this.value === 'object' && !Array.isArray(this.value)) {
      return this.value as Record<string, unknown>;
    }
    this.refuse('a mapping');
    return undefined;
  }
}

/** `status.podIPs[0].ip`; a key that holds dots stands in brackets: `metadata.labels["app.kubernetes.io/name"]`. */
export function formatPath(path: FieldPath): string {
  if (path.length === 0) return 'the document';
  const text = path
    .map((step) => {
      if (typeof step === 'number') return `[${step}]`;
      return /^[\w-]+$/.test(step) ? `.${step}` : `[${JSON.stringify(step.slice(0, 100))}]`;
    })
    .join('');
  return text.replace(/^\./, '');
}

/** A value as messages quote it: short, whatever it is. */
export function describeValue(value: unknown): string {
  if (value === undefined || value === null) return 'absent';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'number' || typeof value === 'boolean') return `the ${typeof value} ${value}`;
  if (typeof value !== 'string') return 'a mapping';
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 79)}…` : value);
}
