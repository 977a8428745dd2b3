import { fieldPath } from '../field-path.ts';
import type { FlowIndex } from '../flow-index.ts';
import type { FilterBudget } from './filter-budget.ts';
import { FilterError } from './filter-error.ts';
import { compileRegex, RegexError, type RegexMatch } from './regex.ts';
import { urlPath } from './url-path.ts';

const LAYER7_DNS = 100;

const url = fieldPath('l7.http.url');
const query = fieldPath('l7.dns.query');

/** One test whether any of some regular expressions finds a match in a text. */
function compileAny(field: string, values: readonly string[], budget: FilterBudget): RegexMatch {
  const matches = values.map((value) => {
    try {
      return compileRegex(value, (steps) => budget.takeRegex(field, value, steps));
    } catch (error) {
      if (error instanceof RegexError) throw new FilterError(field, value, error.message);
      throw error;
    }
  });
  return matches.length === 1 ? matches[0] : (text) => matches.some((match) => match(text));
}

/** Compiles searches in the path of the URL, decoded. URLs without a path that can be told never match. Throws FilterError. */
export function compilePathMatch(
  values: readonly string[],
  budget: FilterBudget,
): (index: FlowIndex) => boolean {
  const matches = compileAny('http_path', values, budget);
  return (index) => {
    if (!index.has(url)) return false;
    const path = urlPath(index.text(url));
    return path !== null && matches(path);
  };
}

/** Compiles searches in the URL as it was recorded. Throws FilterError. */
export function compileUrlMatch(
  values: readonly string[],
  budget: FilterBudget,
): (index: FlowIndex) => boolean {
  const matches = compileAny('http_url', values, budget);
  return (index) => {
    if (!index.has(url)) return false;
    const text = index.text(url);
    return text !== '' && matches(text);
  };
}

/** Compiles searches in the query of DNS records, an empty one included. Throws FilterError. */
export function compileDnsQueryMatch(
  values: readonly string[],
  budget: FilterBudget,
): (index: FlowIndex) => boolean {
  const matches = compileAny('dns_query', values, budget);
  return (index) => index.layer7 === LAYER7_DNS && matches(index.text(query));
}
