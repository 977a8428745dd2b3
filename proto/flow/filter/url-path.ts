const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:/;
const badEscape = /%(?![0-9A-Fa-f]{2})/;
/** Escapes that a host may have: of what is not ASCII, and of the percent sign that begins a zone. */
const hostText = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:[\]<>"\u0080-\uffff]|%25|%[89A-Fa-f][0-9A-Fa-f])*$/;
const userText = /^[A-Za-z0-9\-._~!$&'()*+,;=:@%]*$/;
const port = /^(?::[0-9]*)?$/;

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

function isAuthority(authority: string): boolean {
  const at = authority.lastIndexOf('@');
  const user = authority.slice(0, Math.max(at, 0));
  if (!userText.test(user) || badEscape.test(user)) return false;
  const host = authority.slice(at + 1);
  if (!hostText.test(host) || host.lastIndexOf('[') > host.lastIndexOf(']')) return false;
  if (!host.startsWith('[')) {
    const colon = host.lastIndexOf(':');
    return colon < 0 || port.test(host.slice(colon));
  }
  return port.test(host.slice(host.lastIndexOf(']') + 1));
}

const utf8 = new TextEncoder();
const utf8Decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function unescape(text: string): string {
  const bytes = utf8.encode(text);
  let end = 0;
  for (let pos = 0; pos < bytes.length; pos++) {
    if (bytes[pos] === 0x25) {
      bytes[end++] = Number.parseInt(String.fromCharCode(bytes[pos + 1], bytes[pos + 2]), 16);
      pos += 2;
    } else bytes[end++] = bytes[pos];
  }
  return utf8Decoder.decode(bytes.subarray(0, end));
}

/**
 * The decoded path of a URL as flows record it, or null for one that cannot be parsed. The rules are those of Go's `url.ParseRequestURI`: a path begins with a
 * slash, alone or behind `scheme:` or `scheme://authority`; what has a scheme and no slash has an empty path; the query goes at the first `?`, and `#` is
 * an ordinary character. Nothing is normalised.
 */
export function urlPath(url: string): string | null {
  if (url === '' || hasControl(url)) return null;
  if (url === '*') return url;
  const query = url.indexOf('?');
  const beforeQuery = query < 0 ? url : url.slice(0, query);
  const prefix = scheme.exec(beforeQuery)?.[0] ?? '';
  let path = beforeQuery.slice(prefix.length);
  if (!path.startsWith('/')) return prefix === '' ? null : '';
  if (prefix !== '' && path.startsWith('//')) {
    const slash = path.indexOf('/', 2);
    const authority = slash < 0 ? path.slice(2) : path.slice(2, slash);
    if (!isAuthority(authority)) return null;
    path = slash < 0 ? '' : path.slice(slash);
  }
  if (!path.includes('%')) return path;
  return badEscape.test(path) ? null : unescape(path);
}
