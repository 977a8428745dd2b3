/** A line of a text, or of two that are compared. */
export interface DiffLine {
  /** In the newer text; of a line that is gone, in the older one. */
  readonly number: number;
  readonly text: string;
  /** `+` came, `-` is gone. */
  readonly sign: '' | '+' | '-';
}

/** Cells of the table of common lines: above that, what differs is told as one block. */
const MAX_CELLS = 4_000_000;

/** A text as lines, numbered from `first`. */
export function plainLines(text: string, first: number): DiffLine[] {
  return linesOf(text).map((line, i) => ({ number: first + i, text: line, sign: '' }));
}

/**
 * The newer text with the lines that came and those that are gone, where they were: the fewest that lead from one to the other.
 * @param firstOlder number of its first line
 */
export function diffLines(older: string, newer: string, firstOlder: number, firstNewer: number): DiffLine[] {
  const a = linesOf(older);
  const b = linesOf(newer);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const same = (from: number, to: number): DiffLine[] =>
    b.slice(from, to).map((text, i) => ({ number: firstNewer + from + i, text, sign: '' }));
  return [
    ...same(0, start),
    ...diffMiddle(
      a.slice(start, a.length - end),
      b.slice(start, b.length - end),
      firstOlder + start,
      firstNewer + start,
    ),
    ...same(b.length - end, b.length),
  ];
}

function diffMiddle(
  a: readonly string[],
  b: readonly string[],
  firstOlder: number,
  firstNewer: number,
): DiffLine[] {
  const gone = (i: number): DiffLine => ({ number: firstOlder + i, text: a[i], sign: '-' });
  const came = (j: number): DiffLine => ({ number: firstNewer + j, text: b[j], sign: '+' });
  if (a.length * b.length > MAX_CELLS) return [...a.map((_, i) => gone(i)), ...b.map((_, j) => came(j))];
  const width = b.length + 1;
  // Length of the longest common subsequence of a[i…] and b[j…].
  const common = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] =
        a[i] === b[j]
          ? common[(i + 1) * width + j + 1] + 1
          : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ number: firstNewer + j, text: b[j], sign: '' });
      i++;
      j++;
    } else if (i < a.length && (j === b.length || common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      lines.push(gone(i++));
    } else lines.push(came(j++));
  }
  return lines;
}

/** Lines without the empty one behind the last line break. */
function linesOf(text: string): string[] {
  if (text === '') return [];
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}
