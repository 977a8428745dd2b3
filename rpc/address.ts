import { isIP, isIPv6 } from 'node:net';

/** Where a process listens or connects: a Unix socket, or a TCP host and port. An empty host is every interface to a listener, this machine to a client. */
export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: boolean };

/** Port of an agent's Hubble server when an address names none. */
export const DEFAULT_AGENT_PORT = 4244;

/** Bytes that a socket's path may have: sun_path of struct sockaddr_un less its terminator (unix(7)). */
const MAX_SOCKET_PATH_BYTES = 107;

const expected =
  'expected unix:///path/to.sock, an absolute path ending in .sock, host:port, [ipv6]:port or an IP address';

function parsePort(text: string, whole: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) {
    throw new TypeError(`invalid port "${text}" in address "${whole}": expected a number from 0 to 65535`);
  }
  return Number(text);
}

/** The address of a Unix socket. Throws TypeError when the kernel could not hold its path. */
function unixAddress(path: string): Address {
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    throw new TypeError(
      `socket path "${path}" has ${bytes} bytes: expected at most ${MAX_SOCKET_PATH_BYTES}`,
    );
  }
  return { kind: 'unix', path };
}

/** Host and port of a TCP address without its scheme; null when the text is none. Throws TypeError on a bad port alone. */
function splitHostPort(text: string, whole: string): { host: string; port: number } | null {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed !== null) {
    const [, host, port] = bracketed;
    if (!isIPv6(host)) return null;
    return { host, port: port === undefined ? DEFAULT_AGENT_PORT : parsePort(port, whole) };
  }
  if (isIP(text) !== 0) return { host: text, port: DEFAULT_AGENT_PORT };
  const named = /^([^\s/:[\]]*):([^:/]*)$/.exec(text);
  return named === null ? null : { host: named[1], port: parsePort(named[2], whole) };
}

/**
 * Reads an address: `unix:///run/x.sock`, `/run/x.sock`, `host:port`, `[fd00::1]:port`, `:port` (every interface), an IP address alone (port 4244),
 * each TCP form with an optional `tls://` in front. Throws TypeError that names the text and what was expected.
 */
export function parseAddress(text: string): Address {
  const path = /^unix:(?:\/\/)?(\/[^/].*)$/.exec(text)?.[1] ?? (/^\/.*\.sock$/.test(text) ? text : undefined);
  if (path !== undefined) return unixAddress(path);
  const tls = text.startsWith('tls://');
  const target = splitHostPort(tls ? text.slice('tls://'.length) : text, text);
  if (target === null) throw new TypeError(`invalid address "${text}": ${expected}`);
  return { kind: 'tcp', ...target, tls };
}

/** The address as a person writes it. */
export function formatAddress(address: Address): string {
  if (address.kind === 'unix') return `unix://${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}
