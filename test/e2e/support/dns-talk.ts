/**
 * A program for pods. `serve ANSWERS ADDRESS...` answers DNS questions over UDP and TCP until killed, saying "ready" first; `ask QUESTIONS` asks one after the other and
 * prints the response codes; `flood ADDRESS COUNT` sends that many questions and waits for nothing.
 */
import dnsPacket, { type Answer, type Packet, type RecordType, type StringRecordType } from 'dns-packet';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** What a server says to a name. */
export interface Zone {
  readonly [name: string]: {
    readonly records?: readonly {
      readonly name?: string;
      readonly type: StringRecordType;
      readonly data: string;
      readonly ttl: number;
    }[];
    /** Over UDP, as if it were too long. */
    readonly truncated?: boolean;
    /** With an owner's name that leads to itself. */
    readonly malformed?: boolean;
  };
}

export interface Question {
  readonly transport: 'udp' | 'tcp';
  readonly server: string;
  readonly name: string;
  readonly type: RecordType;
  /** TCP: bytes of a segment. */
  readonly segmentBytes?: number;
}

const PORT = 53;
const NO_SUCH_NAME = 3;
const TIMEOUT_MS = 3000;
const AUTHORITATIVE = 0x0400;
const TRUNCATED = 0x0200;

function reply(zone: Zone, message: Buffer, isUdp: boolean): Buffer {
  const { id = 0, questions = [] } = dnsPacket.decode(message);
  const [question] = questions;
  const found = zone[question.name.toLowerCase()];
  const isCut = found?.truncated === true && isUdp;
  const answers = (found?.records ?? [])
    .filter(({ type }) => type === question.type || type === 'CNAME')
    .map(({ name, type, data, ttl }): Answer => ({
      name: name ?? question.name,
      type,
      data,
      ttl,
      class: 'IN',
    }));
  const flags = AUTHORITATIVE | (isCut ? TRUNCATED : 0) | (found === undefined ? NO_SUCH_NAME : 0);
  const bytes = dnsPacket.encode({ type: 'response', id, flags, questions, answers: isCut ? [] : answers });
  if (found?.malformed === true) {
    // The first answer's owner: a pointer to itself.
    const owner = 12 + question.name.length + 2 + 4;
    bytes.set([0xc0 | (owner >> 8), owner & 255], owner);
  }
  return bytes;
}

async function serve(zone: Zone, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const socket = socketFor(address);
    socket.on('message', (message, from) => socket.send(reply(zone, message, true), from.port, from.address));
    socket.bind(PORT, address);
    await once(socket, 'listening');
    const server = createServer((connection) => {
      let received = Buffer.alloc(0);
      connection.on('error', () => undefined);
      connection.on('data', (chunk) => {
        received = Buffer.concat([received, chunk]);
        while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
          const end = 2 + received.readUInt16BE(0);
          const answer = reply(zone, received.subarray(2, end), false);
          received = received.subarray(end);
          connection.write(Buffer.concat([Uint8Array.of(answer.length >> 8, answer.length & 255), answer]));
        }
      });
    });
    server.listen(PORT, address);
    await once(server, 'listening');
  }
  console.log('ready');
}

const socketFor = (address: string): Socket => createSocket(address.includes(':') ? 'udp6' : 'udp4');

async function ask(question: Question, id: number): Promise<string> {
  const { transport, server, name, type, segmentBytes = 1000 } = question;
  const query: Packet = { type: 'query', id, questions: [{ type, name }] };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  if (transport === 'udp') {
    const socket = socketFor(server);
    socket.connect(PORT, server);
    await once(socket, 'connect', { signal });
    socket.send(dnsPacket.encode(query));
    const [bytes] = (await once(socket, 'message', { signal })) as [Buffer];
    socket.close();
    return `rcode ${bytes[3] & 15}`;
  }
  const connection = connect({ host: server, port: PORT, noDelay: true });
  await once(connection, 'connect', { signal });
  const bytes = dnsPacket.streamEncode(query);
  for (let at = 0; at < bytes.length; at += segmentBytes) {
    connection.write(bytes.subarray(at, at + segmentBytes));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  let received = Buffer.alloc(0);
  while (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) {
    const [chunk] = (await once(connection, 'data', { signal })) as [Buffer];
    received = Buffer.concat([received, chunk]);
  }
  connection.destroy();
  return `rcode ${received[5] & 15}`;
}

function flood(address: string, count: number): void {
  const socket = socketFor(address);
  socket.on('error', () => undefined);
  const query = dnsPacket.encode({ type: 'query', id: 1, questions: [{ type: 'A', name: 'flood.example' }] });
  socket.connect(PORT, address, () => {
    for (let sent = 1; sent < count; sent++) socket.send(query);
    socket.send(query, () => socket.close());
  });
}

const [role, subject, ...rest] = process.argv.slice(2);
if (role === 'serve') await serve(JSON.parse(subject) as Zone, rest);
else if (role === 'flood') flood(subject, Number(rest[0]));
else if (role === 'ask') {
  for (const [id, question] of (JSON.parse(subject) as Question[]).entries()) {
    console.log(await ask(question, id + 1).catch((error: Error) => error.name));
  }
}
