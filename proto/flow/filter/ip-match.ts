import type { TextMatch } from '../flow-index.ts';
import { parseCidr, parseIp, rangeContains, readIp } from '../ip.ts';
import { FilterError } from './filter-error.ts';
import { compileExactMatch } from './text-match.ts';

const address = new Uint8Array(16);

/** Whether a value is an address; only an IPv6 one may have a zone. */
function isAddress(value: string): boolean {
  const percent = value.indexOf('%');
  if (percent < 0) return parseIp(value) !== null;
  return percent < value.length - 1 && parseIp(value.slice(0, percent))?.length === 16;
}

/**
 * Compiles IP and CIDR values of a filter field into one test of an address text. Single addresses are compared as text, ranges by number;
 * IPv4 ranges hold no IPv6 addresses and the other way round. Throws FilterError.
 */
export function compileIpMatch(field: string, values: readonly string[]): TextMatch {
  const exact = values.filter((value) => !value.includes('/'));
  for (const value of exact) {
    if (!isAddress(value))
      throw new FilterError(field, value, 'expected an IP address or a range in CIDR form');
  }
  const matchesExact = compileExactMatch(exact);
  const ranges = values
    .filter((value) => value.includes('/'))
    .map((value) => {
      const range = parseCidr(value);
      if (range === null)
        throw new FilterError(field, value, 'expected a range such as 10.1.0.0/16 or fd00::/64');
      return range;
    });
  if (ranges.length === 0) return matchesExact;
  return (bytes, start, end) => {
    if (matchesExact(bytes, start, end)) return true;
    const length = readIp(bytes, start, end, address);
    return length !== 0 && ranges.some((range) => rangeContains(range, address, length));
  };
}
