import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equals } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { UsageError } from '../../../flags/flag-spec.ts';
import { parseFlags } from '../../../flags/parse-flags.ts';
import { buildFilters as buildByCli, type FlowFilters } from '../../../flags/observe/build-filters.ts';
import { observeCommand } from '../../../cli/observe/observe.ts';
import { FlowFilterSchema } from '../../../proto/gen/flow/flow_pb.ts';
import {
  addWord,
  buildFilters,
  filterFlag,
  filterFlagNames,
  FilterError,
  filterText,
  type FilterWord,
  parseFilterWords,
} from '../../../ui/filter/filter-words.ts';

/** Values that flags take, and some that they do not. */
const samples: Readonly<Record<string, readonly string[]>> = {
  verdict: ['DROPPED', 'AUDIT', 'dropped'],
  'drop-reason-desc': ['POLICY_DENIED', 'NOPE'],
  'traffic-direction': ['ingress', 'EGRESS'],
  type: ['drop', 'trace:to-endpoint', '4:1', 'drop:x'],
  'tcp-flags': ['SYN,ACK', 'rst'],
  'ip-version': ['4', 'none'],
  'http-header': ['a:b', 'no colon'],
  'ip-trace-id': ['7', '0'],
  identity: ['world', '1234', '0x10', 'nobody'],
};
const texts = fc.oneof(
  fc.constantFrom(
    'travel',
    'travel/web',
    '53',
    '',
    "it's",
    'a b',
    '-1',
    'not',
    '--not',
    'tier in (a, b)',
    '$(x)',
  ),
  fc.string({ maxLength: 8 }),
);

const words: fc.Arbitrary<FilterWord> = fc.constantFrom(...filterFlagNames).chain((flag) => {
  const topic = flag.replace(/^(?:from|to)-/, '');
  const isSwitch = filterFlag(flag)!.kind === 'switch';
  const value = isSwitch ? fc.constant('') : (samples[topic] && fc.constantFrom(...samples[topic])) || texts;
  return fc.tuple(value, fc.boolean()).map(([value, isNot]) => ({ flag, value, isNot }));
});

/** What the command line makes of these words, given as a shell would give them. */
function byCommandLine(list: readonly FilterWord[]): FlowFilters {
  const args = list.flatMap(({ flag, value, isNot }) => [
    ...(isNot ? ['--not'] : []),
    `--${flag}`,
    ...(filterFlag(flag)!.kind === 'switch' ? [] : [value]),
  ]);
  return buildByCli(parseFlags(args, observeCommand.flags!).uses);
}

function outcomeOf(build: () => FlowFilters): FlowFilters | string {
  try {
    return build();
  } catch (error) {
    assert.ok(error instanceof UsageError || error instanceof FilterError, String(error));
    return error.message;
  }
}

function assertSame(actual: FlowFilters | string, wanted: FlowFilters | string): void {
  if (typeof actual === 'string' || typeof wanted === 'string') {
    assert.equal(actual, wanted);
    return;
  }
  for (const list of ['whitelist', 'blacklist'] as const) {
    assert.equal(actual[list].length, wanted[list].length);
    for (const [i, filter] of actual[list].entries()) {
      assert.ok(equals(FlowFilterSchema, filter, wanted[list][i]), `${list}[${i}]`);
    }
  }
}

describe('words of the filter bar', () => {
  it('are read as they stand on a command line', () => {
    assert.deepEqual(
      parseFilterWords(`-n payments --verdict=DROPPED not --label 'a in (b, c)' -4 --pod not --port 53`),
      [
        { flag: 'namespace', value: 'payments', isNot: false },
        { flag: 'verdict', value: 'DROPPED', isNot: false },
        { flag: 'label', value: 'a in (b, c)', isNot: true },
        { flag: 'ipv4', value: '', isNot: false },
        { flag: 'pod', value: 'not', isNot: false },
        { flag: 'port', value: '53', isNot: false },
      ],
    );
  });

  it('build the filters that the command line builds, and make its mistakes', () => {
    fc.assert(
      fc.property(fc.array(words, { maxLength: 5 }), (list) => {
        assertSame(
          outcomeOf(() => buildFilters(list)),
          outcomeOf(() => byCommandLine(list)),
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('become a text that is read as the same words', () => {
    fc.assert(
      fc.property(fc.array(words, { maxLength: 5 }), (list) => {
        const wanted = outcomeOf(() => buildFilters(list));
        if (typeof wanted === 'string') {
          assert.throws(() => parseFilterWords(filterText(list)), FilterError);
          return;
        }
        assert.deepEqual(parseFilterWords(filterText(list)), list);
      }),
      { numRuns: 2000 },
    );
  });

  for (const [text, message] of [
    ['--colour red', /^unknown flag: --colour$/],
    ['--namspace shop', /^unknown flag: --namspace\nDid you mean --namespace\?$/],
    ['travel', /"travel" is no flag\nDid you mean --namespace travel/],
    ['verdict DROPPED', /"verdict" is no flag\nDid you mean --verdict/],
    ['--port', /--port needs a value/],
    ['--not', /--not at the end/],
    ['--not --not --port 53', /--not twice/],
    ['--verdict DROPED', /invalid value "DROPED" for --verdict: .*\nDid you mean DROPPED/],
    ['--namespace a --from-ip 10.0.0.1', /--from-ip and --namespace cannot be used together/],
    ['--pod '.padEnd(5000, 'x'), /5000 characters, at most 4096/],
  ] as const) {
    it(`are refused with a reason: ${text.slice(0, 24)}`, () => {
      assert.throws(
        () => parseFilterWords(text),
        (error) => error instanceof FilterError && message.test(error.message),
      );
    });
  }

  it('make way for a word that cannot stand beside them', () => {
    const add = (text: string, more: string): string =>
      filterText(addWord(parseFilterWords(text), parseFilterWords(more)[0]));
    assert.equal(add('--namespace a --port 53', '--from-pod b/c'), '--port 53 --from-pod b/c');
    assert.equal(add('--port 53', '--port 53'), '--port 53');
    assert.equal(
      add('--port 53 --not --verdict DROPPED', '--verdict DROPPED'),
      '--port 53 --verdict DROPPED',
    );
    assert.equal(add('--verdict DROPPED', '--verdict AUDIT'), '--verdict DROPPED --verdict AUDIT');
    fc.assert(
      fc.property(fc.array(words, { maxLength: 4 }), words, (list, word) => {
        if ([list, [word]].some((some) => typeof outcomeOf(() => buildFilters(some)) === 'string')) return;
        const added = addWord(list, word);
        assert.deepEqual(added.at(-1), word);
        buildFilters(added);
      }),
    );
  });
});
