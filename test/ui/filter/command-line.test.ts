import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseTyped } from '../../../ui/filter/command-line.ts';
import { FilterError, filterText } from '../../../ui/filter/filter-words.ts';

const NOW_MS = Date.parse('2026-03-04T09:15:00Z');
const typed = (text: string) => {
  const { words, ...rest } = parseTyped(text, NOW_MS);
  return { text: filterText(words), ...rest };
};

describe('a pasted command line', () => {
  it('becomes filters, and says what has no place among them', () => {
    assert.deepEqual(typed('hubble observe -n shop --not --port 53 -o json --server x:1 --print-node-name'), {
      text: '--namespace shop --not --port 53',
      leftOut: ['--output', '--print-node-name'],
    });
  });

  it('may stand behind a prompt and a path, and before a pipe, over several lines', () => {
    assert.equal(typed('$ ./sluice observe flows --verdict DROPPED | grep web').text, '--verdict DROPPED');
    assert.equal(
      typed('/usr/bin/hubble --server a:1 observe \\\n  --pod a/b \\\n  > flows.txt').text,
      '--pod a/b',
    );
  });

  it('tells the stretch of time that is meant', () => {
    assert.deepEqual(typed('sluice observe -f --since 5m').windowMs, 300_000);
    assert.equal(typed('sluice observe -f').at, null);
    assert.deepEqual(typed('sluice observe --since 2026-03-04T09:00:00Z --until 2026-03-04T09:05Z').at, {
      sinceMs: NOW_MS - 900_000,
      untilMs: NOW_MS - 600_000,
    });
    assert.deepEqual(typed('sluice observe --since 1m').at, { sinceMs: NOW_MS - 60_000, untilMs: NOW_MS });
    assert.equal('at' in typed('sluice observe --last 5'), false);
  });

  for (const [text, message] of [
    ['sluice observe --namspace x', /unknown flag: --namspace\nDid you mean --namespace/],
    ['sluice status', /"status" shows no flows/],
    ['hubble observe agent-events', /"observe agent-events" shows no flows/],
    [`hubble observe --denylist '{"verdict":["DROPPED"]}'`, /--denylist: filters in JSON have no place/],
    ['hubble observe --since yesterday', /invalid value "yesterday" for --since/],
    ['hubble observe --since 1m --until 2m', /--since is not before --until/],
    [`sluice observe --pod ${'x'.repeat(70_000)}`, /at most 65536/],
  ] as const) {
    it(`is refused with a reason: ${text.slice(0, 40)}`, () => {
      assert.throws(
        () => parseTyped(text, NOW_MS),
        (error) => error instanceof FilterError && message.test(error.message),
      );
    });
  }
});
