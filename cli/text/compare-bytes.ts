/** Order of names by their UTF-8 bytes, as Go sorts strings; JavaScript's own order differs beyond U+FFFF. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
