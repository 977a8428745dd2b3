/** IP addresses and ranges as text, in the strict forms that Go's net/netip reads and writes. */

function parseIpv4(text: string): Uint8Array | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    if (!/^(0|[1-9]\d{0,2})$/.test(parts[i]) || Number(parts[i]) > 255) return null;
    bytes[i] = Number(parts[i]);
  }
  return bytes;
}

function parseGroups(text: string): number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (part.includes('.')) {
      const v4 = i === parts.length - 1 ? parseIpv4(part) : null;
      if (v4 === null) return null;
      groups.push((v4[0] << 8) | v4[1], (v4[2] << 8) | v4[3]);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return null;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

/** The 4 or 16 bytes of an address, or null when the text is none. Zones (`%eth0`) are not accepted. */
export function parseIp(text: string): Uint8Array | null {
  if (!text.includes(':')) return parseIpv4(text);
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0]);
  const tail = halves.length === 2 ? parseGroups(halves[1]) : [];
  if (head === null || tail === null) return null;
  const count = head.length + tail.length;
  if (halves.length === 2 ? count > 7 : count !== 8) return null;
  // An IPv4 part may only stand at the very end.
  if (halves.length === 2 && halves[1] !== '' && halves[0].includes('.')) return null;
  const groups = [...head, ...Array.from({ length: 8 - count }, () => 0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));
}

/** Address bytes and prefix length of a CIDR, or null. Host bits may be set. */
export function parseCidr(text: string): { bytes: Uint8Array; bits: number } | null {
  const slash = text.indexOf('/');
  const bytes = slash < 0 ? null : parseIp(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (bytes === null || !/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > bytes.length * 8) return null;
  return { bytes, bits: Number(length) };
}
