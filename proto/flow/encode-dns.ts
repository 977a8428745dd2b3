import { type DnsLayer, DNS_OBSERVATION_SOURCE, dnsSummary } from './dns-summary.ts';
import { closeLength, putVarint } from './wire.ts';

/** flow.L7FlowType */
const L7_REQUEST = 1;
const L7_RESPONSE = 2;
/** Text of one message may take this much: far more than what can be read out of a captured packet. */
const MAX_BYTES = 128 * 1024;
/** Tags, lengths and numbers: of one string, and of all the rest. */
const STRING_OVERHEAD_BYTES = 4;
const OVERHEAD_BYTES = 64;

/** Encodes what a flow tells of DNS messages, each into the same memory: the bytes given are valid until the next call. */
export class DnsEncoder {
  private readonly layer = new Uint8Array(MAX_BYTES);
  /** Quoting doubles backslashes. */
  private readonly text = new Uint8Array(2 * MAX_BYTES);

  /**
   * The flow's Layer7 message: type, latency, and the DNS record in it, byte for byte as protobuf-es would write them. Throws RangeError for a message whose text takes
   * more than 128 KiB.
   */
  layer7(dns: DnsLayer): Uint8Array {
    checkSize(dns);
    const out = this.layer;
    out[0] = 0x08;
    out[1] = dns.isResponse ? L7_RESPONSE : L7_REQUEST;
    let pos = 2;
    if (dns.latencyNs > 0) {
      out[pos] = 0x10;
      pos = putVarint(out, pos + 1, dns.latencyNs);
    }
    out[pos] = 0xa2; // dns, field 100
    out[pos + 1] = 0x06;
    const start = pos + 4;
    return out.subarray(0, closeLength(out, start, putDns(out, start, dns), 2));
  }

  /** The flow's Summary. Throws RangeError as `layer7` does. */
  summary(dns: DnsLayer): Uint8Array {
    checkSize(dns);
    return this.text.subarray(0, putText(this.text, 0, dnsSummary(dns)));
  }
}

function putDns(out: Uint8Array, start: number, dns: DnsLayer): number {
  let pos = putString(out, start, 0x0a, dns.query);
  if (dns.isResponse) {
    pos = putStrings(out, pos, 0x12, dns.ips);
    if (dns.ttlSeconds > 0) {
      out[pos] = 0x18;
      pos = putVarint(out, pos + 1, dns.ttlSeconds);
    }
    pos = putStrings(out, pos, 0x22, dns.cnames);
  }
  pos = putString(out, pos, 0x2a, DNS_OBSERVATION_SOURCE);
  if (dns.isResponse && dns.rcode > 0) {
    out[pos] = 0x30;
    pos = putVarint(out, pos + 1, dns.rcode);
  }
  pos = putStrings(out, pos, 0x3a, dns.qtypes);
  return dns.isResponse ? putStrings(out, pos, 0x42, dns.rrtypes) : pos;
}

function checkSize({ query, ips, cnames, qtypes, rrtypes }: DnsLayer): void {
  let bytes = OVERHEAD_BYTES + query.length;
  for (const texts of [ips, cnames, qtypes, rrtypes]) {
    for (const text of texts) bytes += STRING_OVERHEAD_BYTES + text.length;
  }
  if (bytes > MAX_BYTES) {
    throw new RangeError(`DNS message of ${bytes} bytes as text, expected at most ${MAX_BYTES}`);
  }
}

function putStrings(out: Uint8Array, pos: number, tag: number, texts: readonly string[]): number {
  for (const text of texts) pos = putString(out, pos, tag, text);
  return pos;
}

/** Writes a string field; `text` is ASCII. */
function putString(out: Uint8Array, pos: number, tag: number, text: string): number {
  out[pos] = tag;
  return putText(out, putVarint(out, pos + 1, text.length), text);
}

function putText(out: Uint8Array, pos: number, text: string): number {
  for (let i = 0; i < text.length; i++) out[pos + i] = text.charCodeAt(i);
  return pos + text.length;
}
