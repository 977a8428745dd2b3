import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml';
import { JsonLines } from './json-lines.ts';

export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/** One step into a value: a key of a mapping or an index of a list. */
export type FieldPath = readonly (string | number)[];

export interface RawDocument {
  readonly value: unknown;
  /** Where the field stands; for a field that is not there, where its closest parent stands. */
  locate(path: FieldPath): TextPosition;
  /**
   * The lines of the field as they stand in the text, without what all of them are indented by; of the whole document for an empty path. Null for a field that is not there.
   * JSON is laid out anew, since it may stand on one line: its lines are those of the document with an indent of two.
   */
  source(path: FieldPath): SourceLines | null;
}

/** A piece of a text. */
export interface SourceLines {
  readonly text: string;
  /** Its first and last line in the whole text, from 1. */
  readonly firstLine: number;
  readonly lastLine: number;
}

export interface TextError {
  readonly position: TextPosition;
  readonly message: string;
}

/** The documents of a manifest, or the first reason why it has none. */
export type ManifestText = { readonly documents: readonly RawDocument[] } | { readonly error: TextError };

/** Documents in one file at most: a file within the size bound that has more is no manifest. */
export const MAX_DOCUMENTS = 20_000;

/**
 * Reads a manifest's text: JSON, or YAML with any number of documents; documents without content are left out. Aliases are followed up to 100 times,
 * so that a small text cannot stand for a huge value.
 */
export function readManifestText(text: string): ManifestText {
  const json = readJson(text);
  return json === undefined ? readSafely(text) : { documents: [json] };
}

function readSafely(text: string): ManifestText {
  try {
    return readYaml(text);
  } catch (error) {
    // The YAML reader recurses: thousands of nested brackets end in a RangeError, aliases out of bounds in a ReferenceError.
    return {
      error: {
        position: { line: 1, column: 1 },
        message: `not readable as YAML: ${(error as Error).message}`,
      },
    };
  }
}

function readJson(text: string): RawDocument | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const lines = new JsonLines(value);
    // JSON is YAML, so positions, which only problems need, come from the slower reader.
    return {
      value,
      locate: (path) => {
        const yaml = readSafely(text);
        const position = 'documents' in yaml ? yaml.documents[0]?.locate(path) : undefined;
        return position ?? { line: 1, column: 1 };
      },
      source: (path) => lines.source(path),
    };
  } catch {
    return undefined; // YAML in flow style begins like JSON; what is neither gets the YAML reader's message
  }
}

function readYaml(text: string): ManifestText {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  if (!Array.isArray(documents)) return { documents: [] };
  if (documents.length > MAX_DOCUMENTS) {
    return {
      error: {
        position: { line: 1, column: 1 },
        message: `has ${documents.length} documents: expected at most ${MAX_DOCUMENTS}`,
      },
    };
  }
  const at = (offset: number): TextPosition => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  for (const { errors } of documents) {
    if (errors.length > 0) {
      return { error: { position: at(errors[0].pos[0]), message: `not valid YAML: ${errors[0].message}` } };
    }
  }
  return {
    documents: documents
      .map((document) => ({
        value: document.toJS({ maxAliasCount: 100 }) as unknown,
        locate: (path: FieldPath) => at(offsetOf(document, path)),
        source: (path: FieldPath) => sourceOf(document, path, text, at),
      }))
      .filter(({ value }) => value !== null && value !== undefined),
  };
}

/** The field's own lines: from that of its key, or of its item, to that in which its value ends. */
function sourceOf(
  document: Document,
  path: FieldPath,
  text: string,
  at: (offset: number) => TextPosition,
): SourceLines | null {
  const node = path.length === 0 ? document.contents : document.getIn(path, true);
  if (!isNode(node) || node.range === null || node.range === undefined) return null;
  const start = path.length === 0 ? node.range[0] : offsetOf(document, path);
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const body = text.slice(start, Math.max(start, node.range[1])).trimEnd();
  const indent = start - lineStart;
  const lines = body.split('\n').map((line, i) => (i === 0 ? line : dedent(line, indent)));
  const firstLine = at(start).line;
  // Copied: a piece of a string keeps the whole string alive.
  const copy = new TextDecoder().decode(new TextEncoder().encode(lines.join('\n')));
  return { text: `${copy}\n`, firstLine, lastLine: firstLine + lines.length - 1 };
}

function dedent(line: string, indent: number): string {
  const blanks = /^ */.exec(line)![0].length;
  return line.slice(Math.min(blanks, indent));
}

/** Offset of the deepest node on the path that exists: a mapping's entry by its key, a list's by its value. */
function offsetOf(document: Document, path: FieldPath): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? document.range?.[0] ?? 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) break;
      offset = (isScalar(pair.key) ? pair.key.range?.[0] : undefined) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      const range = (node as { range?: readonly number[] } | undefined)?.range;
      if (range === undefined) break;
      offset = range[0];
    } else break;
  }
  return offset;
}
