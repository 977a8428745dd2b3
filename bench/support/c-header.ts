import { readFileSync } from 'node:fs';

/** A member of a C struct: where it starts, how large one element is, and how many there are (1 unless an array). */
export interface CField {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

export interface CStruct {
  readonly size: number;
  readonly fields: ReadonlyMap<string, CField>;
  /** Offsets and size as the comments beside the members state them, where they do. */
  readonly commented: { readonly size: number | null; readonly offsets: ReadonlyMap<string, number> };
}

export interface CHeader {
  readonly defines: ReadonlyMap<string, number>;
  readonly structs: ReadonlyMap<string, CStruct>;
}

const sizes: Readonly<Record<string, number>> = { __u8: 1, __u16: 2, __u32: 4, __u64: 8 };
const member = /^\s*(__u\d+) (\w+)(?:\[(\d+)\])?;(?:\s*\/\* *(\d+)\b)?/;

function parseStruct(body: string, trailer: string): CStruct {
  const fields = new Map<string, CField>();
  const offsets = new Map<string, number>();
  let offset = 0;
  let alignment = 1;
  for (const line of body.split('\n')) {
    const found = member.exec(line);
    if (found === null) continue;
    const [, type, name, count, commented] = found;
    const size = sizes[type];
    offset = Math.ceil(offset / size) * size;
    alignment = Math.max(alignment, size);
    fields.set(name, { offset, size, count: Number(count ?? 1) });
    if (commented !== undefined) offsets.set(name, Number(commented));
    offset += size * Number(count ?? 1);
  }
  const size = /\/\* (\d+) bytes \*\//.exec(trailer)?.[1];
  return {
    size: Math.ceil(offset / alignment) * alignment,
    fields,
    commented: { size: size === undefined ? null : Number(size), offsets },
  };
}

function evaluate(expression: string): number | null {
  const shift = /^\(1 << (\d+)\)$/.exec(expression);
  if (shift !== null) return 2 ** Number(shift[1]);
  return /^(0x[0-9a-f]+|\d+)$/i.test(expression) ? Number(expression) : null;
}

/**
 * The numbers and structs of a header of bpf/shared: constants that are a literal or a single shift, members of fixed-width
 * types laid out by the rules of the C ABI. Throws if a struct has a line that this cannot read.
 */
export function readCHeader(name: string): CHeader {
  const text = readFileSync(`${import.meta.dirname}/../../bpf/shared/${name}`, 'utf8');
  const defines = new Map<string, number>();
  for (const [, define, expression] of text.matchAll(/^#define (\w+) (\S+(?: << \d+\))?)/gm)) {
    const value = evaluate(expression);
    if (value !== null) defines.set(define, value);
  }
  const structs = new Map<string, CStruct>();
  for (const [, struct, body, trailer] of text.matchAll(/^struct (\w+) \{\n([^}]*)\};(.*)$/gm)) {
    for (const line of body.split('\n')) {
      if (/;/.test(line.replace(/\/\*.*/, '')) && !member.test(line)) {
        throw new Error(`${name}: struct ${struct}: expected "__uN name;", found ${JSON.stringify(line)}`);
      }
    }
    structs.set(struct, parseStruct(body, trailer));
  }
  return { defines, structs };
}
