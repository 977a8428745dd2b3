import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { frame } from './dns-server.ts';

const TIMEOUT_MS = 2_000;
const DNS_PORT = 53;

/** Asks another server the same question, the way it came, and returns its answer as it is. Rejects after two seconds. */
export function forwardQuery(message: Uint8Array, server: string, isTcp: boolean): Promise<Uint8Array> {
  return isTcp ? forwardTcp(message, server) : forwardUdp(message, server);
}

function forwardUdp(message: Uint8Array, server: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // A socket for each question: the kernel picks an unpredictable port, and matches the answer to it.
    const socket = createSocket('udp4');
    const timer = setTimeout(() => finish(() => reject(new Error(`${server} does not answer`))), TIMEOUT_MS);
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      socket.close();
      settle();
    };
    socket.once('message', (answer) => finish(() => resolve(answer)));
    socket.once('error', (error) => finish(() => reject(error)));
    socket.send(message, DNS_PORT, server);
  });
}

function forwardTcp(message: Uint8Array, server: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: server, port: DNS_PORT });
    let received = Buffer.alloc(0);
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`${server} does not answer`)));
    socket.once('connect', () => socket.write(frame(message)));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      resolve(received.subarray(2, 2 + received.readUInt16BE(0)));
      socket.end();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`${server} closed the connection`)));
  });
}
