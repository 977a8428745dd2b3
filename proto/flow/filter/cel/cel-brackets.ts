/** Brackets deeper than this are refused. */
export const MAX_CEL_BRACKETS = 50;

const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

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
 * What is wrong with the brackets of an expression, or null. The parser takes the square of the time for each bracket that is open, and more for one that is never closed, so it must
 * not see expressions that are nothing but brackets.
 */
export function checkCelBrackets(expression: string): string | null {
  const open: { readonly char: string; readonly at: number }[] = [];
  let pos = 0;
  while (pos < expression.length) {
    const textEnd = skipText(expression, pos);
    if (textEnd > pos) {
      pos = textEnd;
      continue;
    }
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
