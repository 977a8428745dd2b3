import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { goQuote } from '../../../../proto/flow/text/go-quote.ts';
import { coloured, escapeTerminal, plain } from '../../../../proto/flow/text/terminal.ts';

const ESC = '\u001b';

describe('escapeTerminal()', () => {
  it('shows every ESC and carriage return, and changes nothing else', () => {
    assert.equal(
      escapeTerminal(`a${ESC}[2Jb\rc\u0007\t\n\u007f\u202e`, false),
      'a^[[2Jb\\rc\u0007\t\n\u007f\u202e',
    );
  });

  it('lets no sequence pass without colour', () => {
    assert.equal(escapeTerminal(`${ESC}[31mred${ESC}[0m`, false), '^[[31mred^[[0m');
  });

  it('lets exactly the sequences of its own colours pass with colour', () => {
    for (const code of [31, 32, 33, 34, 35, 36, 0]) {
      assert.equal(escapeTerminal(`${ESC}[${code}m`, true), `${ESC}[${code}m`);
    }
    for (const other of [
      '[30m',
      '[37m',
      '[1m',
      '[31;1m',
      '[310m',
      '[00m',
      '[m',
      '[0n',
      ']0;title',
      '[0',
      '',
    ]) {
      assert.equal(escapeTerminal(ESC + other, true), `^[${other}`);
    }
    assert.equal(escapeTerminal(`${ESC}${ESC}[31m`, true), `^[${ESC}[31m`);
  });
});

describe('paint', () => {
  it('puts a colour around text, also around none', () => {
    assert.equal(coloured('cyan', 'x'), `${ESC}[36mx${ESC}[0m`);
    assert.equal(coloured('red', ''), `${ESC}[31m${ESC}[0m`);
    assert.equal(plain('cyan', 'x'), 'x');
  });
});

describe('goQuote()', () => {
  const texts: readonly (readonly [string, string])[] = [
    ['plain', '"plain"'],
    ['a "b" \\c', '"a \\"b\\" \\\\c"'],
    ['\u0007\b\f\n\r\t\v', '"\\a\\b\\f\\n\\r\\t\\v"'],
    ['\u0000\u001b\u007f', '"\\x00\\x1b\\x7f"'],
    ['\u0085\u00a0\u202e', '"\\u0085\\u00a0\\u202e"'],
    ['grün 😀', '"grün 😀"'],
    ['\u{e0001}', '"\\U000e0001"'],
  ];
  for (const [text, quoted] of texts) {
    it(`quotes ${JSON.stringify(text)} as ${quoted}`, () => assert.equal(goQuote(text), quoted));
  }
});
