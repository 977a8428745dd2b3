/** A line of key=value text, quoted where a value needs it: `time=… level=info msg="…" key=value`. */
export function logLine(
  level: 'debug' | 'info' | 'warn' | 'error',
  msg: string,
  fields: Readonly<Record<string, string | number | boolean>> = {},
): string {
  const text = (value: string | number | boolean): string =>
    typeof value === 'string' && (value === '' || /[\s"=]/.test(value))
      ? JSON.stringify(value)
      : String(value);
  const pairs = Object.entries({ time: new Date().toISOString(), level, msg, ...fields });
  return pairs.map(([key, value]) => `${key}=${text(value)}`).join(' ');
}
