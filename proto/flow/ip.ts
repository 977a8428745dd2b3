/** IP addresses and ranges as text, in the strict forms that Go's net/netip accepts. */

const DOT = 0x2e;
const COLON = 0x3a;

/**
 * Reads the address whose text is `bytes[start, end)` into `out` (16 bytes of room). Returns 4 or 16, the bytes it has, or 0 when the text is no address.
 * Numbers of an IPv4 address have no leading zeros; zones (`%eth0`) are not accepted.
 */
export function readIp(bytes: Uint8Array, start: number, end: number, out: Uint8Array): 0 | 4 | 16 {
  for (let pos = start; pos < end; pos++) {
    if (bytes[pos] === DOT) return readIpv4(bytes, start, end, out, 0) ? 4 : 0;
    if (bytes[pos] === COLON) return readIpv6(bytes, start, end, out) ? 16 : 0;
  }
  return 0;
}

function readIpv4(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): boolean {
  let pos = start;
  for (let i = 0; i < 4; i++) {
    if (i > 0 && (pos >= end || bytes[pos++] !== DOT)) return false;
    const first = pos;
    let value = 0;
    for (; pos < end; pos++) {
      const digit = bytes[pos] - 0x30;
      if (digit < 0 || digit > 9) break;
      if (pos > first && value === 0) return false;
      value = value * 10 + digit;
      if (value > 255) return false;
    }
    if (pos === first) return false;
    out[at + i] = value;
  }
  return pos === end;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}

function readIpv6(bytes: Uint8Array, start: number, end: number, out: Uint8Array): boolean {
  let pos = start;
  /** Bytes written, and how many of them stand before `::`. */
  let count = 0;
  let gapAt = -1;
  if (end - pos >= 2 && bytes[pos] === COLON && bytes[pos + 1] === COLON) {
    gapAt = 0;
    pos += 2;
  }
  while (count < 16 && pos < end) {
    const first = pos;
    let group = 0;
    for (; pos < end; pos++) {
      const digit = hexDigit(bytes[pos]);
      if (digit < 0) break;
      group = (group << 4) | digit;
      if (pos - first >= 4) return false;
    }
    if (pos === first) return false;
    if (pos < end && bytes[pos] === DOT) {
      // An IPv4 address may take the place of the last two groups.
      if (gapAt < 0 ? count !== 12 : count > 12) return false;
      if (!readIpv4(bytes, first, end, out, count)) return false;
      count += 4;
      pos = end;
      break;
    }
    out[count] = group >> 8;
    out[count + 1] = group;
    count += 2;
    if (pos === end) break;
    if (bytes[pos++] !== COLON || pos === end) return false;
    if (bytes[pos] === COLON) {
      if (gapAt >= 0) return false;
      gapAt = count;
      pos++;
    }
  }
  if (pos !== end) return false;
  if (gapAt < 0) return count === 16;
  if (count === 16) return false; // `::` stands for one group at least
  out.copyWithin(16 - (count - gapAt), gapAt, count);
  out.fill(0, gapAt, 16 - (count - gapAt));
  return true;
}

const utf8 = new TextEncoder();
const scratch = new Uint8Array(16);

/** The 4 or 16 bytes of an address, or null when the text is none. Zones (`%eth0`) are not accepted. */
export function parseIp(text: string): Uint8Array | null {
  const bytes = utf8.encode(text);
  const length = readIp(bytes, 0, bytes.length, scratch);
  return length === 0 ? null : scratch.slice(0, length);
}

/** Address bytes and prefix length of a CIDR, or null. Host bits may be set. */
export function parseCidr(text: string): { bytes: Uint8Array; bits: number } | null {
  const slash = text.indexOf('/');
  const bytes = slash < 0 ? null : parseIp(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (bytes === null || !/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > bytes.length * 8) return null;
  return { bytes, bits: Number(length) };
}

/** Whether an address lies in a range; addresses of one family are never in a range of the other. */
export function rangeContains(
  range: { readonly bytes: Uint8Array; readonly bits: number },
  address: Uint8Array,
  addressLength = address.length,
): boolean {
  if (range.bytes.length !== addressLength) return false;
  const whole = range.bits >> 3;
  for (let i = 0; i < whole; i++) if (range.bytes[i] !== address[i]) return false;
  const rest = range.bits & 7;
  return rest === 0 || (range.bytes[whole] ^ address[whole]) >> (8 - rest) === 0;
}
