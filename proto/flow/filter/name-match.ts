import type { PairMatch } from '../flow-index.ts';
import { FilterError } from './filter-error.ts';
import { equalsText, startsWithText } from './text-match.ts';

const utf8 = new TextEncoder();

/**
 * Compiles namespaced name prefixes (`web` = namespace default; `shop/web`; `shop/`; `/web`; `/`) into a test of namespace and name: the namespace is
 * compared whole, the name by its beginning. Nothing matches where both are empty. Throws FilterError for an empty value.
 */
export function compileNamePrefixMatch(field: string, values: readonly string[]): PairMatch {
  const prefixes = values.map((value) => {
    if (value === '') throw new FilterError(field, value, 'expected [namespace/]name-prefix');
    const parts = value.split('/');
    const [namespace, name] = parts.length === 1 ? ['default', value] : parts;
    return { namespace: utf8.encode(namespace), name: utf8.encode(name) };
  });
  return (bytes, namespaceStart, namespaceEnd, nameStart, nameEnd) => {
    if (namespaceStart === namespaceEnd && nameStart === nameEnd) return false;
    return prefixes.some(
      ({ namespace, name }) =>
        (namespace.length === 0 || equalsText(bytes, namespaceStart, namespaceEnd, namespace)) &&
        startsWithText(bytes, nameStart, nameEnd, name),
    );
  };
}

/** Compiles workloads into a test of name and kind: what a value leaves empty, any workload has. */
export function compileWorkloadMatch(
  values: readonly { readonly name: string; readonly kind: string }[],
): PairMatch {
  const wanted = values.map(({ name, kind }) => ({ name: utf8.encode(name), kind: utf8.encode(kind) }));
  return (bytes, nameStart, nameEnd, kindStart, kindEnd) =>
    wanted.some(
      ({ name, kind }) =>
        (name.length === 0 || equalsText(bytes, nameStart, nameEnd, name)) &&
        (kind.length === 0 || equalsText(bytes, kindStart, kindEnd, kind)),
    );
}
