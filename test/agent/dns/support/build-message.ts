/** DNS messages byte by byte, right or wrong: numbers are taken as they are, names as bytes. */

const u16 = (value: number): number[] => [(value >> 8) & 255, value & 255];

/** A name without compression: labels of any bytes, and the final zero. */
export function name(text: string): Uint8Array {
  const labels = text.split('.').filter((label) => label !== '');
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Uint8Array.of(label.length), Buffer.from(label, 'latin1')])),
    Uint8Array.of(0),
  ]);
}

/** A pointer to a place in the message; 12 is the question's name. */
export const pointer = (to: number): Uint8Array => Uint8Array.from(u16(0xc000 | to));

export interface RecordParts {
  readonly owner?: Uint8Array;
  readonly type: number;
  readonly data: Uint8Array;
  readonly ttl?: number;
  readonly dnsClass?: number;
  readonly length?: number;
}

/** The owner is the question's name unless it is given. */
export function record({
  owner = pointer(12),
  type,
  data,
  ttl = 60,
  dnsClass = 1,
  length,
}: RecordParts): Uint8Array {
  return Buffer.concat([
    owner,
    Uint8Array.from([...u16(type), ...u16(dnsClass), ...u16(ttl >>> 16), ...u16(ttl & 0xffff)]),
    Uint8Array.from(u16(length ?? data.length)),
    data,
  ]);
}

export interface MessageParts {
  readonly id?: number;
  readonly flags?: number;
  readonly names?: readonly Uint8Array[];
  readonly type?: number;
  readonly answers?: readonly Uint8Array[];
  readonly counts?: { readonly questions?: number; readonly answers?: number };
  readonly rest?: Uint8Array;
}

export const RESPONSE = 0x8180;
export const TRUNCATED = 0x0200;

export function message(parts: MessageParts): Uint8Array {
  const { id = 7, flags = RESPONSE, names = [name('www.example.org')], type = 1, answers = [] } = parts;
  return Buffer.concat([
    Uint8Array.from([...u16(id), ...u16(flags)]),
    Uint8Array.from(u16(parts.counts?.questions ?? names.length)),
    Uint8Array.from([...u16(parts.counts?.answers ?? answers.length), 0, 0, 0, 0]),
    ...names.map((question) => Buffer.concat([question, Uint8Array.from([...u16(type), ...u16(1)])])),
    ...answers,
    parts.rest ?? new Uint8Array(0),
  ]);
}

export const A = 1;
export const CNAME = 5;
export const AAAA = 28;
export const OPT = 41;
