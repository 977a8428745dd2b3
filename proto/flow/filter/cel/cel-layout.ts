/** Brackets deeper than this are refused. */
export const MAX_CEL_BRACKETS = 50;

const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** Longer runs of white space are refused. */
export const MAX_CEL_BLANKS = 200;

const tooManyBlanks = new RegExp(`\\s{${MAX_CEL_BLANKS + 1}}`, 'y');

/** Where the literal or comment ends that begins at `at`; `at` itself when none does. */
function skipText(expression: string, at: number): number {
  if (expression.startsWith('//', at)) {
    const end = expression.indexOf('\n', at);
    return end < 0 ? expression.length : end;
  }
  const quote = expression[at];
  if (quote !== '"' && quote !== "'") return at;
  const delimiter = expression.startsWith(quote.repeat(3), at) ? quote.repeat(3) : quote;
  const isRaw = /(?:^|[^\w])(?:[bB]?[rR]|[rR][bB])$/.test(expression.slice(Math.max(at - 3, 0), at));
  let pos = at + delimiter.length;
  while (pos < expression.length && !expression.startsWith(delimiter, pos)) {
    pos += !isRaw && expression[pos] === '\\' ? 2 : 1;
  }
  return pos + delimiter.length;
}

/**
 * What is wrong with the brackets and blanks of an expression, or null. The parser takes time in the square of the number of open brackets, more for those that are never closed, and in the
 * square of a run of white space: it must not see expressions that are made of these.
 */
export function checkCelLayout(expression: string): string | null {
  const open: { readonly char: string; readonly at: number }[] = [];
  let pos = 0;
  while (pos < expression.length) {
    const textEnd = skipText(expression, pos);
    if (textEnd > pos) {
      pos = textEnd;
      continue;
    }
    tooManyBlanks.lastIndex = pos;
    if (tooManyBlanks.test(expression)) return `at character ${pos + 1}: more than ${MAX_CEL_BLANKS} blanks`;
    const char = expression[pos];
    if (Object.hasOwn(closing, char)) {
      open.push({ char, at: pos });
      if (open.length > MAX_CEL_BRACKETS) {
        return `at character ${pos + 1}: brackets nested more than ${MAX_CEL_BRACKETS} deep`;
      }
    } else if (char === ')' || char === ']' || char === '}') {
      const last = open.pop();
      if (last === undefined || closing[last.char] !== char) {
        return `at character ${pos + 1}: '${char}' closes nothing`;
      }
    }
    pos++;
  }
  const last = open.pop();
  return last === undefined ? null : `at character ${last.at + 1}: '${last.char}' is never closed`;
}
