/** Bytes that a number takes as a signed varint (zigzag), as records of Kafka have it. From 0 to 2^30. */
export function varintBytes(value: number): number {
  const zigzag = value * 2;
  return zigzag < 0x80 ? 1 : zigzag < 0x4000 ? 2 : zigzag < 0x20_0000 ? 3 : zigzag < 0x1000_0000 ? 4 : 5;
}

/** Writes it; returns where it ends. */
export function writeVarint(bytes: Buffer, pos: number, value: number): number {
  let rest = value * 2;
  while (rest > 0x7f) {
    bytes[pos++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[pos++] = rest;
  return pos;
}
