/** The server of the page, as `--server` takes it. */
export function serverAddress(): string {
  return `${location.protocol === 'https:' ? 'tls://' : ''}${location.host}`;
}
