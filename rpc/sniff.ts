import type { Socket } from 'node:net';

/** What a client speaks, by its first bytes. */
export type Speech = 'tls' | 'http2' | 'http1';

/** The first bytes of HTTP/2 with prior knowledge (RFC 9113 section 3.4). No HTTP/1.1 request starts like that. */
const PREFACE = Buffer.from('PRI ');
/** A record of type handshake, and the first byte of its version (RFC 8446 section 5.1). */
const TLS_HANDSHAKE = Buffer.of(22, 3);

/**
 * Tells `decide` what a new connection speaks, by its first bytes, which stay in the socket. Ends a connection that says nothing within `timeoutMs`: it would be held for ever. A
 * client of no protocol known is taken for HTTP/1.1, which answers with an error.
 */
export function sniff(socket: Socket, timeoutMs: number, decide: (speech: Speech) => void): void {
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  let head: Buffer = Buffer.alloc(0);
  const settle = (): void => {
    clearTimeout(timer);
    socket.off('readable', look).off('close', settle);
  };
  const look = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    const speech = speechOf(head);
    if (speech === null) return;
    settle();
    socket.unshift(head);
    decide(speech);
  };
  socket.on('readable', look).once('close', settle);
}

/** Null while the bytes may be the beginning of more than one. */
function speechOf(head: Buffer): Speech | null {
  const matches = (known: Buffer): boolean => {
    const length = Math.min(head.length, known.length);
    return head.compare(known, 0, length, 0, length) === 0;
  };
  if (matches(PREFACE)) return head.length < PREFACE.length ? null : 'http2';
  if (matches(TLS_HANDSHAKE)) return head.length < TLS_HANDSHAKE.length ? null : 'tls';
  return 'http1';
}
