const repetition = /\{(\d+)(?:,(\d*))?\}/y;

/** Where the character class that opens at `at` ends: behind its `]`. */
function skipClass(pattern: string, at: number): number {
  let pos = at + 1;
  if (pattern[pos] === '^') pos++;
  if (pattern[pos] === ']') pos++; // a `]` in the first place stands for itself
  while (pos < pattern.length && pattern[pos] !== ']') {
    if (pattern[pos] === '\\') pos += 2;
    else if (pattern.startsWith('[:', pos) && pattern.includes(':]', pos))
      pos = pattern.indexOf(':]', pos) + 2;
    else pos++;
  }
  return pos + 1;
}

/**
 * How long a regular expression gets when its repetitions are written out, in steps of a matching machine: what compiling it costs, and what one character
 * of a text costs at most. Nested repetitions multiply, so a short expression can be very long. Known before compiling, since that is where the cost begins.
 * An estimate from above within a small factor; of an expression with wrong syntax it says nothing.
 */
export function countRegexSteps(pattern: string): number {
  /** Steps so far of each group that is open. */
  const groups = [0];
  /** Steps of what a repetition would repeat. */
  let last = 0;
  const add = (steps: number): void => {
    groups[groups.length - 1] += steps - last;
    last = 0;
  };
  const put = (steps: number): void => {
    last = 0;
    add(steps);
    last = steps;
  };
  let pos = 0;
  while (pos < pattern.length) {
    const char = pattern[pos];
    repetition.lastIndex = pos;
    const repeat = char === '{' ? repetition.exec(pattern) : null;
    if (pattern.startsWith('\\Q', pos)) {
      const end = pattern.indexOf('\\E', pos);
      const literal = pattern.slice(pos + 2, end < 0 ? pattern.length : end);
      put(literal.length);
      last = Math.min(last, 1);
      pos = end < 0 ? pattern.length : end + 2;
    } else if (char === '\\') {
      put(1);
      pos += 2;
    } else if (char === '[') {
      put(1);
      pos = skipClass(pattern, pos);
    } else if (char === '(') {
      groups.push(2);
      last = 0;
      pos++;
    } else if (char === ')' && groups.length > 1) {
      const steps = groups.pop() ?? 0;
      put(steps);
      pos++;
    } else if (repeat !== null) {
      const least = Number(repeat[1]);
      const most = repeat[2] === undefined ? least : repeat[2] === '' ? least + 1 : Number(repeat[2]);
      // What may be left out takes a step more each time.
      add((last + (most > least ? 1 : 0)) * Math.max(most, 1));
      pos += repeat[0].length;
    } else if (char === '*' || char === '+' || char === '?') {
      add(last + 1);
      pos++;
    } else {
      put(1);
      pos++;
    }
  }
  return groups.reduce((sum, steps) => sum + steps, 0);
}
