/**
 * A program for pods: `serve tcp|udp ADDRESS PORT` answers with what it gets, until killed; `ask tcp|udp ADDRESS PORT BYTES` sends that
 * much and prints "echoed" if it comes back the same, or the code of the error.
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const [role, protocol, address, portText, bytesText] = process.argv.slice(2);
const port = Number(portText);
const datagramType = address.includes(':') ? 'udp6' : 'udp4';

function finish(word: string): void {
  console.log(word);
  process.exit(0);
}

function serveTcp(): void {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.pipe(socket);
    socket.on('error', () => undefined);
  });
  server.listen(port, address, () => console.log('ready'));
}

function serveUdp(): void {
  const socket = createSocket(datagramType);
  socket.on('message', (message, from) => socket.send(message, from.port, from.address));
  socket.bind(port, address, () => console.log('ready'));
}

function askTcp(data: Buffer): void {
  const echoed: Buffer[] = [];
  const socket = connect({ host: address, port }, () => socket.end(data));
  socket.on('data', (chunk) => echoed.push(chunk));
  socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
  socket.on('close', () => finish(Buffer.concat(echoed).equals(data) ? 'echoed' : 'different'));
}

function askUdp(data: Buffer): void {
  const socket = createSocket(datagramType);
  socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
  socket.on('message', (message) => finish(message.equals(data) ? 'echoed' : 'different'));
  socket.connect(port, address, () => socket.send(data));
  setTimeout(() => finish('no answer'), 3000);
}

if (role === 'serve') (protocol === 'tcp' ? serveTcp : serveUdp)();
else (protocol === 'tcp' ? askTcp : askUdp)(randomBytes(Number(bytesText)));
