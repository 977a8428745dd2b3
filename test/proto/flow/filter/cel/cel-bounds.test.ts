import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FlowInit, matches } from '../../../../support/match-flow.ts';

const cel = (...celExpression: string[]) => [{ experimental: { celExpression } }];

const labels = (count: number): string[] => Array.from({ length: count }, (_, i) => `k8s:label-${i}=v`);
const flow: FlowInit = {
  source: { labels: labels(60) },
  destination: { labels: labels(25) },
  l7: { record: { case: 'http', value: { url: `/${'a'.repeat(2000)}` } } },
};

const repeat = (count: number, text: string): string => text.repeat(count);

describe('the work of a CEL expression', () => {
  it('is enough to compare all labels of one end with all of the other', () => {
    const few: FlowInit = { source: { labels: labels(25) }, destination: { labels: labels(25) } };
    const expression = '_flow.source.labels.all(a, _flow.destination.labels.all(b, a == b || a != b))';
    assert.equal(matches({ ...few, source: { labels: labels(10) } }, cel(expression)), true);
    assert.equal(
      matches(few, cel('_flow.source.labels.all(a, _flow.destination.labels.exists(b, a == b))')),
      true,
    );
  });

  it('ends at a bound, and the expression does not hold', () => {
    const list = '[0,1,2,3,4,5,6,7,8,9]';
    const loops = Array.from({ length: 8 }, (_, i) => `${list}.all(x${i}, `).join('');
    // Each of these would take hours or all memory if it were let.
    const hostile: Readonly<Record<string, string>> = {
      'loops in loops': `${loops}true${repeat(8, ')')}`,
      'loops of failures': `${loops}1/0 == 1${repeat(8, ')')}`,
      'three times the labels':
        '_flow.source.labels.all(a, _flow.source.labels.all(b, _flow.source.labels.all(c, true)))',
      'a text that doubles': `["a"]${repeat(60, '.map(x, x + x)')}.exists(x, x.size() > 0)`,
      'bytes that double': `[b"a"]${repeat(60, '.map(x, x + x)')}.exists(x, x.size() > 0)`,
      'a list that doubles': `[["a"]]${repeat(60, '.map(x, x + x)')}.exists(x, x.size() > 0)`,
      'a tree of shared branches': `[["a"]]${repeat(60, '.map(x, [x, x])')}.exists(x, x == x)`,
      'the same of maps': `[{"a": 1}]${repeat(40, '.map(x, {"a": x, "b": x})')}.exists(x, x == x)`,
      'the same, type unknown': `[dyn(["a"])]${repeat(60, '.map(x, dyn([x, x]))')}.exists(x, x == x)`,
      'a pattern of many steps':
        '_flow.source.labels.exists(a, _flow.l7.http.url.matches("(a?){1000}b" + a) || false)',
      'a pattern beyond measure': `_flow.l7.http.url.matches("${repeat(20, '(a{10}){100}')}")`,
    };
    for (const [what, expression] of Object.entries(hostile)) {
      assert.equal(matches(flow, cel(expression)), false, what);
    }
  });

  it('is bounded by the size of the expression', () => {
    const long = `true //${repeat(2041, '-')}`;
    assert.throws(() => matches({}, cel(`${long}----`)), {
      name: 'FilterError',
      message: /: 2052 characters, at most 2048 allowed$/,
    });
    assert.equal(matches({}, cel(long, long, long, long)), true);
    assert.throws(() => matches({}, cel(long, long, long, long, 'true')), {
      name: 'FilterError',
      message:
        'invalid experimental.cel_expression "true" in flow filter: the expressions of one request have more than 8192 characters',
    });
  });

  it('is bounded by how deep things are nested', () => {
    for (const expression of [
      `${repeat(51, '(')}true${repeat(51, ')')}`,
      `${repeat(51, '[')}${repeat(51, ']')} == []`,
      `${repeat(1000, '1+')}1 == 1`,
      `[1]${repeat(660, '[0]')} == 1`,
      `${repeat(204, 'true?true:')}true`,
    ]) {
      assert.throws(() => matches({}, cel(expression)), { name: 'FilterError', message: /nested / });
    }
    for (const expression of [
      `${repeat(50, '(')}true${repeat(50, ')')}`,
      `${repeat(1000, '!!')}true`,
      `${repeat(340, '1==2||')}1==1`,
      `${repeat(190, 'true?true:')}true`,
    ]) {
      assert.equal(matches({}, cel(expression)), true);
    }
  });

  it('is not spent on brackets that do not fit, or on blanks', () => {
    const mistakes: Readonly<Record<string, string>> = {
      [`true${repeat(201, '\n')}&& true`]: 'at character 5: more than 200 blanks',
      '(true': `at character 1: '(' is never closed`,
      'true)': `at character 5: ')' closes nothing`,
      '(true]': `at character 6: ']' closes nothing`,
      [`true${repeat(1000, '-(')}`]: 'at character 106: brackets nested more than 50 deep',
    };
    for (const [expression, message] of Object.entries(mistakes)) {
      assert.throws(
        () => matches({}, cel(expression)),
        (error: Error) => error.message.endsWith(message),
      );
    }
    // Brackets in texts and comments are none.
    for (const expression of [
      '"(" != "[" // {',
      String.raw`'\'(' != ""`,
      'r"\\" != "(" && br\'(\' != b""',
      '"""("[""" != ""',
    ]) {
      assert.equal(matches({}, cel(expression)), true, expression);
    }
  });

  it('is bounded by the number of expressions with comprehensions', () => {
    const loop = '[1].exists(x, x == 2)';
    assert.equal(matches({}, cel(...Array<string>(8).fill(loop), '1 == 1')), true);
    assert.throws(() => matches({}, cel(...Array<string>(9).fill(loop))), {
      name: 'FilterError',
      message: `invalid experimental.cel_expression "${loop}" in flow filter: more than 8 expressions with comprehensions in one request`,
    });
  });

  it('may have message literals or loops, not both', () => {
    assert.throws(() => matches({}, cel('[1].exists(x, Endpoint{namespace: "a"} == _flow.source)')), {
      name: 'FilterError',
      message: /a message literal and a comprehension in one expression$/,
    });
  });
});
