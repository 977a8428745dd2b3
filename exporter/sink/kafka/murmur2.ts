const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** The hash by which Kafka's own client chooses a partition: MurmurHash2 for 32 bits, little-endian, with a seed of its own. A signed number. */
export function murmur2(bytes: Buffer): number {
  const { length } = bytes;
  const whole = length & ~3;
  let hash = SEED ^ length;
  for (let i = 0; i < whole; i += 4) {
    let word = Math.imul(bytes.readInt32LE(i), M);
    word = Math.imul(word ^ (word >>> 24), M);
    hash = Math.imul(hash, M) ^ word;
  }
  if (whole < length) {
    for (let i = whole; i < length; i++) hash ^= bytes[i] << (8 * (i - whole));
    hash = Math.imul(hash, M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}
