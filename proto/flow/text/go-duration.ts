const unitsNs: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n, // U+00B5
  μs: 1_000n, // U+03BC
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const part = String.raw`(?:(\d+)(?:\.(\d*))?|\.(\d+))(ns|us|µs|μs|ms|s|m|h)`;
const whole = new RegExp(`^(?:${part})+$`);
const parts = new RegExp(part, 'g');

/** The largest and smallest durations that Go can hold, about 292 years. */
const MAX_NS = 2n ** 63n - 1n;

/** Nanoseconds of a Go duration (`1h30m`, `2.5h`, `-300ms`, `0`), or null when the text is none. */
export function parseGoDuration(text: string): bigint | null {
  const isNegative = text.startsWith('-');
  const body = /^[-+]/.test(text) ? text.slice(1) : text;
  if (body === '0') return 0n;
  if (!whole.test(body)) return null;
  let total = 0n;
  for (const [, integer = '0', decimals = '', lone = '', unit] of body.matchAll(parts)) {
    const fraction = decimals + lone;
    // What is smaller than a nanosecond is cut.
    total += (BigInt(integer + fraction) * unitsNs[unit]) / 10n ** BigInt(fraction.length);
  }
  if (total > (isNegative ? MAX_NS + 1n : MAX_NS)) return null;
  return isNegative ? -total : total;
}

/** A duration as Go prints it: `26h3m7.5s`, `1.5ms`, `0s`. */
export function formatGoDuration(ns: bigint): string {
  if (ns === 0n) return '0s';
  const sign = ns < 0n ? '-' : '';
  const abs = ns < 0n ? -ns : ns;
  if (abs < 1_000n) return `${sign}${abs}ns`;
  if (abs < 1_000_000n) return `${sign}${decimal(abs, 3)}µs`;
  if (abs < 1_000_000_000n) return `${sign}${decimal(abs, 6)}ms`;
  const minutes = abs / 60_000_000_000n;
  const seconds = `${decimal(abs % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return sign + seconds;
  return minutes < 60n
    ? `${sign}${minutes}m${seconds}`
    : `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** `value / 10^digits` without trailing zeros. */
function decimal(value: bigint, digits: number): string {
  const text = value.toString().padStart(digits + 1, '0');
  const fraction = text.slice(-digits).replace(/0+$/, '');
  const integer = text.slice(0, -digits);
  return fraction === '' ? integer : `${integer}.${fraction}`;
}
