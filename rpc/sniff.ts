import type { Socket } from 'node:net';

/** The first bytes of HTTP/2 with prior knowledge (RFC 9113 section 3.4). No HTTP/1.1 request starts like that. */
const PREFACE = Buffer.from('PRI ');

/**
 * Tells `decide` which protocol a new connection speaks, by its first bytes, which stay in the socket. Ends a connection that says nothing within `timeoutMs`: it
 * would be held for ever. A client of neither protocol is taken for HTTP/1.1, which answers with an error.
 */
export function sniff(socket: Socket, timeoutMs: number, decide: (isHttp2: boolean) => void): void {
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
    const known = Math.min(head.length, PREFACE.length);
    const isPreface = head.compare(PREFACE, 0, known, 0, known) === 0;
    if (isPreface && known < PREFACE.length) return;
    settle();
    socket.unshift(head);
    decide(isPreface);
  };
  socket.on('readable', look).once('close', settle);
}
