import { parseCidr, parseIp } from '../ip.ts';
import { FilterError } from './filter-error.ts';

/**
 * Compiles IP and CIDR values of a filter field into one test of an address text. Single addresses are compared as text, ranges by number;
 * IPv4 ranges hold no IPv6 addresses and the other way round. Throws FilterError.
 */
export function compileIpMatch(field: string, values: readonly string[]): (address: string) => boolean {
  const exact = new Set<string>();
  const ranges: { bytes: Uint8Array; bits: number }[] = [];
  for (const value of values) {
    if (value.includes('/')) {
      const range = parseCidr(value);
      if (range === null)
        throw new FilterError(field, value, 'expected a range such as 10.1.0.0/16 or fd00::/64');
      ranges.push(range);
    } else {
      if (parseIp(value.replace(/%.+$/, '')) === null || (value.includes('%') && !value.includes(':'))) {
        throw new FilterError(field, value, 'expected an IP address or a range in CIDR form');
      }
      exact.add(value);
    }
  }
  return (address) => {
    if (address === '') return false;
    if (exact.has(address)) return true;
    if (ranges.length === 0) return false;
    const bytes = parseIp(address);
    return bytes !== null && ranges.some((range) => contains(range, bytes));
  };
}

function contains(range: { bytes: Uint8Array; bits: number }, address: Uint8Array): boolean {
  if (range.bytes.length !== address.length) return false;
  const whole = range.bits >> 3;
  for (let i = 0; i < whole; i++) if (range.bytes[i] !== address[i]) return false;
  const rest = range.bits & 7;
  return rest === 0 || (range.bytes[whole] ^ address[whole]) >> (8 - rest) === 0;
}
