/** Items of a list in a request. */
const MAX_ITEMS = 1000;
/** Characters of a text in a request. */
const MAX_TEXT = 4096;

/** What is wrong with the lists and texts of a request by their size, in words; null when nothing is. */
export function tooLarge(request: Readonly<Record<string, unknown>>): string | null {
  for (const [field, value] of Object.entries(request)) {
    if (typeof value === 'string' && value.length > MAX_TEXT) {
      return `${field} has ${value.length} characters: expected at most ${MAX_TEXT}`;
    }
    if (!Array.isArray(value)) continue;
    if (value.length > MAX_ITEMS) return `${field} has ${value.length} items: expected at most ${MAX_ITEMS}`;
    const long = value.find((item) => typeof item === 'string' && item.length > MAX_TEXT) as
      | string
      | undefined;
    if (long !== undefined) {
      return `${field} has an item of ${long.length} characters: expected at most ${MAX_TEXT}`;
    }
  }
  return null;
}
