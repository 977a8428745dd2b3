import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatTable } from '../../../../proto/flow/text/table.ts';

describe('formatTable()', () => {
  it('prints nothing for no rows', () => assert.equal(formatTable([]), ''));

  it('makes a column as wide as its widest cell and three blanks, and leaves the last column as it is', () => {
    assert.equal(
      formatTable([
        ['A', 'B', 'C'],
        ['long', '', 'end  '],
      ]),
      'A      B   C\nlong       end  \n',
    );
  });

  it('makes an empty column three wide', () => {
    assert.equal(formatTable([['a', '', 'b']]), 'a      b\n');
  });

  it('counts code points', () => {
    assert.equal(
      formatTable([
        ['ä😀', 'x'],
        ['abc', 'y'],
      ]),
      'ä😀    x\nabc   y\n',
    );
  });

  it('starts new widths behind a row that is too short, but keeps the columns in front aligned', () => {
    assert.equal(
      formatTable([
        ['1', 'a', 'b', 'c'],
        ['22222', 'aa', 'end'],
        ['3', 'aaaaaa', 'bbbb', 'c'],
      ]),
      '1       a        b   c\n22222   aa       end\n3       aaaaaa   bbbb   c\n',
    );
  });

  it('ends a row at a line break in a value, and with it every run', () => {
    assert.equal(
      formatTable([
        ['NAME', 'TEXT'],
        ['a', 'one\ntwo'],
        ['longer', 'three'],
      ]),
      'NAME   TEXT\na      one\ntwo\nlonger   three\n',
    );
  });

  it('prints an empty line for a line break at the end of a value', () => {
    assert.equal(formatTable([['a', 'b\n']]), 'a   b\n\n');
  });

  it('ends a cell at a tab or vertical tab in a value', () => {
    assert.equal(
      formatTable([
        ['a\tb', 'c'],
        ['x', 'y', 'z'],
        ['p\vq', 'r'],
      ]),
      'a   b   c\nx   y   z\np   q   r\n',
    );
  });

  it('ends every run at a form feed', () => {
    assert.equal(
      formatTable([
        ['a', 'b', 'c\fd'],
        ['long', 'e', 'f'],
      ]),
      'a   b   c\nd\nlong   e   f\n',
    );
    assert.equal(formatTable([['a', 'b\fcc', 'd', 'e']]), 'a   b\ncc   d   e\n');
    assert.equal(
      formatTable([['wide cell', 'b'], ['a\tb\fc'], ['d', 'e']]),
      'wide cell   b\na           b\nc\nd   e\n',
    );
  });

  it('bears a value with any number of tabs', () => {
    const cells = 50_000;
    const text = formatTable([['\t'.repeat(cells)], ['a']]);
    assert.equal(text, `${'   '.repeat(cells)}\na\n`);
  });
});
