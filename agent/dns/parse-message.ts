import { NameReader } from './read-name.ts';
import { recordTypeName, TYPE_A, TYPE_AAAA, TYPE_CNAME } from './record-type.ts';

/** An address that a message gives for the name that was asked for. */
export interface NamedAddress {
  /** 4 or 16 bytes, of the message's own memory. */
  readonly address: Uint8Array;
  readonly ttlSeconds: number;
}

/** What a flow tells of a question, or of an answer and its question. */
export interface DnsMessage {
  readonly kind: 'message';
  readonly id: number;
  readonly isResponse: boolean;
  readonly rcode: number;
  /** First question's name: escaped, lower case, with its final dot. */
  readonly query: string;
  readonly qtypes: readonly string[];
  /** Every A and AAAA answer's address: 4 or 16 bytes of the message's own memory. */
  readonly addresses: readonly Uint8Array[];
  /** Those of them that belong to the question's name, if only through CNAMEs. */
  readonly named: readonly NamedAddress[];
  readonly cnames: readonly string[];
  /** Types of the answers, one for each record. */
  readonly rrtypes: readonly string[];
  /** The least of all answers, 0 if there are none. */
  readonly ttlSeconds: number;
  /** False when answers are missing: not captured, cut off by the server, or more than the bounds here. What is there is right all the same. */
  readonly isWhole: boolean;
}

/** Bytes that tell nothing: against the rules, not captured as far as the question, or no query (a zone transfer's notice, an update). */
export interface NoDnsMessage {
  readonly kind: 'malformed' | 'cut' | 'other';
}

const HEADER_BYTES = 12;
/** Type, class, TTL and length of a record. */
const RECORD_BYTES = 10;
const FLAG_RESPONSE = 0x8000;
const FLAG_TRUNCATED = 0x0200;
const OPCODE_MASK = 0x7800;
const RCODE_MASK = 0x000f;
const CLASS_IN = 1;
/** No server answers more than one; a few are read for the sake of `qtypes`. */
const MAX_QUESTIONS = 4;
/** Longer chains no resolver follows. Each can be a thousand characters out of a dozen bytes, so they have a bound of their own. */
const MAX_CNAMES = 16;
const MAX_TTL_SECONDS = 0x7fffffff;

const MALFORMED: NoDnsMessage = { kind: 'malformed' };
const CUT: NoDnsMessage = { kind: 'cut' };
const OTHER: NoDnsMessage = { kind: 'other' };

const names = new NameReader();

/**
 * Reads the message `bytes[start, end)`, of which more may have been sent than is there. Never throws, whatever the bytes; takes time in proportion to them. EDNS and all
 * that is behind the answers is passed over.
 * @param sentBytes the message's length as it was sent
 */
export function parseDnsMessage(
  bytes: Uint8Array,
  start: number,
  end: number,
  sentBytes: number,
): DnsMessage | NoDnsMessage {
  if (sentBytes < HEADER_BYTES) return MALFORMED;
  if (end - start < HEADER_BYTES) return CUT;
  const flags = u16(bytes, start + 2);
  if ((flags & OPCODE_MASK) !== 0) return OTHER;
  const questions = u16(bytes, start + 4);
  if (questions === 0 || questions > MAX_QUESTIONS) return MALFORMED;
  const missing = end - start < sentBytes ? CUT : MALFORMED;
  const qtypes: string[] = [];
  let query = '';
  let at = start + HEADER_BYTES;
  for (let i = 0; i < questions; i++) {
    if (!names.read(bytes, start, at, end)) return names.fault === 'cut' ? missing : MALFORMED;
    at = names.end + 4;
    if (at > end) return missing;
    if (i === 0) query = names.text;
    qtypes.push(recordTypeName(u16(bytes, at - 4)));
  }
  const isResponse = (flags & FLAG_RESPONSE) !== 0;
  const answers = new Answers(query);
  // A server that cuts its answer off may do so anywhere.
  const mayEndEarly = missing === CUT || (flags & FLAG_TRUNCATED) !== 0;
  if (isResponse && !answers.read(bytes, start, at, end, u16(bytes, start + 6), mayEndEarly)) {
    return MALFORMED;
  }
  return {
    kind: 'message',
    id: u16(bytes, start),
    isResponse,
    rcode: isResponse ? flags & RCODE_MASK : 0,
    query,
    qtypes,
    addresses: answers.addresses,
    named: answers.named,
    cnames: answers.cnames,
    rrtypes: answers.rrtypes,
    ttlSeconds: answers.rrtypes.length === 0 ? 0 : answers.ttlSeconds,
    isWhole: answers.isWhole && (!isResponse || (flags & FLAG_TRUNCATED) === 0),
  };
}

/** The answer section as it is read, record by record. */
class Answers {
  readonly addresses: Uint8Array[] = [];
  readonly named: NamedAddress[] = [];
  readonly cnames: string[] = [];
  readonly rrtypes: string[] = [];
  ttlSeconds = MAX_TTL_SECONDS;
  isWhole = true;
  /** The question's name and where CNAMEs lead from there. */
  private readonly aliases: string[];

  constructor(query: string) {
    this.aliases = [query];
  }

  /** False for bytes against the rules. Records that are missing at the end are none of that if `mayEndEarly`. */
  read(
    bytes: Uint8Array,
    start: number,
    at: number,
    end: number,
    count: number,
    mayEndEarly: boolean,
  ): boolean {
    // A record takes eleven bytes at least, so the message bounds the loop, whatever the count says.
    for (let i = 0; i < count; i++) {
      const isNamed = names.read(bytes, start, at, end);
      const data = isNamed ? names.end + RECORD_BYTES : 0;
      if (!isNamed && names.fault === 'malformed') return false;
      if (!isNamed || data > end) return this.endEarly(mayEndEarly);
      const type = u16(bytes, data - 10);
      const stated = u16(bytes, data - 6) * 65_536 + u16(bytes, data - 4);
      // RFC 2181 section 8: with the top bit set it means zero.
      const ttlSeconds = stated > MAX_TTL_SECONDS ? 0 : stated;
      this.rrtypes.push(recordTypeName(type));
      this.ttlSeconds = Math.min(this.ttlSeconds, ttlSeconds);
      at = data + u16(bytes, data - 2);
      if (at > end) return this.endEarly(mayEndEarly);
      if (!this.add({ owner: names.text, type, ttlSeconds }, bytes, start, data, at)) return false;
    }
    return true;
  }

  private endEarly(mayEndEarly: boolean): boolean {
    this.isWhole = false;
    return mayEndEarly;
  }

  /** Takes what a record's data `bytes[data, end)` say. */
  private add(
    { owner, type, ttlSeconds }: { owner: string; type: number; ttlSeconds: number },
    bytes: Uint8Array,
    start: number,
    data: number,
    end: number,
  ): boolean {
    if (u16(bytes, data - 8) === CLASS_IN) {
      if (type === TYPE_A || type === TYPE_AAAA) {
        if (end - data !== (type === TYPE_A ? 4 : 16)) return false;
        const address = bytes.subarray(data, end);
        this.addresses.push(address);
        if (this.aliases.includes(owner)) this.named.push({ address, ttlSeconds });
      } else if (type === TYPE_CNAME) {
        if (!names.read(bytes, start, data, end) || names.end !== end) return false;
        this.addAlias(owner, names.text);
      }
    }
    return true;
  }

  private addAlias(owner: string, target: string): void {
    if (this.cnames.length === MAX_CNAMES) {
      this.isWhole = false;
      return;
    }
    this.cnames.push(target);
    if (this.aliases.includes(owner)) this.aliases.push(target);
  }
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}
