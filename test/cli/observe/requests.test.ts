import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFlags } from '../../../flags/parse-flags.ts';
import { buildFilters } from '../../../flags/observe/build-filters.ts';
import { observeCommand } from '../../../cli/observe/observe.ts';
import { rawFiltersText } from '../../../cli/observe/raw-filters.ts';
import { eventSelection, flowSelection } from '../../../cli/observe/selection.ts';
import { parseTimeInput } from '../../../flags/observe/time-input.ts';

const ALL = 2n ** 64n - 1n;
const uses = (text: string) => parseFlags(text === '' ? [] : text.split(' '), observeCommand.flags!).uses;

describe('flowSelection()', () => {
  const requests: readonly (readonly [string, bigint, boolean, boolean])[] = [
    ['', 20n, false, false],
    ['--last 5', 5n, false, false],
    ['--last 0x10', 16n, false, false],
    ['--last 010', 8n, false, false],
    ['--last 0', 20n, false, false],
    ['--first 5', 5n, true, false],
    ['--all', ALL, false, false],
    ['-f', 0n, false, true],
    ['-f --last 5', 5n, false, true],
    ['-f --all', ALL, false, true],
    ['--since 5m', 0n, false, false],
    ['--since 5m --last 7', 7n, false, false],
    ['--first 3 --since 5m', 3n, true, false],
  ];
  for (const [text, number, first, follow] of requests) {
    it(`asks for ${number} with "${text}"`, () => {
      const selection = flowSelection(uses(text), 0);
      assert.deepEqual([selection.number, selection.first, selection.follow], [number, first, follow]);
    });
  }

  for (const text of [
    '--first 1 --last 1',
    '--first 1 --all',
    '--first 1 -f',
    '--last 1 --all',
    '--until x',
  ]) {
    it(`refuses ${text}`, () => assert.throws(() => flowSelection(uses(text), 0), /UsageError/));
  }

  it('replays 20 events also when following', () => {
    assert.equal(eventSelection(uses('-f'), 0).number, 20n);
    assert.equal(eventSelection(uses('--first 3'), 0).first, false);
  });
});

describe('parseTimeInput()', () => {
  const times: Readonly<Record<string, string>> = {
    '2026-03-04': '2026-03-04T00:00:00Z',
    '2026-03-04T09Z': '2026-03-04T09:00:00Z',
    '2026-03-04T09:15+02:00': '2026-03-04T07:15:00Z',
    '2026-03-04T09:15:22.5Z': '2026-03-04T09:15:22.5Z',
    'Wed, 04 Mar 2026 09:15:22 +0100': '2026-03-04T08:15:22Z',
    '90s': '1969-12-31T23:58:30Z',
    '-90s': '1970-01-01T00:01:30Z',
  };
  for (const [text, iso] of Object.entries(times)) {
    it(`reads ${text}`, () => {
      const { seconds, nanos } = parseTimeInput('--since', text, 0);
      assert.equal(Number(seconds) * 1000 + nanos / 1e6, Date.parse(iso));
    });
  }
  for (const text of [
    '2026-02-30',
    '2026-03-04T09:15',
    'Mar  4 09:15:22.118',
    'yesterday',
    '2026-03-04T24Z',
  ]) {
    it(`refuses ${text}`, () => assert.throws(() => parseTimeInput('--since', text, 0), /invalid value/));
  }
});

describe('buildFilters()', () => {
  const filters: Readonly<Record<string, string>> = {
    '': '{}',
    '--verdict DROPPED --verdict AUDIT': `allow {"verdict":["DROPPED","AUDIT"]}`,
    '-n shop': 'allow {"source_pod":["shop/"]} {"destination_pod":["shop/"]}',
    '-A --pod web': 'allow {"source_pod":["/web"]} {"destination_pod":["/web"]}',
    '-A': 'allow {"source_pod":["/"]} {"destination_pod":["/"]}',
    '--from-namespace a --pod web':
      'allow {"source_pod":["a/web"]} {"source_pod":["a/"],"destination_pod":["web"]}',
    '--from-pod a/x --to-port 80': 'allow {"source_pod":["a/x"],"destination_port":["80"]}',
    '--not --port 1 --not --port 2': 'deny {"source_port":["1","2"]} {"destination_port":["1","2"]}',
    '-4 --not=false --reply=false': 'allow {"ip_version":["IPv4"]} deny {"reply":[true]}',
    '--type drop:5 --type 4:0':
      'allow {"event_type":[{"type":1,"match_sub_type":true,"sub_type":5},{"type":4,"match_sub_type":true}]}',
    '--identity 0x10 --not-reply':
      'allow {"reply":[false],"source_identity":[16]} {"reply":[false],"destination_identity":[16]}',
    '--workload Deployment/':
      'allow {"source_workload":[{"kind":"Deployment"}]} {"destination_workload":[{"kind":"Deployment"}]}',
  };
  for (const [text, expected] of Object.entries(filters)) {
    it(`makes of "${text}": ${expected}`, () => {
      const yaml = rawFiltersText(buildFilters(uses(text)));
      const short = yaml
        .replace(/(allow|deny)list:\n/g, '$1 ')
        .replace(/ {4}- '(.*)'\n/g, '$1 ')
        .trim();
      assert.equal(short, expected);
    });
  }

  const conflicts = [
    '-n a --pod b/x',
    '-A --pod b/x',
    '-n a -n b --pod a/x',
    '--pod a/x --service y',
    '--pod a --ip 1.1.1.1',
    '--port 1 --to-port 2',
    '--encrypted --unencrypted',
    '--reply --not-reply',
    '--not --not --port 1',
    '--port 1 --not',
  ];
  for (const text of conflicts) {
    it(`refuses ${text}`, () => assert.throws(() => buildFilters(uses(text)), /UsageError/));
  }
});
