import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { compileFqdnMatch, compileNodeNameMatch } from '../../../../proto/flow/filter/pattern-match.ts';

const utf8 = new TextEncoder();

function fqdn(pattern: string, name: string): boolean {
  const bytes = utf8.encode(`x${name}x`);
  return compileFqdnMatch('source_fqdn', [pattern])(bytes, 1, bytes.length - 1);
}

function node(pattern: string, name: string): boolean {
  const bytes = utf8.encode(`x${name}x`);
  return compileNodeNameMatch('node_name', [pattern])(bytes, 1, bytes.length - 1);
}

describe('an FQDN pattern', () => {
  it('means what the regular expression of it means', () => {
    const characters = (...all: string[]): fc.Arbitrary<string> =>
      fc.array(fc.constantFrom(...all), { minLength: 1, maxLength: 9 }).map((parts) => parts.join(''));
    const pattern = characters('a', 'b', '_', '.', '*', '*').filter((text) => !text.endsWith('.'));
    fc.assert(
      fc.property(pattern, characters('a', 'b', 'a', 'b', '_', '.', 'A', '*'), (pattern, name) => {
        const source = pattern.replace(/[.*]/g, (c) => (c === '.' ? '[.]' : '[-a-z0-9.]*'));
        assert.equal(fqdn(pattern, name), new RegExp(`^${source}$`).test(name), `${pattern} on ${name}`);
      }),
      { numRuns: 20_000 },
    );
  });

  it('takes time in proportion to its length and the length of the name', () => {
    // As a regular expression, this would outlast the test.
    const pattern = `${'*a'.repeat(40)}*b`;
    assert.equal(fqdn(pattern, 'a'.repeat(5000)), false);
    assert.equal(fqdn(pattern, `${'a'.repeat(5000)}b`), true);
  });

  it('is prepared: white space and one dot go, capitals become small', () => {
    assert.ok(fqdn(' Api.Example.ORG. ', 'api.example.org'));
    assert.ok(fqdn('\u0085a\u3000', 'a'));
    assert.ok(!fqdn('api.example.org', 'API.example.org'));
    assert.ok(!fqdn('example.org', 'example.org.'));
    assert.throws(() => fqdn('a..', ''), /expected at most one dot at the end/);
    assert.throws(() => fqdn('a b', ''), /character " " is not allowed/);
    assert.throws(() => fqdn('a\u{1f600}', ''), /character "\u{1f600}" is not allowed/u);
  });
});

describe('a node name pattern', () => {
  it('has a cluster and a node, either of which may be left out', () => {
    const answers: readonly [string, string, boolean][] = [
      ['n1', 'n1', true],
      ['n1', 'east/n1', true],
      ['n1', 'default/n1', true],
      ['default/n1', 'n1', true],
      ['east/n1', 'n1', false],
      ['c1/n*', 'c1/n-2.x', true],
      ['c1/n*', 'c1/n_2', false],
      ['c1/', 'c1/any_thing.x', true],
      ['c1/', 'c1/', false],
      ['c1/', 'c2/n', false],
      ['/n1', 'c9/n1', true],
      ['/', 'a/b', true],
      ['/', 'n', true],
      ['/', 'a..b', false],
      ['/', 'A/b', false],
      ['/', 'a/b.', false],
      ['/', '.a/b', false],
      ['/', 'a/b/c', false],
      ['*', 'a/b/c', false],
      ['*', '', false],
      ['*', '/n', false],
      ['*/n', '/n', true],
    ];
    for (const [pattern, name, answer] of answers) {
      assert.equal(node(pattern, name), answer, `${pattern} on ${JSON.stringify(name)}`);
    }
  });
});
