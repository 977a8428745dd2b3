import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { COOKIE_LOCALHOST, type NamedRule, RuleTable } from '../../../policy/compile/rule-table.ts';

const rule = (name: string, path = 'spec.ingress[0]'): NamedRule => ({
  kind: 'NetworkPolicy',
  namespace: 'a',
  name,
  labels: [],
  log: '',
  direction: 'ingress',
  isDeny: false,
  path,
});

describe('RuleTable', () => {
  it('leads from a cookie back to its rules, in one order', () => {
    const table = new RuleTable();
    const b = table.acquire(rule('b'));
    const a = table.acquire(rule('a'));
    const cookie = table.cookieOf([b, a, b]);
    assert.equal(table.cookieOf([a, b]), cookie);
    assert.deepEqual(
      table.rulesOf(cookie).map(({ name }) => name),
      ['a', 'b'],
    );
    assert.deepEqual(table.rulesOf(COOKIE_LOCALHOST)[0].labels, [
      'reserved:io.cilium.policy.derived-from=allow-localhost-ingress',
    ]);
    assert.deepEqual(table.rulesOf(0), []);
  });

  it('gives the same cookies in another process, whatever came before', () => {
    const one = new RuleTable();
    const other = new RuleTable();
    other.acquire(rule('z'));
    const cookies = [one, other].map((table) =>
      table.cookieOf([table.acquire(rule('a')), table.acquire(rule('b'))]),
    );
    assert.equal(cookies[0], cookies[1]);
  });

  it('still names rules that are gone, and gives their cookie to nobody else', () => {
    const table = new RuleTable();
    const id = table.acquire(rule('a'));
    const cookie = table.cookieOf([id]);
    table.release(id);
    assert.deepEqual(
      table.rulesOf(cookie).map(({ name }) => name),
      ['a'],
    );
    const other = table.acquire({ ...rule('a'), labels: ['unspec:new'] });
    assert.notEqual(table.cookieOf([other]), cookie);
  });

  it('forgets rules at last, but not those that came back', () => {
    const table = new RuleTable();
    const kept = table.acquire(rule('kept'));
    const cookie = table.cookieOf([kept]);
    const gone = table.acquire(rule('gone'));
    const goneCookie = table.cookieOf([gone, kept]);
    table.release(kept);
    table.release(gone);
    assert.equal(table.acquire(rule('kept')), kept);
    for (let i = 0; i < 40_000; i++) table.release(table.acquire(rule(`other-${i}`)));
    assert.deepEqual(
      table.rulesOf(cookie).map(({ name }) => name),
      ['kept'],
    );
    assert.deepEqual(table.rulesOf(goneCookie), []);
  });
});
