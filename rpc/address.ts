/** Where a process listens or connects: a Unix socket, or a TCP host and port. */
export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: boolean };

/** Port of an agent's Hubble server when an address names none. */
export const DEFAULT_AGENT_PORT = 4244;

const expected =
  'expected unix:///path/to.sock, an absolute path ending in .sock, host:port, [ipv6]:port or an IP address';

function parsePort(text: string, whole: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) {
    throw new TypeError(`invalid port "${text}" in address "${whole}": expected a number from 0 to 65535`);
  }
  return Number(text);
}

/**
 * Reads an address: `unix:///run/x.sock`, `/run/x.sock`, `host:port`, `[fd00::1]:port`, `:port` (every interface), an IP address alone (port 4244),
 * each TCP form with an optional `tls://` in front. Throws TypeError that names the text and what was expected.
 */
export function parseAddress(text: string): Address {
  const unix = /^unix:(?:\/\/)?(\/.+)$/.exec(text)?.[1] ?? (/^\/.*\.sock$/.test(text) ? text : undefined);
  if (unix !== undefined) return { kind: 'unix', path: unix };
  const tls = text.startsWith('tls://');
  const rest = tls ? text.slice('tls://'.length) : text;
  const bracketed = /^\[([0-9a-fA-F:.%\w]+)\](?::(.*))?$/.exec(rest);
  if (bracketed !== null) {
    const port = bracketed[2] === undefined ? DEFAULT_AGENT_PORT : parsePort(bracketed[2], text);
    return { kind: 'tcp', host: bracketed[1], port, tls };
  }
  const colons = rest.split(':').length - 1;
  if (colons > 1) return { kind: 'tcp', host: rest, port: DEFAULT_AGENT_PORT, tls };
  if (colons === 1) {
    const [host, port] = rest.split(':');
    if (/[\s/]/.test(host)) throw new TypeError(`invalid address "${text}": ${expected}`);
    return { kind: 'tcp', host, port: parsePort(port, text), tls };
  }
  if (/^\d+\.\d+\.\d+\.\d+$/.test(rest)) return { kind: 'tcp', host: rest, port: DEFAULT_AGENT_PORT, tls };
  throw new TypeError(`invalid address "${text}": ${expected}`);
}

/** The address as a person writes it. */
export function formatAddress(address: Address): string {
  if (address.kind === 'unix') return `unix://${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}
