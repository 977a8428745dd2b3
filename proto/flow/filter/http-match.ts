import type { FlowFilter, HTTPHeader } from '../../gen/flow/flow_pb.ts';
import { fieldPath } from '../field-path.ts';
import type { FlowIndex } from '../flow-index.ts';
import { FilterError } from './filter-error.ts';
import { equalsText } from './text-match.ts';

const EVENT_TYPE_L7 = 129;

const code = fieldPath('l7.http.code');
const method = fieldPath('l7.http.method');
const headers = fieldPath('l7.http.headers');

/** Fields that look at HTTP and so cannot stand beside event types that exclude it. */
const httpFields = [
  ['http_status_code', 'httpStatusCode'],
  ['http_method', 'httpMethod'],
  ['http_path', 'httpPath'],
  ['http_url', 'httpUrl'],
  ['http_header', 'httpHeader'],
] as const;

/** Refuses HTTP fields beside event types of which none is 129 (L7). Throws FilterError. */
export function checkHttpEventTypes(filter: FlowFilter): void {
  if (filter.eventType.length === 0 || filter.eventType.some(({ type }) => type === EVENT_TYPE_L7)) return;
  for (const [name, key] of httpFields) {
    if (filter[key].length === 0) continue;
    const types = filter.eventType.map(({ type }) => String(type)).join(', ');
    throw new FilterError(
      'event_type',
      types,
      `${name} needs event type ${EVENT_TYPE_L7} (l7) among them, or none`,
    );
  }
}

/** Compiles status codes: `404`, or the beginning of one, `5+`, `40+`. Throws FilterError. */
export function compileStatusCodeMatch(values: readonly string[]): (index: FlowIndex) => boolean {
  for (const value of values) {
    if (!/^[1-5](?:\d\d|\d?\+)$/.test(value)) {
      throw new FilterError('http_status_code', value, 'expected a code such as 404, or a prefix such as 5+');
    }
  }
  const exact = new Set(values);
  const prefixes = values.filter((value) => value.endsWith('+')).map((value) => value.slice(0, -1));
  return (index) => {
    const number = index.uint32(code);
    if (number === 0) return false; // a request
    const text = String(number).padStart(3, '0');
    return exact.has(text) || prefixes.some((prefix) => text.startsWith(prefix));
  };
}

/** Compiles methods, compared without regard to case (one character for one, as Unicode's simple folding has it). */
export function compileMethodMatch(values: readonly string[]): (index: FlowIndex) => boolean {
  const alternatives = values.map((value) => value.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
  const pattern = new RegExp(`^(?:${alternatives.join('|')})$`, 'iu');
  return (index) => {
    const text = index.text(method);
    return text !== '' && pattern.test(text);
  };
}

/** Compiles headers, key and value compared as they stand. */
export function compileHeaderMatch(values: readonly HTTPHeader[]): (index: FlowIndex) => boolean {
  const utf8 = new TextEncoder();
  const wanted = values.map(({ key, value }) => ({ key: utf8.encode(key), value: utf8.encode(value) }));
  return (index) =>
    index.somePair(headers, (bytes, keyStart, keyEnd, valueStart, valueEnd) =>
      wanted.some(
        ({ key, value }) =>
          equalsText(bytes, keyStart, keyEnd, key) && equalsText(bytes, valueStart, valueEnd, value),
      ),
    );
}
