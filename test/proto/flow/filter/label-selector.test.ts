import assert from 'node:assert/strict';
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, it } from 'node:test';
import { compileFilter } from '../../../../proto/flow/filter/compile-filter.ts';
import { parseInt64, parseLabelSelector } from '../../../../proto/flow/filter/label-selector.ts';
import { FlowIndex } from '../../../../proto/flow/flow-index.ts';
import { FlowFilterSchema } from '../../../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../../../proto/gen/observer/observer_pb.ts';

const index = new FlowIndex();

/** Whether a flow whose source has these labels (no source at all for null) passes the selector. */
function selects(selector: string, labels: readonly string[] | null): boolean {
  const match = compileFilter(create(FlowFilterSchema, { sourceLabel: [selector] }));
  const value = labels === null ? {} : { source: { labels: [...labels], namespace: 'x' } };
  const response = create(GetFlowsResponseSchema, { responseTypes: { case: 'flow', value } });
  const bytes = toBinary(GetFlowsResponseSchema, response);
  index.reset(bytes, 0, bytes.length);
  return match(index);
}

const pod = [
  'k8s:app=cart',
  'k8s:io.x/tier=2',
  'k8s:empty',
  'k8s:odd=',
  'container:app=box',
  'k8s:k8s.app=dotted',
];

describe('a label selector', () => {
  it('selects by existence, equality, lists and order', () => {
    const answers: Readonly<Record<string, boolean>> = {
      '': true,
      app: true,
      other: false,
      '!app': false,
      '!other': true,
      'app=cart': true,
      'app==cart': true,
      'app=box': false, // of equal keys the first counts
      'container:app=box': true,
      'any:app=cart': true,
      'unspec:app=cart': true,
      'docker:app': false,
      'app!=cart': false,
      'other!=cart': true,
      'app in (a,cart)': true,
      'app in (a,b)': false,
      'other in (a)': false,
      'app notin (a,cart)': false,
      'app notin (a,b)': true,
      'other notin (a)': true,
      'io.x/tier>1': true,
      'io.x/tier>2': false,
      'k8s:io.x/tier<3': true,
      'app>1': false,
      'other<1': false,
      'empty=': true,
      'odd=': true,
      'odd in ()': true,
      'odd in (a,)': true,
      'app in (,)': false,
      'empty!=': false,
      'app=cart,io.x/tier=2': true,
      'app=cart,other': false,
      ' app = cart , ! other ': true,
      '\tapp\nin\n(cart)\n': true,
      'k8s.app': true,
      'k8s.app=dotted': true,
      'in notin (in, notin)': true,
    };
    for (const [selector, answer] of Object.entries(answers)) {
      assert.equal(selects(selector, pod), answer, JSON.stringify(selector));
    }
  });

  it('takes a flow without an endpoint for one without labels', () => {
    for (const selector of ['', '!app', 'app!=x', 'app notin (x)'])
      assert.ok(selects(selector, null), selector);
    for (const selector of ['app', 'app=', 'app in ()', 'app>1'])
      assert.ok(!selects(selector, null), selector);
  });

  it('reads labels as they are stored', () => {
    const answers: readonly [string, string, boolean][] = [
      ['reserved:world', 'reserved:world', true],
      ['$host', 'reserved:host', true],
      ['reserved:=kept', 'reserved:kept', true],
      ['reserved.host', 'reserved:host', false],
      ['reserved.host', 'reserved.host', true],
      ['os=linux', 'os=linux', true],
      ['os=linux', 'any:os=linux', true],
      ['os=linux', 'k8s:os=linux', false],
      ['os=linux', 'unspec:os', true],
      [':os=linux', 'os=linux', true],
      ['a=b:c=d', 'c=d', true],
      ['k8s:a=b=c', 'a', true],
      ['k8s:=b', 'b', false],
      // A dot in the source of a selector: what follows it belongs to the key.
      ['a:b.key=1', 'a.b:key=1', true],
      ['a:b.key=1', 'a:b.key=1', true],
    ];
    for (const [label, selector, answer] of answers) {
      assert.equal(selects(selector, [label]), answer, `${label} by ${selector}`);
    }
  });

  it('compares ranges by what they hold, and only under their own source', () => {
    const answers: readonly [string, string, boolean][] = [
      ['cidr:10.1.0.0/16', 'cidr:10.0.0.0/8', true],
      ['cidr:10.0.0.0/8', 'cidr:10.0.0.0/8', true],
      ['cidr:10.0.0.0/7', 'cidr:10.0.0.0/8', false],
      ['cidr:11.0.0.0/8', 'cidr:10.0.0.0/8', false],
      ['cidr:2001-db8--1/128', 'cidr:2001-db8--0/32', true],
      ['cidr:2001-db9--1/128', 'cidr:2001-db8--0/32', false],
      ['cidr:0--0/0', 'cidr:10.0.0.0/8', false],
      ['cidr:rubbish', 'cidr:10.0.0.0/8', false],
      ['cidr:rubbish', 'cidr:rubbish', false],
      ['cidr:rubbish', '!cidr:rubbish', true],
      ['k8s:10.1.0.0/16', 'cidr:10.0.0.0/8', false],
      ['cidr:10.1.0.0/16', 'any:10.1.0.0/16', true],
      ['cidr:10.1.0.0/16', '10.0.0.0/8', false],
      ['cidr:10.1.0.0/16', '!cidr:10.0.0.0/8', false],
      ['cidr:10.1.0.0/16', 'cidr:10.0.0.0/8=', true],
    ];
    for (const [label, selector, answer] of answers) {
      assert.equal(selects(selector, [label]), answer, `${label} by ${selector}`);
    }
    // Of several ranges inside, the one whose key sorts first gives the value.
    const labels = ['cidr:10.2.0.0/16=b', 'cidr:10.1.0.0/16=a'];
    assert.ok(selects('cidr:10.0.0.0/8=a', labels));
    assert.ok(!selects('cidr:10.0.0.0/8=b', labels));
  });

  it('compares numbers of 64 bits and of either sign', () => {
    assert.ok(selects('n>9223372036854775806', ['n=9223372036854775807']));
    assert.ok(selects('n<1', ['n=-9223372036854775808']));
    assert.ok(selects('n>6', ['n=+7']));
    assert.ok(!selects('n>6', ['n=9223372036854775808']));
    assert.ok(!selects('n>6', ['n=7.5']));
    assert.equal(parseInt64('-9223372036854775809'), null);
    assert.equal(parseInt64(''), null);
  });

  it('is refused where it does not parse, with the place and what was expected', () => {
    const refusals: Readonly<Record<string, string>> = {
      ' ': `found the end, expected a label key or '!'`,
      ',app': `found ",", expected a label key or '!'`,
      'app,': `found the end, expected a label key or '!'`,
      'app,,b': `found ",", expected a label key or '!'`,
      '!app=b': `found "=", expected ',' or the end`,
      '!!app': `found "!", expected a label key`,
      'app=a b': `found "b", expected ',' or the end`,
      'app===b': `found "=", expected a label value`,
      'app b': `found "b", expected ',', '=', '==', '!=', '>', '<', 'in' or 'notin'`,
      'app in a': `found "a", expected '('`,
      'app in (a': `found the end, expected ',' or ')'`,
      'app in (a b)': `found "b", expected ',' or ')'`,
      'app>x': `"x" cannot be compared with, expected an integer`,
      'app>': `"" cannot be compared with, expected an integer`,
      'app>-1': `"-1" is no label value: expected at most 63 letters, digits, '-', '_' and '.'`,
      'app=-a': `"-a" is no label value: expected at most 63 letters, digits, '-', '_' and '.'`,
    };
    for (const [selector, message] of Object.entries(refusals)) {
      assert.throws(() => parseLabelSelector(selector), { name: 'LabelSelectorError', message }, selector);
    }
    const badKeys = [
      'a:b:c',
      ':a',
      'a:',
      'ä',
      'a-',
      'a/b/c',
      'A/b',
      'a_b/c',
      'a/',
      '/a',
      'a..b/c',
      'x'.repeat(60),
    ];
    for (const key of badKeys) {
      assert.throws(
        () => parseLabelSelector(key),
        /is no label key: expected \[source:\]\[domain\/\]name/,
        key,
      );
    }
    assert.deepEqual(parseLabelSelector('-a')[0].key, '-a'); // behind "any." it is no beginning
    assert.equal(parseLabelSelector('x'.repeat(59)).length, 1); // "any." counts into the 63
    assert.equal(
      parseLabelSelector(`${'x'.repeat(249)}/y`.replace(/x{63}/g, `${'x'.repeat(62)}.`)).length,
      1,
    );
    assert.throws(() => parseLabelSelector(`a=${'x'.repeat(64)}`), /is no label value/);
    assert.throws(() => selects('a,', []), {
      name: 'FilterError',
      message: `invalid source_label "a," in flow filter: found the end, expected a label key or '!'`,
    });
  });
});
