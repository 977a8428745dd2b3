import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equals } from '@bufbuild/protobuf';
import { parseFlags } from '../../../flags/parse-flags.ts';
import { buildFilters as buildByCli } from '../../../flags/observe/build-filters.ts';
import { filterFlags } from '../../../flags/observe/filter-flags.ts';
import { FlowFilterSchema } from '../../../proto/gen/flow/flow_pb.ts';
import { buildFilters, FilterError, filterText, parseFilterWords } from '../../../ui/filter/filter-words.ts';

describe('words of the filter bar', () => {
  it('are read as they stand on a command line, a whole one too', () => {
    const words = parseFilterWords(
      "sluice observe -f -n payments --verdict=DROPPED --not --label 'a in (b, c)'",
    );
    assert.deepEqual(words, [
      { flag: 'namespace', value: 'payments', isNot: false },
      { flag: 'verdict', value: 'DROPPED', isNot: false },
      { flag: 'label', value: 'a in (b, c)', isNot: true },
    ]);
  });

  it('become a text that is read as the same words', () => {
    for (const text of [
      '--namespace travel --not --port 53',
      `--http-path '/a b' --label 'x in (a, '\\''b'\\'')'`,
      '',
    ]) {
      const words = parseFilterWords(text);
      assert.deepEqual(parseFilterWords(filterText(words)), words);
      assert.equal(filterText(words), text);
    }
  });

  for (const [text, message] of [
    ['--colour red', /--colour is no filter/],
    ['travel', /travel is no filter/],
    ['--port', /--port needs a value/],
    ['--not', /none is there/],
    ['--verdict MAYBE', /--verdict MAYBE: expected one of FORWARDED, DROPPED/],
    ['--identity x', /--identity x: expected a number/],
    ['--pod '.padEnd(5000, 'x'), /5000 characters, at most 4096/],
  ] as const) {
    it(`are refused with a reason: ${text.slice(0, 20)}`, () => {
      assert.throws(() => parseFilterWords(text), FilterError);
      assert.throws(() => parseFilterWords(text), message);
    });
  }

  it('build the filters that the command line builds', () => {
    for (const text of [
      '--namespace travel',
      '--namespace travel --pod web --verdict DROPPED --verdict AUDIT',
      '--from-namespace a --to-pod b/c --not --port 53 --not --protocol dns',
      '--workload Deployment/web --cluster east --to-fqdn *.example.com',
      '--from-ip 10.0.0.0/8 --http-status 5+ --identity 1234 --traffic-direction egress',
    ]) {
      const built = buildFilters(parseFilterWords(text));
      const uses = parseFlags(text.split(' '), filterFlags).uses;
      const wanted = buildByCli(uses);
      for (const list of ['whitelist', 'blacklist'] as const) {
        assert.equal(built[list].length, wanted[list].length, text);
        for (const [i, filter] of built[list].entries()) {
          assert.ok(equals(FlowFilterSchema, filter, wanted[list][i]), `${list} of ${text}`);
        }
      }
    }
  });
});
