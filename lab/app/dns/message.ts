/** DNS messages (RFC 1035 section 4), as far as the lab's servers need them: one question, address and text records. */

export const RecordType = { A: 1, TXT: 16, AAAA: 28, OPT: 41 } as const;
export const ResponseCode = { ok: 0, formatError: 1, serverFailure: 2, noSuchName: 3 } as const;

const HEADER_BYTES = 12;
const FLAG_RESPONSE = 0x8000;
const FLAG_AUTHORITATIVE = 0x0400;
const FLAG_TRUNCATED = 0x0200;
const FLAG_RECURSION_DESIRED = 0x0100;
const FLAG_RECURSION_AVAILABLE = 0x0080;
const CLASS_IN = 1;
/** Largest UDP message of a client that says nothing about it (RFC 1035). */
const PLAIN_UDP_BYTES = 512;

export interface DnsQuery {
  readonly id: number;
  readonly recursionDesired: boolean;
  /** Lower case, without the final dot. */
  readonly name: string;
  readonly type: number;
  /** Largest UDP answer that the client takes (EDNS, RFC 6891). */
  readonly maxUdpBytes: number;
  /** Question section as it came, to be repeated in the answer. */
  readonly question: Uint8Array;
}

export interface DnsAnswer {
  readonly code: number;
  /** Record data, all of the question's type. */
  readonly records: readonly Uint8Array[];
  readonly ttlSeconds: number;
}

/** Reads a query with one question; null when it is none. */
export function parseQuery(message: Uint8Array): DnsQuery | null {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (message.length < HEADER_BYTES) return null;
  const flags = view.getUint16(2);
  if ((flags & FLAG_RESPONSE) !== 0 || view.getUint16(4) !== 1) return null;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = message[at];
    // A query's only name cannot be compressed: there is nothing before it to point at.
    if (length === undefined || length > 63) return null;
    at++;
    if (length === 0) break;
    labels.push(
      Buffer.from(message.subarray(at, at + length))
        .toString('latin1')
        .toLowerCase(),
    );
    at += length;
  }
  if (at + 4 > message.length) return null;
  return {
    id: view.getUint16(0),
    recursionDesired: (flags & FLAG_RECURSION_DESIRED) !== 0,
    name: labels.join('.'),
    type: view.getUint16(at),
    maxUdpBytes: readEdnsSize(view, at + 4),
    question: message.slice(HEADER_BYTES, at + 4),
  };
}

/** The size in an OPT record right behind the question; that is where clients put it. */
function readEdnsSize(view: DataView, at: number): number {
  const hasOpt =
    view.getUint16(10) > 0 &&
    at + 5 <= view.byteLength &&
    view.getUint8(at) === 0 &&
    view.getUint16(at + 1) === RecordType.OPT;
  return hasOpt ? Math.max(PLAIN_UDP_BYTES, view.getUint16(at + 3)) : PLAIN_UDP_BYTES;
}

/** Writes the answer to a query. One that is longer than `maxBytes` goes without records and says that it is cut off. */
export function formatAnswer(query: DnsQuery, answer: DnsAnswer, maxBytes: number): Uint8Array {
  // The name of each record is a pointer to the question's: 2 bytes; type, class, TTL and length are 10.
  const length = answer.records.reduce(
    (sum, { length }) => sum + 12 + length,
    HEADER_BYTES + query.question.length,
  );
  const isTooLong = length > maxBytes;
  const records = isTooLong ? [] : answer.records;
  const message = Buffer.alloc(isTooLong ? HEADER_BYTES + query.question.length : length);
  message.writeUInt16BE(query.id, 0);
  message.writeUInt16BE(
    FLAG_RESPONSE |
      FLAG_AUTHORITATIVE |
      FLAG_RECURSION_AVAILABLE |
      (isTooLong ? FLAG_TRUNCATED : 0) |
      (query.recursionDesired ? FLAG_RECURSION_DESIRED : 0) |
      answer.code,
    2,
  );
  message.writeUInt16BE(1, 4);
  message.writeUInt16BE(records.length, 6);
  message.set(query.question, HEADER_BYTES);
  let at = HEADER_BYTES + query.question.length;
  for (const data of records) {
    message.writeUInt16BE(0xc000 | HEADER_BYTES, at);
    message.writeUInt16BE(query.type, at + 2);
    message.writeUInt16BE(CLASS_IN, at + 4);
    message.writeUInt32BE(answer.ttlSeconds, at + 6);
    message.writeUInt16BE(data.length, at + 10);
    message.set(data, at + 12);
    at += 12 + data.length;
  }
  return message;
}

/** Data of a TXT record: strings of at most 255 bytes, each behind its length. */
export function textRecord(text: string): Uint8Array {
  const bytes = Buffer.from(text);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 255) {
    const part = bytes.subarray(at, at + 255);
    parts.push(Uint8Array.of(part.length), part);
  }
  return Buffer.concat(parts);
}
