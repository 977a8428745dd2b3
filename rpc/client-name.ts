import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

const MAX_SUBJECT = 100;

/** A client's address, for the log. To be asked for once while the connection lives: node remembers it from then on. */
export function clientAddress(socket: Socket): string {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress !== undefined) return `${remoteAddress} port ${remotePort}`;
  // Of a handshake that failed node gives only the inside of the connection, which has lost its address with the connection; the outside remembers.
  const outside: unknown = Reflect.get(socket, '_parent');
  if (outside instanceof Socket) return clientAddress(outside);
  return socket instanceof TLSSocket ? 'of an unknown address' : 'on the Unix socket';
}

/** A client for the log: its address, and the subject of the certificate that it shows, which may say anything. */
export function clientName(socket: Socket): string {
  const subject = socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.subject : undefined;
  if (subject === undefined) return clientAddress(socket);
  const short = subject.length > MAX_SUBJECT ? `${subject.slice(0, MAX_SUBJECT)}…` : subject;
  return `${clientAddress(socket)} (${short.replaceAll(/[^\x20-\x7e…]+/g, ' ')})`;
}
