/** One thing in which what is installed differs from what is to be. */
export interface Difference {
  readonly path: string;
  /** As JSON; undefined where there is nothing. */
  readonly installed: string | undefined;
  readonly wanted: string | undefined;
}

/**
 * Where two JSON values differ, leaf by leaf. Scalars are compared as text, since servers give settings back as strings. What is installed beyond what is wanted counts only below `owned`, paths that are ours
 * alone: elsewhere servers add defaults.
 */
export function differences(
  installed: unknown,
  wanted: unknown,
  owned: readonly string[] = [],
): Difference[] {
  const [there, here] = [leaves(installed), leaves(wanted)];
  const found: Difference[] = [];
  for (const [path, value] of here) {
    const other = there.get(path);
    // An empty object asks for nothing but to be there.
    if (value === '{}' && [...there.keys()].some((key) => key.startsWith(`${path}.`))) continue;
    if (other === undefined || plain(other) !== plain(value)) {
      found.push({ path, installed: other, wanted: value });
    }
  }
  for (const [path, value] of there) {
    const isOwned = owned.some((prefix) => path === prefix || path.startsWith(`${prefix}.`));
    if (isOwned && !here.has(path)) found.push({ path, installed: value, wanted: undefined });
  }
  return found;
}

/** JSON of the scalars, lists and empty objects in a value, by path. */
function leaves(value: unknown, path = '', found = new Map<string, string>()): Map<string, string> {
  const isInner = typeof value === 'object' && value !== null && !Array.isArray(value);
  const entries = isInner ? Object.entries(value) : [];
  if (entries.length === 0) {
    if (value !== undefined) found.set(path, JSON.stringify(value));
    return found;
  }
  for (const [name, inner] of entries) leaves(inner, path === '' ? name : `${path}.${name}`, found);
  return found;
}

/** `"1"` and `1`, `"true"` and `true` say the same. */
function plain(json: string): string {
  return json.startsWith('"') ? (JSON.parse(json) as string) : json;
}
