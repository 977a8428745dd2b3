/** A whole number with commas between its thousands. */
export function groupDigits(value: bigint | number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A number with two decimals as Go's `%.2f` prints it: a tie between two neighbours goes to the even one, where toFixed takes the larger. */
export function twoDecimals(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value < 0) return `-${twoDecimals(-value)}`;
  if (value >= 2 ** 52) return `${BigInt(value)}.00`;
  // 200 times a tie is an odd number, so a tie is an odd number of eighths: exact in binary.
  const eighths = value * 8;
  if (!Number.isInteger(eighths) || eighths % 2 === 0) return value.toFixed(2);
  const lower = (BigInt(eighths) * 100n) / 8n;
  const even = lower + (lower % 2n);
  return `${even / 100n}.${String(even % 100n).padStart(2, '0')}`;
}
