import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Socket } from 'node:net';
import type { AppConfig } from '../app-config.ts';
import type { Tally } from '../tally.ts';
import { type DnsAnswer, type DnsQuery, formatAnswer, parseQuery, ResponseCode } from './message.ts';

const DNS_PORT = 53;
const MAX_TCP_BYTES = 65_535;

/**
 * Answers a query, or passes on what another server answered, as bytes. Null = nothing to say: the client asks again or gives up. `isTcp` tells how the
 * client asked.
 */
export type Answerer = (
  query: DnsQuery,
  message: Uint8Array,
  isTcp: boolean,
) => Promise<DnsAnswer | Uint8Array>;

/** Serves DNS over UDP and TCP on both of a program's addresses. */
export function serveDns(config: AppConfig, answerer: Answerer, tally: Tally): void {
  const answer = async (message: Uint8Array, isTcp: boolean): Promise<Uint8Array | null> => {
    const query = parseQuery(message);
    if (query === null) {
      tally.count('malformed query');
      return null;
    }
    tally.count(isTcp ? 'query over TCP' : 'query');
    try {
      const result = await answerer(query, message, isTcp);
      return result instanceof Uint8Array
        ? result
        : formatAnswer(query, result, isTcp ? MAX_TCP_BYTES : query.maxUdpBytes);
    } catch (error) {
      tally.fail('answer', error);
      return formatAnswer(
        query,
        { code: ResponseCode.serverFailure, records: [], ttlSeconds: 0 },
        MAX_TCP_BYTES,
      );
    }
  };
  for (const [type, address] of [
    ['udp4', config.addresses.ipv4],
    ['udp6', config.addresses.ipv6],
  ] as const) {
    const socket: UdpSocket = createSocket({ type });
    socket.on('message', (message, { address, port }) => {
      void answer(message, false).then((bytes) => {
        if (bytes !== null) socket.send(bytes, port, address, (error) => error && tally.fail('send', error));
      });
    });
    socket.on('error', (error) => tally.fail('listen', error));
    socket.bind(DNS_PORT, address);
    const server = createServer((connection) =>
      serveConnection(connection, (message) => answer(message, true)),
    );
    server.on('error', (error) => tally.fail('listen', error));
    server.listen(DNS_PORT, address);
  }
}

/** Messages over TCP stand behind their length in two bytes (RFC 1035 section 4.2.2). */
function serveConnection(
  connection: Socket,
  answer: (message: Uint8Array) => Promise<Uint8Array | null>,
): void {
  let received = Buffer.alloc(0);
  connection.setTimeout(5_000, () => connection.destroy());
  connection.on('error', () => connection.destroy());
  const reply = (bytes: Uint8Array | null): void => {
    if (bytes === null) connection.destroy();
    else connection.write(frame(bytes));
  };
  connection.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const message = received.subarray(2, end);
      received = received.subarray(end);
      void answer(message).then(reply);
    }
  });
}

/** A message with its length in front. */
export function frame(message: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(message.length >> 8, message.length & 255), message]);
}
