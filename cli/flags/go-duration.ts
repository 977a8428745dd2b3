const unitsNs: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Nanoseconds of a Go duration (`1h30m`, `2.5h`, `-300ms`, `0`), or null when the text is none. */
export function parseGoDuration(text: string): number | null {
  const signed = /^([-+]?)(.*)$/s.exec(text)!;
  const body = signed[2];
  if (body === '0') return 0;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(body)) return null;
  let total = 0;
  for (const [, number, unit] of body.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += Number(number) * unitsNs[unit];
  }
  return signed[1] === '-' ? -total : total;
}

/** A duration as Go prints it: `26h3m7.5s`, `1.5ms`, `0s`. */
export function formatGoDuration(ns: bigint): string {
  if (ns === 0n) return '0s';
  const sign = ns < 0n ? '-' : '';
  const abs = ns < 0n ? -ns : ns;
  if (abs < 1000n) return `${sign}${abs}ns`;
  if (abs < 1_000_000n) return `${sign}${fraction(abs, 3)}µs`;
  if (abs < 1_000_000_000n) return `${sign}${fraction(abs, 6)}ms`;
  const totalSeconds = abs / 1_000_000_000n;
  const hours = totalSeconds / 3600n;
  const minutes = (totalSeconds / 60n) % 60n;
  const seconds = fraction(abs % 60_000_000_000n, 9);
  if (hours > 0n) return `${sign}${hours}h${minutes}m${seconds}s`;
  return minutes > 0n ? `${sign}${minutes}m${seconds}s` : `${sign}${seconds}s`;
}

/** `value / 10^digits` without trailing zeros. */
function fraction(value: bigint, digits: number): string {
  const text = value.toString().padStart(digits + 1, '0');
  const decimals = text.slice(-digits).replace(/0+$/, '');
  const whole = text.slice(0, -digits);
  return decimals === '' ? whole : `${whole}.${decimals}`;
}
