/**
 * Label selectors as text: the grammar of Kubernetes' set-based selectors, with keys that may name the source of a label (`k8s:app`).
 */

/** One condition of a selector. All of them must hold. */
export interface LabelRequirement {
  /** Source that the label must have; `any` = every source. */
  readonly source: string;
  readonly key: string;
  readonly operator: 'exists' | 'absent' | 'in' | 'notin' | 'greater' | 'less';
  /** The values of `in` and `notin`, the one operand (in decimals) of `greater` and `less`. */
  readonly values: readonly string[];
}

/** A selector that does not parse; the message says where it goes wrong. */
export class LabelSelectorError extends Error {
  override readonly name = 'LabelSelectorError';
}

const space = /[ \t\r\n]+/y;
const operatorToken = /==|!=|[=!<>(),]/y;
const wordToken = /[^ \t\r\n=!<>(),]+/y;

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  let pos = 0;
  while (pos < text.length) {
    for (const kind of [space, operatorToken, wordToken]) {
      kind.lastIndex = pos;
      const found = kind.exec(text)?.[0];
      if (found === undefined) continue;
      if (kind !== space) tokens.push(found);
      pos += found.length;
      break;
    }
  }
  return tokens;
}

const isWord = (token: string | undefined): token is string =>
  token !== undefined && !/^(?:==|!=|[=!<>(),])$/.test(token);

const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const DOMAIN_PART = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const NAME_MAX = 63;
const DOMAIN_MAX = 253;

const isName = (text: string): boolean => text.length <= NAME_MAX && NAME.test(text);
const isDomain = (text: string): boolean =>
  text.length <= DOMAIN_MAX && text.split('.').every((part) => DOMAIN_PART.test(part));

/**
 * Splits a key as written into source and key. Hubble rewrites `source:key` to `source.key` and a bare key to `any.key`, wants a valid Kubernetes key, and takes
 * what stands before the first dot of that as the source: so a source with a dot loses its end to the key.
 */
function parseKey(written: string): { source: string; key: string } {
  const rewritten = written.includes(':') ? written.replace(':', '.') : `any.${written}`;
  const parts = rewritten.split('/');
  const name = parts[parts.length - 1];
  if (parts.length > 2 || !isName(name) || (parts.length === 2 && !isDomain(parts[0]))) {
    throw new LabelSelectorError(
      `${JSON.stringify(written)} is no label key: expected [source:][domain/]name, the name of at most ${NAME_MAX} letters, digits, '-', '_' and '.'`,
    );
  }
  const dot = rewritten.indexOf('.');
  const source = rewritten.slice(0, dot);
  return { source: source === 'unspec' ? 'any' : source, key: rewritten.slice(dot + 1) };
}

class SelectorParser {
  private readonly tokens: readonly string[];
  private at = 0;

  constructor(text: string) {
    this.tokens = tokenize(text);
  }

  parse(): LabelRequirement[] {
    const requirements = [this.requirement()];
    while (this.at < this.tokens.length) {
      if (this.tokens[this.at] !== ',') throw this.unexpected(`',' or the end`);
      this.at++;
      requirements.push(this.requirement());
    }
    return requirements;
  }

  private unexpected(expected: string): LabelSelectorError {
    const found = this.at < this.tokens.length ? JSON.stringify(this.tokens[this.at]) : 'the end';
    return new LabelSelectorError(`found ${found}, expected ${expected}`);
  }

  private word(expected: string): string {
    const token = this.tokens[this.at];
    if (!isWord(token)) throw this.unexpected(expected);
    this.at++;
    return token;
  }

  private requirement(): LabelRequirement {
    if (this.tokens[this.at] === '!') {
      this.at++;
      return { ...parseKey(this.word('a label key')), operator: 'absent', values: [] };
    }
    const key = parseKey(this.word(`a label key or '!'`));
    const next = this.tokens[this.at];
    if (next === undefined || next === ',') return { ...key, operator: 'exists', values: [] };
    this.at++;
    switch (next) {
      case '=':
      case '==':
        return { ...key, operator: 'in', values: [this.value()] };
      case '!=':
        return { ...key, operator: 'notin', values: [this.value()] };
      case '>':
        return { ...key, operator: 'greater', values: [this.integer()] };
      case '<':
        return { ...key, operator: 'less', values: [this.integer()] };
      case 'in':
      case 'notin':
        return { ...key, operator: next, values: this.list() };
      default:
        this.at--;
        throw this.unexpected(`',', '=', '==', '!=', '>', '<', 'in' or 'notin'`);
    }
  }

  /** A value after an operator; nothing there means the empty value. */
  private value(): string {
    const next = this.tokens[this.at];
    if (next === undefined || next === ',') return '';
    return checkValue(this.word('a label value'));
  }

  private integer(): string {
    const value = this.value();
    if (parseInt64(value) === null) {
      throw new LabelSelectorError(`${JSON.stringify(value)} cannot be compared with, expected an integer`);
    }
    return value;
  }

  /** `(a, b)`; an empty place stands for the empty value. */
  private list(): string[] {
    if (this.tokens[this.at] !== '(') throw this.unexpected(`'('`);
    this.at++;
    const values: string[] = [];
    for (;;) {
      const token = this.tokens[this.at];
      values.push(token === ',' || token === ')' ? '' : checkValue(this.word(`a label value, ',' or ')'`)));
      const separator = this.tokens[this.at];
      if (separator !== ',' && separator !== ')') throw this.unexpected(`',' or ')'`);
      this.at++;
      if (separator === ')') return values;
    }
  }
}

function checkValue(value: string): string {
  if (isName(value)) return value;
  throw new LabelSelectorError(
    `${JSON.stringify(value)} is no label value: expected at most ${NAME_MAX} letters, digits, '-', '_' and '.'`,
  );
}

/** A signed 64-bit decimal as Go reads it, or null. */
export function parseInt64(text: string): bigint | null {
  if (!/^[+-]?\d+$/.test(text)) return null;
  const value = BigInt(text.replace(/^\+/, ''));
  return BigInt.asIntN(64, value) === value ? value : null;
}

/**
 * Parses a selector (`app=cart,tier>1`, `!legacy`, `k8s:app in (a,b)`). The empty one has no requirements and so matches everything.
 * Throws LabelSelectorError.
 */
export function parseLabelSelector(text: string): LabelRequirement[] {
  return text === '' ? [] : new SelectorParser(text).parse();
}
