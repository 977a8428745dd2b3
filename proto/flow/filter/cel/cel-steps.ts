import {
  type CelFunc,
  celEnv,
  celFunc,
  celList,
  type CelList,
  celMethod,
  CelScalar,
  type CelValue,
  isCelError,
  isCelList,
  isCelMap,
  listType,
} from '@bufbuild/cel';
import { compileRegex, type RegexMatch } from '../regex.ts';
import { MAX_REGEX_STEPS } from '../filter-budget.ts';
import { countRegexSteps } from '../regex-steps.ts';

/**
 * Steps that one evaluation may take: nodes evaluated in comprehensions, and what grows with the size of values. A few milliseconds; comparing all of 25 labels with
 * all of 25 others takes 4,400.
 */
export const MAX_CEL_STEPS = 5000;
/** Length of a text, in UTF-16 units, that an expression may put together. */
export const MAX_CEL_TEXT = 8192;
/** Compiled patterns that are kept. They belong to expressions mostly; patterns out of flows would otherwise pile up. */
const MAX_PATTERNS = 100;

const { BOOL, BYTES, DYN, INT, STRING } = CelScalar;
const LIST = listType(DYN);

/** Names of functions that only a rewritten expression calls; no expression can be written that has them. */
export const STEP_FUNCTION = '@step';
export const COUNTED_PREFIX = '@counted';

let stepsLeft = 0;

/** Begins an evaluation: its steps are counted from here on. */
export function startCelSteps(): void {
  stepsLeft = MAX_CEL_STEPS;
}

function spend(steps: number): void {
  stepsLeft -= steps;
  if (stepsLeft < 0) throw new Error(`more than ${MAX_CEL_STEPS} steps`);
}

/** Counts the values in a value as a comparison walks through them: shared parts as often as they occur, which can be exponentially often. */
function spendValues(value: CelValue): void {
  spend(1);
  if (isCelList(value)) for (const item of value) spendValues(item);
  else if (isCelMap(value)) for (const [, item] of value) spendValues(item);
}

function checkText(length: number): void {
  spend(length >> 6);
  if (length > MAX_CEL_TEXT) throw new Error(`text of ${length} characters, at most ${MAX_CEL_TEXT} allowed`);
}

const patterns = new Map<string, { readonly matches: RegexMatch; readonly steps: number }>();

function matches(text: string, pattern: string): boolean {
  let compiled = patterns.get(pattern);
  if (compiled === undefined) {
    const steps = countRegexSteps(pattern);
    spend(Math.min(steps, MAX_CEL_STEPS / 4));
    compiled = {
      steps,
      matches: compileRegex(pattern, () => {
        if (steps > MAX_REGEX_STEPS) throw new Error(`pattern of some ${steps} steps`);
      }),
    };
    if (patterns.size >= MAX_PATTERNS) patterns.clear();
    patterns.set(pattern, compiled);
  }
  spend((text.length * compiled.steps) / 1000);
  return compiled.matches(text);
}

function joinBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  checkText(a.length + b.length);
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

/** Flat, where the library would chain the parts: walking a chain costs the square of its length. */
function joinLists(a: CelList, b: CelList): CelList {
  spend((a.size + b.size) >> 2);
  return celList([...a, ...b]);
}

function countedSize(text: string): bigint {
  spend(text.length >> 4);
  let size = 0n;
  for (const _ of text) size++;
  return size;
}

const standard = celEnv().funcs;

/** A function of the library that walks through its operands, counted. */
function counted(name: string): CelFunc {
  return celFunc(`${COUNTED_PREFIX}${name}`, [DYN, DYN], BOOL, (a, b) => {
    spendValues(a);
    spendValues(b);
    const result = standard.find(name)?.call(0, undefined, [a, b]);
    if (typeof result === 'boolean') return result;
    throw isCelError(result) ? result : new Error(`no '${name}' of these types`);
  });
}

/** Functions of the library that walk through lists and maps. */
export const countedFunctions: ReadonlySet<string> = new Set(['_==_', '_!=_', '@in']);

/**
 * What is added to the library's functions, or put in their place, so that an evaluation ends soon: loops count their steps, texts and lists do not grow
 * without end, patterns run in the bounded engine.
 */
export const boundedFunctions: CelFunc[] = [
  celFunc(STEP_FUNCTION, [DYN, INT], DYN, (condition, steps) => {
    spend(Number(steps));
    return condition;
  }),
  ...[...countedFunctions].map(counted),
  celFunc('_+_', [STRING, STRING], STRING, (a, b) => {
    checkText(a.length + b.length);
    return a + b;
  }),
  celFunc('_+_', [BYTES, BYTES], BYTES, joinBytes),
  celFunc('_+_', [LIST, LIST], LIST, joinLists),
  celFunc('size', [STRING], INT, countedSize),
  celMethod('size', STRING, [], INT, function () {
    return countedSize(this);
  }),
  celFunc('matches', [STRING, STRING], BOOL, matches),
  celMethod('matches', STRING, [STRING], BOOL, function (pattern) {
    return matches(this, pattern);
  }),
];
