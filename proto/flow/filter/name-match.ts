import { FilterError } from './filter-error.ts';

/** Test of a namespace and a name. */
export type NameMatch = (namespace: string, name: string) => boolean;

/**
 * Compiles namespaced name prefixes (`web` = namespace default; `shop/web`; `shop/`; `/web`; `/`): the namespace is compared whole, the name
 * by its beginning. Nothing matches where both are empty. Throws FilterError for an empty value.
 */
export function compileNamePrefixMatch(field: string, values: readonly string[]): NameMatch {
  const prefixes = values.map((value) => {
    if (value === '') throw new FilterError(field, value, 'expected [namespace/]name-prefix');
    const parts = value.split('/');
    return parts.length === 1
      ? { namespace: 'default', name: value }
      : { namespace: parts[0], name: parts[1] };
  });
  return (namespace, name) => {
    if (namespace === '' && name === '') return false;
    return prefixes.some(
      (prefix) => (prefix.namespace === '' || prefix.namespace === namespace) && name.startsWith(prefix.name),
    );
  };
}

const patternCharacters: Readonly<Record<string, string>> = { '.': '[.]', '*': '[-.0-9a-z]*' };

/** One element of an FQDN or node name pattern as a regular expression's source. Throws FilterError. */
function patternSource(field: string, value: string, element: string): string {
  const prepared = element.trim().replace(/\.$/, '').toLowerCase();
  if (prepared === '') throw new FilterError(field, value, 'expected a name pattern, not an empty one');
  if (prepared.endsWith('.')) throw new FilterError(field, value, 'expected at most one dot at the end');
  const bad = /[^-a-z0-9_.*]/u.exec(prepared);
  if (bad !== null) {
    throw new FilterError(
      field,
      value,
      `character ${JSON.stringify(bad[0])} is not allowed, expected letters, digits, '-', '_', '.' or '*'`,
    );
  }
  // Runs of stars say no more than one, and one keeps matching linear enough.
  return prepared.replace(/\*+/g, '*').replace(/[.*]/g, (character) => patternCharacters[character]);
}

/** Compiles FQDN patterns into one test of a name as stored. Throws FilterError. */
export function compileFqdnMatch(field: string, values: readonly string[]): (name: string) => boolean {
  const source = values.map((value) => patternSource(field, value, value)).join('|');
  const pattern = new RegExp(`^(?:${source})$`);
  return (name) => pattern.test(name);
}

const ANY_NAME = '[a-z0-9_-]+(?:[.][a-z0-9_-]+)*';

/** Compiles node name patterns (`n1`, `cluster/n*`, `cluster/`, `/n1`) into one test of `Flow.node_name`. Throws FilterError. */
export function compileNodeNameMatch(
  field: string,
  values: readonly string[],
): (nodeName: string) => boolean {
  const sources = values.map((value) => {
    const parts = value.split('/');
    if (value === '' || parts.length > 2) throw new FilterError(field, value, 'expected [cluster/]node');
    const element = (part: string): string => (part === '' ? ANY_NAME : patternSource(field, value, part));
    return parts.length === 1
      ? `${ANY_NAME}/${element(parts[0])}`
      : `${element(parts[0])}/${element(parts[1])}`;
  });
  const pattern = new RegExp(`^(?:${sources.join('|')})$`);
  return (nodeName) =>
    nodeName !== '' && pattern.test(nodeName.includes('/') ? nodeName : `default/${nodeName}`);
}
