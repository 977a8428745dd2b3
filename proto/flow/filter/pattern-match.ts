import type { TextMatch } from '../flow-index.ts';
import { FilterError } from './filter-error.ts';

const utf8 = new TextEncoder();

const STAR = 0x2a;
const DOT = 0x2e;
const SLASH = 0x2f;

const NAME_CHARACTERS = 'abcdefghijklmnopqrstuvwxyz0123456789-';

function characterTable(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const code of utf8.encode(characters)) table[code] = 1;
  return table;
}

/** What a star stands for: dots too, but no underscore. */
const starCharacters = characterTable(`${NAME_CHARACTERS}.`);
/** What a part of a name between dots consists of when any name will do. */
const partCharacters = characterTable(`${NAME_CHARACTERS}_`);

/** White space in the sense of Go's unicode.IsSpace. */
const space = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** Without the white space at both ends. By hand: an expression that ends in `+$` takes the square of a long run's length. */
function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && space.test(text[start])) start++;
  while (end > start && space.test(text[end - 1])) end--;
  return text.slice(start, end);
}

/** Prepares one element of an FQDN or node name pattern. Throws FilterError. */
function preparePattern(field: string, value: string, element: string): Uint8Array {
  const prepared = trimSpace(element).replace(/\.$/, '').toLowerCase();
  if (prepared === '') throw new FilterError(field, value, 'expected a name pattern, not an empty one');
  if (prepared.endsWith('.')) throw new FilterError(field, value, 'expected at most one dot at the end');
  const bad = /[^-a-z0-9_.*]/u.exec(prepared);
  if (bad !== null) {
    throw new FilterError(
      field,
      value,
      `character ${JSON.stringify(bad[0])} is not allowed, expected letters, digits, '-', '_', '.' or '*'`,
    );
  }
  return utf8.encode(prepared);
}

/**
 * Whether a pattern describes the whole of a text. When a literal fails, the last star takes one character more; earlier stars need not be tried again, because
 * what stands between two stars can only be found later than at its first place by making the star before it longer, and then the star behind it can do
 * with less. So the time is bounded by the product of the lengths, unlike that of a backtracking regular expression.
 */
function matchesPattern(pattern: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  let at = 0;
  let pos = start;
  let starAt = -1;
  let starEnd = 0;
  while (pos < end) {
    if (at < pattern.length && pattern[at] === STAR) {
      starAt = at++;
      starEnd = pos;
    } else if (at < pattern.length && pattern[at] === bytes[pos]) {
      at++;
      pos++;
    } else if (starAt >= 0 && starCharacters[bytes[starEnd]] === 1) {
      at = starAt + 1;
      pos = ++starEnd;
    } else {
      return false;
    }
  }
  while (at < pattern.length && pattern[at] === STAR) at++;
  return at === pattern.length;
}

/** Compiles FQDN patterns into one test of a name as stored. Throws FilterError. */
export function compileFqdnMatch(field: string, values: readonly string[]): TextMatch {
  const patterns = values.map((value) => preparePattern(field, value, value));
  return (bytes, start, end) => patterns.some((pattern) => matchesPattern(pattern, bytes, start, end));
}

/** Any name: parts that are not empty, between dots. */
function isAnyName(bytes: Uint8Array, start: number, end: number): boolean {
  let partStart = start;
  for (let pos = start; pos < end; pos++) {
    if (partCharacters[bytes[pos]] === 1) continue;
    if (bytes[pos] !== DOT || pos === partStart) return false;
    partStart = pos + 1;
  }
  return partStart < end;
}

const defaultCluster = utf8.encode('default');

/** Compiles node name patterns (`n1`, `cluster/n*`, `cluster/`, `/n1`) into one test of `Flow.node_name`. Throws FilterError. */
export function compileNodeNameMatch(field: string, values: readonly string[]): TextMatch {
  const element = (value: string, part: string): TextMatch => {
    if (part === '') return isAnyName;
    const pattern = preparePattern(field, value, part);
    return (bytes, start, end) => matchesPattern(pattern, bytes, start, end);
  };
  const patterns = values.map((value) => {
    const parts = value.split('/');
    if (value === '' || parts.length > 2) throw new FilterError(field, value, 'expected [cluster/]node');
    const [cluster, node] = parts.length === 1 ? ['', value] : parts;
    return { cluster: element(value, cluster), node: element(value, node) };
  });
  return (bytes, start, end) => {
    if (start === end) return false;
    // Names without a cluster are those of the cluster "default".
    let slash = start;
    while (slash < end && bytes[slash] !== SLASH) slash++;
    return patterns.some(({ cluster, node }) =>
      slash === end
        ? cluster(defaultCluster, 0, defaultCluster.length) && node(bytes, start, end)
        : cluster(bytes, start, slash) && node(bytes, slash + 1, end),
    );
  };
}
