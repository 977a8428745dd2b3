import { type CelFunc, celFunc, CelScalar, celUint, objectType } from '@bufbuild/cel';
import { create } from '@bufbuild/protobuf';
import { DurationSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';

const { DOUBLE, INT, STRING, UINT } = CelScalar;

/** A whole number within 64 bits. */
function inRange(value: bigint, wrapped: bigint, text: string): bigint {
  if (value !== wrapped) throw new Error(`${text} is beyond 64 bits`);
  return value;
}

function parseInteger(text: string): bigint {
  if (!/^[+-]?\d+$/.test(text)) throw new Error(`${JSON.stringify(text)} is no int`);
  const value = BigInt(text.replace(/^\+/, ''));
  return inRange(value, BigInt.asIntN(64, value), text);
}

function parseUnsigned(text: string): bigint {
  if (!/^\d+$/.test(text)) throw new Error(`${JSON.stringify(text)} is no uint`);
  const value = BigInt(text);
  return inRange(value, BigInt.asUintN(64, value), text);
}

function parseDouble(text: string): number {
  const word = /^([+-]?)(inf(?:inity)?|nan)$/i.exec(text);
  if (word !== null)
    return word[2].startsWith('n') || word[2].startsWith('N') ? Number.NaN : Number(`${word[1]}Infinity`);
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) {
    throw new Error(`${JSON.stringify(text)} is no double`);
  }
  return Number(text);
}

/**
 * Conversions that the library makes in another way than CEL in Go, which is what Hubble speaks: it reads texts as JavaScript does (an empty one as 0), and takes
 * numbers as milliseconds of a time and seconds of a duration, where they are seconds and nanoseconds.
 */
export const numberFunctions: CelFunc[] = [
  celFunc('int', [STRING], INT, parseInteger),
  celFunc('uint', [STRING], UINT, (text) => celUint(parseUnsigned(text))),
  celFunc('double', [STRING], DOUBLE, parseDouble),
  celFunc('timestamp', [INT], objectType(TimestampSchema), (seconds) => create(TimestampSchema, { seconds })),
  celFunc('int', [objectType(DurationSchema)], INT, ({ message }) => {
    const nanoseconds = message.seconds * 1_000_000_000n + BigInt(message.nanos);
    return inRange(nanoseconds, BigInt.asIntN(64, nanoseconds), 'the duration');
  }),
];
