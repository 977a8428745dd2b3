import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFlags } from '../../../flags/parse-flags.ts';
import { fieldMask, TEXT_FIELDS } from '../../../cli/observe/field-mask.ts';
import { observeCommand } from '../../../cli/observe/observe.ts';
import {
  lossIntervalMs,
  outputFormat,
  policyNames,
  timeFormat,
  wantsColour,
  wantsGroups,
} from '../../../cli/observe/print-settings.ts';

const uses = (...args: string[]) => parseFlags(args, observeCommand.flags!).uses;

describe('outputFormat()', () => {
  const legacy = { HUBBLE_COMPAT: 'x, Legacy-JSON-Output' };
  const formats: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
    ['compact', {}, 'compact'],
    ['dict', {}, 'dict'],
    ['table', {}, 'table'],
    ['tab', {}, 'table'],
    ['json', {}, 'json'],
    ['JSON', {}, 'json'],
    ['jsonpb', {}, 'json'],
    ['csv', {}, 'csv'],
    ['json', legacy, 'legacy-json'],
    ['JSON', legacy, 'legacy-json'],
    ['jsonpb', legacy, 'json'],
    ['compact', legacy, 'compact'],
    ['json', { SLUICE_COMPAT: 'legacy-json-output' }, 'legacy-json'],
    ['json', { HUBBLE_COMPAT: 'unknown' }, 'json'],
  ];
  for (const [text, env, expected] of formats) {
    it(`takes ${text} with ${JSON.stringify(env)} for ${expected}`, () =>
      assert.equal(outputFormat(uses('-o', text), false, env), expected));
  }
  it('is compact unless told otherwise', () => assert.equal(outputFormat([], true, {}), 'compact'));
  for (const text of ['Json', 'TABLE', '', 'yaml']) {
    it(`refuses "${text}"`, () =>
      assert.throws(() => outputFormat(uses(`-o=${text}`), false, {}), /^UsageError: invalid value/));
  }
  it('refuses a table that follows', () => {
    for (const text of ['tab', 'table']) {
      assert.throws(() => outputFormat(uses('-o', text), true, {}), {
        message: '--output table and --follow cannot be used together: a table is aligned at its end',
      });
    }
  });
});

describe('wantsColour()', () => {
  const cases: readonly (readonly [
    string | undefined,
    boolean,
    Readonly<Record<string, string>>,
    boolean,
  ])[] = [
    [undefined, true, {}, true],
    [undefined, false, {}, false],
    ['auto', true, { NO_COLOR: '1' }, false],
    ['auto', true, { NO_COLOR: '' }, true],
    ['auto', true, { TERM: 'dumb' }, false],
    ['ALWAYS', false, { NO_COLOR: '1', TERM: 'dumb' }, true],
    ['Never', true, {}, false],
    ['rainbow', true, {}, true],
    ['rainbow', false, {}, false],
  ];
  for (const [text, isTerminal, env, expected] of cases) {
    it(`is ${expected} for ${text} ${isTerminal ? 'on' : 'off'} a terminal with ${JSON.stringify(env)}`, () => {
      assert.equal(wantsColour(text === undefined ? [] : uses('--color', text), isTerminal, env), expected);
    });
  }
});

describe('fieldMask()', () => {
  it('asks for what text shows, unless told not to', () => {
    for (const format of ['compact', 'dict', 'table', 'csv'] as const) {
      assert.deepEqual(fieldMask([], format), TEXT_FIELDS);
      assert.deepEqual(fieldMask(uses('--use-default-field-masks=false'), format), []);
    }
  });
  it('asks for everything in JSON, or for the fields that are named', () => {
    assert.deepEqual(fieldMask([], 'json'), []);
    assert.deepEqual(fieldMask([], 'legacy-json'), []);
    assert.deepEqual(fieldMask(uses('--field-mask', 'time,source.pod_name', '--field-mask', 'l7'), 'json'), [
      'time',
      'source.pod_name',
      'l7',
    ]);
  });
  it('refuses a field that does not exist, and fields of anything but JSON', () => {
    assert.throws(
      () => fieldMask(uses('--field-mask', 'source.nothing'), 'json'),
      /UsageError.*source\.nothing/,
    );
    for (const format of ['compact', 'legacy-json'] as const) {
      assert.throws(
        () => fieldMask(uses('--field-mask', 'time'), format),
        /--field-mask needs --output json/,
      );
    }
  });
});

describe('print settings of our own', () => {
  it('names policies everywhere, as Hubble does, or nowhere', () => {
    assert.equal(policyNames([]), 'always');
    assert.equal(policyNames(uses('--print-policy-names')), 'verdicts');
    assert.equal(policyNames(uses('--print-policy-names=false')), 'never');
  });
  it('groups lines only', () => {
    assert.equal(wantsGroups([], 'json'), false);
    assert.equal(wantsGroups(uses('--group'), 'compact'), true);
    assert.throws(() => wantsGroups(uses('--group'), 'dict'), /--group needs --output compact/);
  });
  it('adds losses up on a terminal that follows, and when told to, but never in JSON', () => {
    assert.equal(lossIntervalMs([], 'compact', true), 10_000);
    assert.equal(lossIntervalMs([], 'compact', false), 0);
    assert.equal(lossIntervalMs(uses('--loss-interval', '0s'), 'compact', true), 0);
    assert.equal(lossIntervalMs(uses('--loss-interval', '1m'), 'dict', false), 60_000);
    assert.equal(lossIntervalMs(uses('--loss-interval', '1m'), 'json', true), 0);
    assert.throws(() => lossIntervalMs(uses('--loss-interval=-1s'), 'compact', true), /expected 0 or more/);
  });
  it('tells times by the clock that is named', () => {
    const time = { $typeName: 'google.protobuf.Timestamp', seconds: 0n, nanos: 5 } as const;
    assert.equal(timeFormat([], 'compact')(time), 'Jan  1 00:00:00.000');
    assert.equal(timeFormat([], 'csv')(time), '1970-01-01T00:00:00.000000005Z');
    assert.equal(timeFormat(uses('--time-format', 'yearmonthday'), 'csv')(time), '1970-01-01');
    assert.equal(timeFormat(uses('--time-zone', 'Asia/Tokyo'), 'dict')(time), 'Jan  1 09:00:00.000');
    assert.throws(() => timeFormat(uses('--time-zone', 'Mars'), 'compact'), {
      name: 'UsageError',
      message: 'invalid value "Mars" for --time-zone: expected UTC, local or a name such as Europe/Zurich',
    });
  });
});
