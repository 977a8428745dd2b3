/**
 * Traffic for a pod, of which both sides keep account. Prints "ready" when it is under way; at the end of stdin it comes to an end and prints what happened as one line of JSON.
 *
 *   serve PORT ADDRESS…             echoes over TCP: ServerAccount
 *   live COUNT PORT ADDRESS         connections that stay open, each sending a number and waiting for it to come back: LiveAccount
 *   fresh RATE PORT ADDRESS         so many connections a second, each for one word: FreshAccount
 */
import { connect, createServer, type Socket } from 'node:net';

export interface ServerAccount {
  readonly accepted: number;
  readonly open: number;
  readonly errors: readonly string[];
  /** Bytes by who sent them. */
  readonly bytesFrom: Readonly<Record<string, number>>;
}

export interface LiveAccount {
  readonly open: number;
  /** Connections that ended, or got something else than they sent. */
  readonly broken: readonly string[];
  readonly bytes: number;
  readonly echoes: number;
}

export interface FreshAccount {
  readonly tried: number;
  readonly served: number;
  readonly failed: readonly string[];
}

const PAUSE_MS = 500;
const PATIENCE_MS = 30_000;
const WORD_BYTES = 8;

const [mode, ...args] = process.argv.slice(2);
/** Gives the account once everything under way has come to an end. */
let finish: () => Promise<object>;

function serve(port: number, addresses: readonly string[]): void {
  const sockets = new Set<Socket>();
  const bytesFrom: Record<string, number> = {};
  const errors: string[] = [];
  let accepted = 0;
  let waiting = addresses.length;
  for (const address of addresses) {
    createServer({ allowHalfOpen: false }, (socket) => {
      const peer = socket.remoteAddress ?? '';
      accepted++;
      sockets.add(socket);
      bytesFrom[peer] ??= 0;
      socket.on('data', (bytes) => {
        bytesFrom[peer] += bytes.length;
        socket.write(bytes);
      });
      socket.on('error', ({ message }) => errors.push(`${peer}: ${message}`));
      socket.on('close', () => sockets.delete(socket));
    }).listen({ port, host: address, backlog: 2048 }, () => {
      if (--waiting === 0) console.log('ready');
    });
  }
  finish = () => Promise.resolve({ accepted, open: sockets.size, errors, bytesFrom });
}

function live(count: number, port: number, address: string): void {
  const broken: string[] = [];
  const asking = new Set<number>();
  const sockets: Socket[] = [];
  let ending = false;
  let opened = 0;
  let bytes = 0;
  let echoes = 0;
  const open = (id: number): void => {
    const socket = connect({ port, host: address, noDelay: true });
    const word = Buffer.alloc(WORD_BYTES);
    let next = 0;
    let got = Buffer.alloc(0);
    const ask = (): void => {
      if (ending || socket.destroyed) return;
      word.writeBigUInt64BE(BigInt(next));
      asking.add(id);
      bytes += WORD_BYTES;
      socket.write(Buffer.from(word));
    };
    sockets.push(socket);
    socket.on('connect', () => {
      if (++opened === count) console.log('ready');
      else if (sockets.length < count) open(sockets.length);
      ask();
    });
    socket.on('data', (chunk) => {
      got = Buffer.concat([got, chunk]);
      if (got.length < WORD_BYTES) return;
      asking.delete(id);
      if (got.length > WORD_BYTES || got.readBigUInt64BE() !== BigInt(next))
        broken.push(`${id}: got ${got.toString('hex')} for ${next}`);
      got = Buffer.alloc(0);
      next++;
      echoes++;
      setTimeout(ask, PAUSE_MS);
    });
    socket.on('error', ({ message }) => broken.push(`${id}: ${message}`));
    socket.on('close', () => {
      if (!ending) broken.push(`${id}: closed after ${next} echoes`);
    });
  };
  // A few at a time, so that no queue of the listener overflows.
  for (let id = 0; id < Math.min(count, 20); id++) open(id);
  finish = async () => {
    ending = true;
    await settled(() => asking.size === 0);
    for (const id of asking) broken.push(`${id}: no answer`);
    return { open: sockets.filter(({ destroyed }) => !destroyed).length, broken, bytes, echoes };
  };
}

function fresh(rate: number, port: number, address: string): void {
  const failed: string[] = [];
  let tried = 0;
  let served = 0;
  const timer = setInterval(() => {
    tried++;
    const socket = connect({ port, host: address }, () => socket.write('word'));
    socket.on('data', () => {
      served++;
      socket.destroy();
    });
    socket.on('error', ({ message }) => failed.push(message));
  }, 1000 / rate);
  console.log('ready');
  finish = async () => {
    clearInterval(timer);
    await settled(() => served + failed.length >= tried);
    return { tried, served, failed };
  };
}

async function settled(isDone: () => boolean): Promise<void> {
  const until = Date.now() + (Number(process.env['LOAD_PATIENCE_MS']) || PATIENCE_MS);
  while (!isDone() && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
}

if (mode === 'serve') serve(Number(args[0]), args.slice(1));
else if (mode === 'live') live(Number(args[0]), Number(args[1]), args[2]);
else fresh(Number(args[0]), Number(args[1]), args[2]);

process.stdin.resume().on('end', () => {
  // What is open stays so, until whoever started this has asked the other side, too, and kills it.
  void finish().then((account) => console.log(JSON.stringify(account)));
});
