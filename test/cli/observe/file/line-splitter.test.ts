import fc from 'fast-check';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LineSplitter, MAX_LINE_BYTES } from '../../../../cli/observe/file/line-splitter.ts';

/** The lines of chunks. */
function linesOf(chunks: readonly Uint8Array[], limit = Infinity): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((bytes, start, end) => {
    assert.ok(bytes[end] === 10 || bytes[end] === 13, 'a line break stands behind the line');
    lines.push(Buffer.from(bytes.subarray(start, end)).toString());
    return lines.length < limit;
  });
  for (const chunk of chunks) if (!splitter.push(chunk)) return lines;
  splitter.end();
  return lines;
}

const one = (text: string): Uint8Array[] => [Buffer.from(text)];

describe('LineSplitter', () => {
  it('takes lines with either line break, and the last one without', () => {
    assert.deepEqual(linesOf(one('a\nbc\r\n\nd')), ['a', 'bc', '', 'd']);
  });

  it('does not make a line of nothing behind the last line break', () => {
    assert.deepEqual(linesOf(one('a\n')), ['a']);
    assert.deepEqual(linesOf([]), []);
  });

  it('stops when it is told to', () => {
    assert.deepEqual(linesOf(one('a\nb\nc'), 2), ['a', 'b']);
  });

  it('takes a line of 64 KiB, but none that is longer', () => {
    const longest = 'x'.repeat(MAX_LINE_BYTES);
    for (const end of ['', '\n', '\r\n'])
      assert.deepEqual(linesOf(one(`a\n${longest}${end}`)), ['a', longest]);
    for (const end of ['', '\n', 'x'.repeat(100_000)]) {
      assert.throws(() => linesOf(one(`a\n${longest}x${end}`)), /line 2 is longer than 65536 bytes/);
    }
  });

  it('cuts the same lines however the bytes come', () => {
    const text = fc.array(fc.constantFrom('a', 'é', '\n', '\r\n', 'long '.repeat(20)), { maxLength: 30 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(40), { maxLength: 20 }), (parts, sizes) => {
        const bytes = Buffer.from(parts.join(''));
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const size of [...sizes, bytes.length]) chunks.push(bytes.subarray(at, (at += size)));
        assert.deepEqual(linesOf(chunks), linesOf([bytes]));
      }),
    );
  });
});
