import { create } from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { jsonTime } from '../../../../proto/flow/text/json-time.ts';
import { compileTimeFormat } from '../../../../proto/flow/text/time-text.ts';

const time = (seconds: bigint, nanos: number) => create(TimestampSchema, { seconds, nanos });
const morning = time(BigInt(Date.UTC(2026, 2, 4, 9, 15, 22) / 1000), 118_204_511);
const plainSecond = time(morning.seconds, 0);

describe('compileTimeFormat()', () => {
  const formats: Readonly<Record<string, readonly [string, string]>> = {
    StampMilli: ['Mar  4 09:15:22.118', 'Mar  4 09:15:22.000'],
    YearMonthDay: ['2026-03-04', '2026-03-04'],
    YearMonthDayHour: ['2026-03-04T09Z', '2026-03-04T09Z'],
    YearMonthDayHourMinute: ['2026-03-04T09:15Z', '2026-03-04T09:15Z'],
    RFC3339: ['2026-03-04T09:15:22Z', '2026-03-04T09:15:22Z'],
    RFC3339Milli: ['2026-03-04T09:15:22.118Z', '2026-03-04T09:15:22Z'],
    RFC3339Micro: ['2026-03-04T09:15:22.118204Z', '2026-03-04T09:15:22Z'],
    RFC3339Nano: ['2026-03-04T09:15:22.118204511Z', '2026-03-04T09:15:22Z'],
    RFC1123Z: ['Wed, 04 Mar 2026 09:15:22 +0000', 'Wed, 04 Mar 2026 09:15:22 +0000'],
  };
  for (const [name, [fraction, none]] of Object.entries(formats)) {
    it(`prints ${name}, also when the name is in lower case`, () => {
      assert.equal(compileTimeFormat(name)(morning), fraction);
      assert.equal(compileTimeFormat(name.toLowerCase())(plainSecond), none);
    });
  }

  it('cuts digits instead of rounding, and drops trailing zeros', () => {
    assert.equal(
      compileTimeFormat('RFC3339Milli')(time(morning.seconds, 999_999_999)),
      '2026-03-04T09:15:22.999Z',
    );
    assert.equal(
      compileTimeFormat('RFC3339Nano')(time(morning.seconds, 120_000_000)),
      '2026-03-04T09:15:22.12Z',
    );
    assert.equal(compileTimeFormat('RFC3339Micro')(time(morning.seconds, 999)), '2026-03-04T09:15:22Z');
  });

  it('takes StampMilli for unknown names', () => {
    for (const name of ['', 'iso', 'constructor']) {
      assert.equal(compileTimeFormat(name)(morning), 'Mar  4 09:15:22.118');
    }
  });

  it('prints N/A for what is no time', () => {
    const print = compileTimeFormat('RFC3339');
    assert.equal(print(undefined), 'N/A');
    assert.equal(print(time(0n, -1)), 'N/A');
    assert.equal(print(time(0n, 1_000_000_000)), 'N/A');
    assert.equal(print(time(-62_135_596_801n, 0)), 'N/A');
    assert.equal(print(time(253_402_300_800n, 0)), 'N/A');
    assert.equal(print(time(-62_135_596_800n, 0)), '0001-01-01T00:00:00Z');
    assert.equal(print(time(253_402_300_799n, 0)), '9999-12-31T23:59:59Z');
  });
});

describe('jsonTime()', () => {
  it('has no, 3, 6 or 9 digits of fraction', () => {
    const digits = (nanos: number): string => jsonTime(time(morning.seconds, nanos));
    assert.equal(digits(0), '"2026-03-04T09:15:22Z"');
    assert.equal(digits(118_000_000), '"2026-03-04T09:15:22.118Z"');
    assert.equal(digits(118_204_000), '"2026-03-04T09:15:22.118204Z"');
    assert.equal(digits(118_204_511), '"2026-03-04T09:15:22.118204511Z"');
    assert.equal(digits(100_000_000), '"2026-03-04T09:15:22.100Z"');
  });

  it('throws for what is no time', () => {
    assert.throws(
      () => jsonTime(time(0n, -1)),
      /^RangeError: invalid timestamp: 0 s -1 ns is no time between/,
    );
  });
});
