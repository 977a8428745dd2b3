/** Cuts a text into words as a shell does: quotes of both kinds, and backslashes. A quote that does not end goes on to the end of the text. */
export function cutWords(text: string): string[] {
  const words: string[] = [];
  const part = /'([^']*)(?:'|$)|"((?:[^"\\]|\\.)*)(?:"|$)|\\(.)|([^\s'"\\]+)|(\s+)|\\$/gs;
  let word: string | null = null;
  for (const [, single, double, escaped, plain, space] of text.matchAll(part)) {
    if (space !== undefined) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + (single ?? unescaped(double) ?? escaped ?? plain ?? '');
  }
  if (word !== null) words.push(word);
  return words;
}

/** Within double quotes a backslash stands for itself, unless one of these follows. */
function unescaped(text: string | undefined): string | undefined {
  return text?.replace(/\\([$`"\\\n])/g, (_, character: string) => (character === '\n' ? '' : character));
}

/** A word as a shell needs it. */
export function quoteWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
