import { decodeText } from '../decode-text.ts';
import type { FieldPath } from '../field-path.ts';
import type { FlowIndex, TextMatch } from '../flow-index.ts';
import { parseCidr, rangeContains } from '../ip.ts';
import { FilterError } from './filter-error.ts';
import {
  type LabelRequirement,
  LabelSelectorError,
  parseInt64,
  parseLabelSelector,
} from './label-selector.ts';
import { compileExactMatch, equalsText } from './text-match.ts';

const utf8 = new TextEncoder();

const COLON = 0x3a;
const EQUALS = 0x3d;
const DOLLAR = 0x24;

const RESERVED = utf8.encode('reserved');
const UNSPECIFIED = utf8.encode('unspec');

/** Where the parts of a label stand. The source may stand in other bytes than the rest. */
interface LabelPlaces {
  bytes: Uint8Array;
  sourceBytes: Uint8Array;
  sourceStart: number;
  sourceEnd: number;
  keyStart: number;
  keyEnd: number;
  valueStart: number;
  valueEnd: number;
}

/** The last label that was read. */
const label: LabelPlaces = {
  bytes: UNSPECIFIED,
  sourceBytes: UNSPECIFIED,
  sourceStart: 0,
  sourceEnd: 0,
  keyStart: 0,
  keyEnd: 0,
  valueStart: 0,
  valueEnd: 0,
};

function indexOfByte(bytes: Uint8Array, start: number, end: number, byte: number): number {
  for (let i = start; i < end; i++) if (bytes[i] === byte) return i;
  return -1;
}

function setSource(bytes: Uint8Array, start: number, end: number): void {
  label.sourceBytes = bytes;
  label.sourceStart = start;
  label.sourceEnd = end;
}

/**
 * Takes `source:key=value` apart: the source ends at the first colon, the key at the first `=` behind it. Without a source it is `unspec`; `$key` is short for
 * `reserved:key`; a `=` right behind `reserved:` belongs to neither key nor value.
 */
function readLabel(bytes: Uint8Array, start: number, end: number): void {
  label.bytes = bytes;
  let keyStart = start;
  if (start < end && bytes[start] === DOLLAR) {
    setSource(RESERVED, 0, RESERVED.length);
    keyStart = start + 1;
  } else {
    const colon = indexOfByte(bytes, start, end, COLON);
    if (colon > start) setSource(bytes, start, colon);
    else setSource(UNSPECIFIED, 0, UNSPECIFIED.length);
    if (colon >= 0) keyStart = colon + 1;
  }
  const equals = indexOfByte(bytes, keyStart, end, EQUALS);
  label.keyStart = keyStart;
  label.keyEnd = equals < 0 ? end : equals;
  label.valueStart = equals < 0 ? end : equals + 1;
  label.valueEnd = end;
  if (equals === keyStart && equalsText(label.sourceBytes, label.sourceStart, label.sourceEnd, RESERVED)) {
    label.keyStart = equals + 1;
    label.keyEnd = end;
    label.valueStart = end;
  }
}

/** Finds the label that a requirement speaks of and leaves it in `label`. False when there is none. */
type LabelFinder = (index: FlowIndex) => boolean;

function hasSource(source: Uint8Array): boolean {
  return equalsText(label.sourceBytes, label.sourceStart, label.sourceEnd, source);
}

function compileFinder(path: FieldPath, { source, key }: LabelRequirement): LabelFinder {
  if (source === 'cidr') return compileRangeFinder(path, key);
  const wantedKey = utf8.encode(key);
  const wantedSource = source === 'any' ? null : utf8.encode(source);
  const matches: TextMatch = (bytes, start, end) => {
    readLabel(bytes, start, end);
    return (
      equalsText(bytes, label.keyStart, label.keyEnd, wantedKey) &&
      (wantedSource === null || hasSource(wantedSource))
    );
  };
  return (index) => index.someText(path, matches);
}

/** In keys, IPv6 ranges have `-` for `:`. */
const parseRangeKey = (key: string): ReturnType<typeof parseCidr> => parseCidr(key.replaceAll('-', ':'));

/** A `cidr:` key stands for every label that is a range inside its own; the first in the order of keys counts. */
function compileRangeFinder(path: FieldPath, key: string): LabelFinder {
  const outer = parseRangeKey(key);
  if (outer === null) return () => false;
  const cidr = utf8.encode('cidr');
  let first: { key: string; label: LabelPlaces } | null = null;
  const keepFirst: TextMatch = (bytes, start, end) => {
    readLabel(bytes, start, end);
    if (!hasSource(cidr)) return false;
    const text = decodeText(bytes, label.keyStart, label.keyEnd);
    const inner = parseRangeKey(text);
    const isInside = inner !== null && inner.bits >= outer.bits && rangeContains(outer, inner.bytes);
    if (isInside && (first === null || text < first.key)) first = { key: text, label: { ...label } };
    return false;
  };
  return (index) => {
    first = null;
    index.someText(path, keepFirst);
    if (first === null) return false;
    Object.assign(label, (first as { label: LabelPlaces }).label);
    return true;
  };
}

function compileRequirement(path: FieldPath, requirement: LabelRequirement): LabelFinder {
  const find = compileFinder(path, requirement);
  const { operator, values } = requirement;
  switch (operator) {
    case 'exists':
      return find;
    case 'absent':
      return (index) => !find(index);
    case 'in': {
      const matches = compileExactMatch(values);
      return (index) => find(index) && matches(label.bytes, label.valueStart, label.valueEnd);
    }
    case 'notin': {
      const matches = compileExactMatch(values);
      return (index) => !find(index) || !matches(label.bytes, label.valueStart, label.valueEnd);
    }
    default:
      return compileComparison(find, operator, parseInt64(values[0]) ?? 0n);
  }
}

/** Compares as integers; a label whose value is none never matches. */
function compileComparison(find: LabelFinder, operator: 'greater' | 'less', operand: bigint): LabelFinder {
  return (index) => {
    if (!find(index)) return false;
    const value = parseInt64(decodeText(label.bytes, label.valueStart, label.valueEnd));
    return value !== null && (operator === 'greater' ? value > operand : value < operand);
  };
}

/**
 * Compiles label selectors into a test of the labels in a repeated field: one selector must hold, with all its requirements. A flow without labels is tested
 * like any other, so that `!key` matches it. Throws FilterError.
 */
export function compileLabelMatch(
  field: string,
  values: readonly string[],
  path: FieldPath,
): (index: FlowIndex) => boolean {
  const selectors = values.map((value) => {
    try {
      return parseLabelSelector(value).map((requirement) => compileRequirement(path, requirement));
    } catch (error) {
      if (error instanceof LabelSelectorError) throw new FilterError(field, value, error.message);
      throw error;
    }
  });
  return (index) => selectors.some((selector) => selector.every((holds) => holds(index)));
}
