import assert from 'node:assert/strict';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { compileFlowFilters } from '../../../../proto/flow/filter/compile-filter.ts';
import { compileRegex, RegexError } from '../../../../proto/flow/filter/regex.ts';
import { countRegexSteps } from '../../../../proto/flow/filter/regex-steps.ts';
import { FlowFilterSchema } from '../../../../proto/gen/flow/flow_pb.ts';

const compile = (pattern: string) => compileRegex(pattern, () => {});

describe('a regular expression of a filter', () => {
  it('has the syntax of RE2', () => {
    const accepted = String.raw`
      (?P<n>a) (?<n>a) (?i)a (?s). (?m)^a$ (?U)a+ (?i:a) \Q.*\E \Qa \pL \p{Greek} [[:alpha:]] [[:^digit:]]
      { a{ a{,2} } ] []a] \! \" \/ \~ \x{41} \012 a{1000} (?:ab){1000} ^* a||b \A\z\b\B \d\D\s\S\w\W \a\f\t\n\r\v`;
    for (const pattern of accepted.trim().split(/\s+/)) assert.doesNotThrow(() => compile(pattern), pattern);
    const refused = String.raw`
      a( a) [a * a|* a** a*+ a++ a{2}{3} a{1001} (a{100}){11} ((a{10}){10}){11} a{2,1} (?=a) (?!a) (?<=a) (?<!a) (?>a)
      (?#a) (?x)a (?P=n) \1 \8 \k<n> \ [b-a] \C \Z \h \e \cA \u0061 \G \X \é \pX \p{Nope} [[:nope:]] \x4 \x{110000}`;
    for (const pattern of refused.trim().split(/\s+/))
      assert.throws(() => compile(pattern), RegexError, pattern);
  });

  it('is searched for anywhere, and its anchors are those of the text', () => {
    const answers: readonly [string, string, boolean][] = [
      ['b', 'abc', true],
      ['^b', 'abc', false],
      ['c$', 'abc', true],
      ['c$', 'abc\n', false],
      ['(?m)^b', 'a\nb', true],
      ['^b', 'a\nb', false],
      ['a.b', 'a\nb', false],
      ['(?s)a.b', 'a\nb', true],
      ['^.$', 'é', true],
      ['^.$', '\u{1f600}', true],
      ['\\w', 'é', false],
      ['\\s', '\u00a0', false],
      ['(?i)k', '\u212a', true],
      ['', '', true],
    ];
    for (const [pattern, text, answer] of answers) {
      assert.equal(compile(pattern)(text), answer, `${pattern} in ${JSON.stringify(text)}`);
    }
  });

  it('takes no more than linear time', () => {
    // Each of these would outlast the test in an engine that goes back.
    const text = 'a'.repeat(20_000);
    assert.equal(compile('(a+)+b')(text), false);
    assert.equal(compile('(a|aa)+$')(`${text}!`), false);
    assert.equal(compile('(.*)(.*)(.*)(.*)(.*)b')(text), false);
    assert.equal(compile('(?:a?){200}a{200}')(text), true);
  });

  it('is counted with its repetitions written out', () => {
    const counts: Readonly<Record<string, number>> = {
      '': 0,
      abc: 3,
      'a{100}': 100,
      'a{2,5}': 10,
      '(?:ab){10}': 60,
      '(a{10}){10}': 120,
      '[^]a{9}]{3}': 3,
      '\\Qa{9}\\E': 4,
      'a\\{9}': 4,
      'a+b*c?': 6,
    };
    for (const [pattern, count] of Object.entries(counts)) {
      assert.equal(countRegexSteps(pattern), count, pattern);
    }
    // Whatever it is given, it ends.
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('a(){}[]\\QE*+?|:^-,19')) }), (pattern) => {
        assert.ok(countRegexSteps(pattern) >= 0);
      }),
    );
  });

  it('is bounded in length, in steps, and in steps of all in a request', () => {
    const compileAll = (...patterns: string[]) =>
      compileFlowFilters(
        patterns.map((pattern) => create(FlowFilterSchema, { httpUrl: [pattern] })),
        [],
      );
    assert.throws(() => compileAll('a'.repeat(1025)), {
      name: 'FilterError',
      field: 'http_url',
      message: /^invalid http_url "a{200}…" in flow filter: 1025 characters, at most 1024 allowed$/,
    });
    assert.throws(() => compileAll('(?:(?:a{10}){10}){10}'.repeat(10)), {
      name: 'FilterError',
      message: /some 14400 steps with its repetitions written out, at most 10000 allowed$/,
    });
    assert.doesNotThrow(() => compileAll('a{1000}'.repeat(9), 'b{1000}'.repeat(9)));
    assert.throws(() => compileAll('a{1000}'.repeat(9), 'b{1000}'.repeat(9), 'c{1000}'.repeat(3)), {
      name: 'FilterError',
      message:
        'invalid http_url "c{1000}c{1000}c{1000}" in flow filter: the regular expressions of one request have more than 20000 steps with repetitions written out',
    });
  });
});
