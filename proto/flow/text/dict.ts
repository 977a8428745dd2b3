/** Lines of a record in the dict layout. */
export type DictEntry = readonly [key: string, value: string];

/** Stands between two records. */
export const DICT_SEPARATOR = '-'.repeat(12);

/** A record with its keys aligned to the right. Line breaks in values stay as they are. */
export function dictText(entries: readonly DictEntry[], keyWidth = 11): string {
  return entries.map(([key, value]) => `${key.padStart(keyWidth)}: ${value}\n`).join('');
}
