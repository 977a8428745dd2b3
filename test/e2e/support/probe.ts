/**
 * A program for pods, told what to do by lines on stdin, `ID COMMAND ARGS…`, and answering with lines `ID RESULT`:
 *
 *   serve tcp|udp ADDRESS PORT            echoes from then on
 *   tell tcp|udp ADDRESS PORT             says to whoever speaks there how it sees him: ADDRESS PORT
 *   see tcp|udp ADDRESS PORT MS FROM      speaks from port FROM (0 = any) to one that tells, and gives what it says
 *   ask tcp|udp ADDRESS PORT MS           sends a word and waits so long for it to come back: "echoed", "silence", or the error's code
 *   open ADDRESS PORT MS                  a TCP connection, which stays open under the command's ID
 *   say ID-OF-OPEN MS                     sends a word over it and waits
 */
import { createSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const open = new Map<string, Socket>();
const answer = (id: string, result: string): void => console.log(`${id} ${result}`);
const family = (address: string): 'udp4' | 'udp6' => (address.includes(':') ? 'udp6' : 'udp4');

function serve(id: string, protocol: string, address: string, port: number): void {
  if (protocol === 'tcp') {
    createServer((socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    }).listen(port, address, () => answer(id, 'ready'));
    return;
  }
  const socket = createSocket(family(address));
  socket.on('message', (message, from) => socket.send(message, from.port, from.address));
  socket.bind(port, address, () => answer(id, 'ready'));
}

/** A name for the other end, an IPv4 one of a socket for both families as IPv4. */
const endOf = (address: string, port: number): string => `${address.replace(/^::ffff:/, '')} ${port}`;

function tell(id: string, protocol: string, address: string, port: number): void {
  if (protocol === 'tcp') {
    createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(endOf(socket.remoteAddress ?? '', socket.remotePort ?? 0));
    }).listen(port, address, () => answer(id, 'ready'));
    return;
  }
  const socket = createSocket(family(address));
  socket.on('message', (_, from) => socket.send(endOf(from.address, from.port), from.port, from.address));
  socket.bind(port, address, () => answer(id, 'ready'));
}

function see(id: string, protocol: string, address: string, port: number, ms: number, from: number): void {
  const give = once(id, ms);
  const fail = (error: NodeJS.ErrnoException): void => give(error.code ?? error.message);
  if (protocol === 'tcp') {
    const socket = connect({ host: address, port, ...(from > 0 && { localPort: from }) });
    socket.on('data', (text) => give(text.toString()));
    socket.on('error', fail);
    return;
  }
  const socket = createSocket(family(address));
  socket.on('message', (text) => {
    give(text.toString());
    socket.close();
  });
  socket.on('error', fail);
  socket.bind(from, () => socket.connect(port, address, () => socket.send('word')));
}

/** Gives one answer, "silence" when nothing else comes in time. */
function once(id: string, ms: number): (result: string) => void {
  let given = false;
  const give = (result: string): void => {
    if (given) return;
    given = true;
    clearTimeout(timer);
    answer(id, result);
  };
  const timer = setTimeout(() => give('silence'), ms);
  return give;
}

function ask(id: string, protocol: string, address: string, port: number, ms: number): void {
  const give = once(id, ms);
  if (protocol === 'tcp') {
    const socket = connect({ host: address, port }, () => socket.write('word'));
    socket.on('data', () => give('echoed'));
    socket.on('error', (error: NodeJS.ErrnoException) => give(error.code ?? error.message));
    setTimeout(() => socket.destroy(), ms);
    return;
  }
  const socket = createSocket(family(address));
  socket.on('message', () => give('echoed'));
  socket.on('error', (error: NodeJS.ErrnoException) => give(error.code ?? error.message));
  socket.connect(port, address, () => socket.send('word'));
  setTimeout(() => socket.close(), ms);
}

function openConnection(id: string, address: string, port: number, ms: number): void {
  const give = once(id, ms);
  const socket = connect({ host: address, port }, () => give('opened'));
  socket.on('error', (error: NodeJS.ErrnoException) => give(error.code ?? error.message));
  open.set(id, socket);
}

function say(id: string, connection: string, ms: number): void {
  const give = once(id, ms);
  const socket = open.get(connection);
  if (socket === undefined || socket.destroyed) return give('closed');
  socket.once('data', () => give('echoed'));
  socket.once('close', () => give('closed'));
  socket.write('word');
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [id, command, ...args] = line.split(' ');
    if (command === 'serve') serve(id, args[0], args[1], Number(args[2]));
    else if (command === 'tell') tell(id, args[0], args[1], Number(args[2]));
    else if (command === 'see') see(id, args[0], args[1], Number(args[2]), Number(args[3]), Number(args[4]));
    else if (command === 'ask') ask(id, args[0], args[1], Number(args[2]), Number(args[3]));
    else if (command === 'open') openConnection(id, args[0], Number(args[1]), Number(args[2]));
    else say(id, args[0], Number(args[1]));
  })
  .on('close', () => process.exit(0));
