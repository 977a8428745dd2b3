const escapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/** JSON text with the characters escaped that Go's encoder escapes: `<`, `>`, `&` and the two line separators. */
export function escapeJson(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (character) => escapes[character]);
}

/** Anything but printable ASCII that JSON takes as it is. */
const special = /[^ !#-%'-;=?-[\]-~]/;

/** A string as JSON, escaped as `escapeJson` does. */
export function jsonString(text: string): string {
  return special.test(text) ? escapeJson(JSON.stringify(text)) : `"${text}"`;
}
