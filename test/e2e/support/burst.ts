/** A program for pods: `burst.ts ADDRESS PORT COUNT` sends so many datagrams as fast as it can and ends. */
import { createSocket } from 'node:dgram';

const [address, port, count] = process.argv.slice(2);
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
const payload = Buffer.alloc(16);
let left = Number(count);

function send(): void {
  if (left-- === 0) {
    socket.close();
    return;
  }
  // Refusals by whoever does not listen come back as errors of later sends.
  socket.send(payload, Number(port), address, send);
}
socket.on('error', () => {});
send();
