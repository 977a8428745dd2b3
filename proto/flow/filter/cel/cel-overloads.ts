import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  STRING,
  TIMESTAMP,
  TYPE,
  UINT,
} from './cel-type.ts';

/** One way to call a function. The `A` and `B` below stand for any type, the same one wherever they occur in an overload. */
export interface CelOverload {
  /** Called as `receiver.name(…)`; the receiver is the first parameter. */
  readonly isMethod: boolean;
  readonly params: readonly CelType[];
  readonly result: CelType;
}

/** Type parameters of overloads: negative, so that they are never one of the checker's own. */
export const A: CelType = { kind: 'param', id: -1 };
export const B: CelType = { kind: 'param', id: -2 };

const call = (params: readonly CelType[], result: CelType): CelOverload => ({
  isMethod: false,
  params,
  result,
});
const method = (params: readonly CelType[], result: CelType): CelOverload => ({
  isMethod: true,
  params,
  result,
});

/** Two operands of one type, for each of some types. */
const pairs = (types: readonly CelType[], result?: CelType): CelOverload[] =>
  types.map((type) => call([type, type], result ?? type));
const conversions = (from: readonly CelType[], result: CelType): CelOverload[] =>
  from.map((type) => call([type], result));

const ordered = pairs([BOOL, INT, UINT, DOUBLE, STRING, BYTES, TIMESTAMP, DURATION], BOOL);
const sized = [STRING, BYTES, listOf(A), mapOf(A, B)];
const searched = [method([STRING, STRING], BOOL)];
const datePart = [method([TIMESTAMP], INT), method([TIMESTAMP, STRING], INT)];
const timePart = [...datePart, method([DURATION], INT)];

/** The standard library (list of definitions in cel-spec's langdef.md), by name. Numbers of different types do not mix. */
export const celOverloads: ReadonlyMap<string, readonly CelOverload[]> = new Map(
  Object.entries({
    '_?_:_': [call([BOOL, A, A], A)],
    '_&&_': [call([BOOL, BOOL], BOOL)],
    '_||_': [call([BOOL, BOOL], BOOL)],
    '!_': [call([BOOL], BOOL)],
    '@not_strictly_false': [call([BOOL], BOOL)],
    '_==_': [call([A, A], BOOL)],
    '_!=_': [call([A, A], BOOL)],
    '_<_': ordered,
    '_<=_': ordered,
    '_>_': ordered,
    '_>=_': ordered,
    '_+_': [
      ...pairs([INT, UINT, DOUBLE, STRING, BYTES, listOf(A), DURATION]),
      call([TIMESTAMP, DURATION], TIMESTAMP),
      call([DURATION, TIMESTAMP], TIMESTAMP),
    ],
    '_-_': [
      ...pairs([INT, UINT, DOUBLE, DURATION]),
      call([TIMESTAMP, TIMESTAMP], DURATION),
      call([TIMESTAMP, DURATION], TIMESTAMP),
    ],
    '_*_': pairs([INT, UINT, DOUBLE]),
    '_/_': pairs([INT, UINT, DOUBLE]),
    '_%_': pairs([INT, UINT]),
    '-_': [call([INT], INT), call([DOUBLE], DOUBLE)],
    '_[_]': [call([listOf(A), INT], A), call([mapOf(A, B), A], B)],
    '@in': [call([A, listOf(A)], BOOL), call([A, mapOf(A, B)], BOOL)],
    size: sized.flatMap((type) => [call([type], INT), method([type], INT)]),
    contains: searched,
    startsWith: searched,
    endsWith: searched,
    matches: [call([STRING, STRING], BOOL), ...searched],
    int: conversions([INT, UINT, DOUBLE, STRING, TIMESTAMP, DURATION], INT),
    uint: conversions([UINT, INT, DOUBLE, STRING], UINT),
    double: conversions([DOUBLE, INT, UINT, STRING], DOUBLE),
    bool: conversions([BOOL, STRING], BOOL),
    string: conversions([STRING, BOOL, INT, UINT, DOUBLE, BYTES, TIMESTAMP, DURATION], STRING),
    bytes: conversions([BYTES, STRING], BYTES),
    timestamp: conversions([TIMESTAMP, STRING, INT], TIMESTAMP),
    duration: conversions([DURATION, STRING], DURATION),
    dyn: [call([A], DYN)],
    type: [call([A], TYPE)],
    getFullYear: datePart,
    getMonth: datePart,
    getDayOfYear: datePart,
    getDayOfMonth: datePart,
    getDate: datePart,
    getDayOfWeek: datePart,
    getHours: timePart,
    getMinutes: timePart,
    getSeconds: timePart,
    getMilliseconds: timePart,
  }),
);
