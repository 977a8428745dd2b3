import { readFileSync, statSync } from 'node:fs';

/** A config file is a few lines; anything larger is something else. */
const MAX_BYTES = 1024 * 1024;

/** A setting as a file has it: what YAML makes of it. */
export type ConfigValues = Readonly<Record<string, unknown>>;

/**
 * Reads a config file: a YAML map with the names of flags as keys. A file that is missing, unreadable or no map counts as empty, as with Hubble; `onIgnored` is told
 * why, unless it is just not there.
 */
export async function readConfigFile(
  path: string,
  onIgnored: (reason: string) => void = () => {},
): Promise<ConfigValues> {
  let text: string;
  try {
    if (statSync(path).size > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onIgnored((error as Error).message);
    return {};
  }
  try {
    // Loaded only for those who have such a file: it takes a tenth of the time that a command has to start in.
    const { parse } = await import('yaml');
    const values: unknown = parse(text, { maxAliasCount: 0 });
    if (values === null || values === undefined) return {};
    if (typeof values !== 'object' || Array.isArray(values)) throw new Error('no map of settings');
    // Keys in any case, as Hubble takes them.
    return Object.fromEntries(Object.entries(values).map(([key, value]) => [key.toLowerCase(), value]));
  } catch (error) {
    onIgnored((error as Error).message);
    return {};
  }
}

/** A YAML value as the texts that a flag would be given: one for a scalar, each element for a list. A text that stands for a list is cut at white space. */
export function configTexts(value: unknown, isList: boolean): string[] {
  if (value === null || value === undefined) return [];
  const text = (element: unknown): string =>
    typeof element === 'string' ? element : JSON.stringify(element);
  if (Array.isArray(value)) return value.map(text);
  return isList
    ? text(value)
        .split(/\s+/)
        .filter((part) => part !== '')
    : [text(value)];
}
