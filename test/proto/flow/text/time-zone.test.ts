import { create } from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileTimeFormat } from '../../../../proto/flow/text/time-text.ts';
import { zoneOffset } from '../../../../proto/flow/text/time-zone.ts';

const at = (iso: string, nanos = 0) =>
  create(TimestampSchema, { seconds: BigInt(Date.parse(iso) / 1000), nanos });

describe('compileTimeFormat() with a time zone', () => {
  const formats: Readonly<Record<string, string>> = {
    StampMilli: 'Mar  4 10:15:22.118',
    YearMonthDay: '2026-03-04',
    YearMonthDayHour: '2026-03-04T10+01:00',
    YearMonthDayHourMinute: '2026-03-04T10:15+01:00',
    RFC3339: '2026-03-04T10:15:22+01:00',
    RFC3339Nano: '2026-03-04T10:15:22.118204511+01:00',
    RFC1123Z: 'Wed, 04 Mar 2026 10:15:22 +0100',
  };
  for (const [name, expected] of Object.entries(formats)) {
    it(`prints ${name} by the clock of Zurich`, () => {
      assert.equal(
        compileTimeFormat(name, 'Europe/Zurich')(at('2026-03-04T09:15:22Z', 118_204_511)),
        expected,
      );
    });
  }

  it('changes the day with the zone', () => {
    assert.equal(compileTimeFormat('YearMonthDay', 'Asia/Tokyo')(at('2026-03-04T20:00:00Z')), '2026-03-05');
  });

  it('follows daylight saving, back and forth', () => {
    const time = compileTimeFormat('RFC3339', 'Europe/Zurich');
    const change = ['2026-03-29T00:59:59Z', '2026-03-29T01:00:00Z', '2026-03-29T00:59:59Z'];
    assert.deepEqual(
      change.map((iso) => time(at(iso))),
      ['2026-03-29T01:59:59+01:00', '2026-03-29T03:00:00+02:00', '2026-03-29T01:59:59+01:00'],
    );
  });

  it('prints N/A for an absent time, whatever the zone', () => {
    assert.equal(compileTimeFormat('RFC3339', 'Europe/Zurich')(undefined), 'N/A');
  });

  it('refuses a zone that does not exist', () => {
    assert.throws(() => compileTimeFormat('RFC3339', 'Europe/Nowhere'), RangeError);
  });
});

describe('zoneOffset()', () => {
  const offsets: readonly (readonly [string, string, number])[] = [
    ['UTC', '2026-03-04T09:15:22Z', 0],
    ['Etc/UTC', '2026-03-04T09:15:22Z', 0],
    ['Asia/Kolkata', '2026-03-04T09:15:22Z', 330],
    ['America/St_Johns', '2026-01-04T09:15:22Z', -210],
    ['Pacific/Kiritimati', '2026-03-04T09:15:22Z', 840],
  ];
  for (const [zone, iso, minutes] of offsets) {
    it(`is ${minutes} minutes in ${zone}`, () => assert.equal(zoneOffset(zone)(Date.parse(iso)), minutes));
  }

  it('is that of this machine for local, in any case', () => {
    const ms = Date.parse('2026-07-04T09:15:22Z');
    for (const name of ['local', 'Local']) {
      assert.equal(zoneOffset(name)(ms), 0 - new Date(ms).getTimezoneOffset());
    }
  });
});
