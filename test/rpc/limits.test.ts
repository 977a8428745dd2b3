import { credentials } from '@grpc/grpc-js';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { connect as connectNet, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { frameMessage } from '../../proto/flow/frame.ts';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { parseAddress, RpcCode, RpcConnection, type ServerLimits } from '../../rpc/index.ts';
import { connectForeign } from '../support/grpc-client.ts';
import { createTestAuthority } from '../support/make-certificates.ts';
import { askFor, createNumberStream, GET_FLOWS, type NumberStream } from '../support/number-stream.ts';
import { callHeaders, http2Frame, PREFACE } from './fuzz/http2-bytes.ts';
import { type RpcTestServer, startRpcServer, until } from '../support/rpc-test-server.ts';

const SERVER_STATUS = '/observer.Observer/ServerStatus';
const SETTINGS = http2Frame(4, 0, 0, Buffer.alloc(0));

describe('a server’s limits', { timeout: 120_000 }, () => {
  const endings: (() => void)[] = [];
  const servers: RpcTestServer[] = [];
  after(async () => {
    for (const end of endings) end();
    for (const server of servers) await server.close();
  });

  async function start(
    limits: Partial<ServerLimits>,
    more: Partial<Parameters<typeof startRpcServer>[0]> = {},
  ): Promise<{ server: RpcTestServer; numbers: NumberStream; told: string[] }> {
    const numbers = createNumberStream();
    const told: string[] = [];
    const server = await startRpcServer({
      limits,
      rawStreams: new Map([[GET_FLOWS, numbers.handler]]),
      routes: (router) => router.service(Observer, { serverStatus: () => ({ version: 'v' }) }),
      onRefused: (message) => told.push(message.replaceAll(/port \d+/g, 'port P')),
      ...more,
    });
    servers.push(server);
    return { server, numbers, told };
  }

  function connectHttp2(port: number): ClientHttp2Session {
    const http2 = connect(`http://127.0.0.1:${port}`);
    http2.on('error', () => {});
    endings.push(() => http2.destroy());
    return http2;
  }

  function connectRaw(port: number): Socket {
    const socket = connectNet(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    endings.push(() => socket.destroy());
    return socket;
  }

  const call = (
    http2: ClientHttp2Session,
    path = GET_FLOWS,
    headers: Record<string, string> = {},
  ): ClientHttp2Stream => {
    const stream = http2.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    stream.on('error', () => {});
    return stream;
  };

  async function assertAlive(server: RpcTestServer): Promise<void> {
    const connection = new RpcConnection(parseAddress(server.unix));
    let count = 0;
    await connection.stream(GET_FLOWS, askFor(3), {}, (run) => void (count += run.count));
    connection.close();
    assert.equal(count, 3);
  }

  it('refuse one connection too many in words, on one address alone, and take it again later', async () => {
    const { server, told } = await start({ maxConnections: 2 });
    const address = parseAddress(`127.0.0.1:${server.port}`);
    const words = 'this address has the most connections that it takes, 2';
    const held = [new RpcConnection(address), new RpcConnection(address)];
    for (const connection of held) await connection.connect();

    await assert.rejects(new RpcConnection(address).connect(), {
      code: RpcCode.Unavailable,
      message: `cannot connect to 127.0.0.1:${server.port}: the server refuses this client: ${words}`,
    });
    const foreign = connectForeign(
      `127.0.0.1:${server.port}`,
      'observer/observer.proto',
      'observer.Observer',
      credentials.createInsecure(),
    );
    await assert.rejects(foreign.unary('ServerStatus'), { code: RpcCode.ResourceExhausted });
    foreign.close();
    assert.deepEqual(told, [`client 127.0.0.1 port P refused: ${words}`]);
    await assertAlive(server);

    held[0].close();
    await until(() => server.rpc.connectionCount === 1);
    const late = new RpcConnection(address);
    await late.connect();
    late.close();
    held[1].close();
  });

  it('cut a flood of connections that say nothing', async () => {
    const { server, told } = await start({ maxConnections: 5 });
    const sockets = Array.from({ length: 200 }, () => connectRaw(server.port));
    await until(() => sockets.filter((socket) => socket.closed).length >= 200 - 5 - 32);
    assert.equal(told.length, 1);
    await assertAlive(server);
    for (const socket of sockets) socket.destroy();
  });

  it('end a connection that does not say its first bytes in time, in plaintext and in TLS', async () => {
    const authority = await createTestAuthority();
    const tls = await authority.issue('server', 'server');
    for (const given of [{}, { tls, insecure: false }]) {
      const { server } = await start({ helloTimeoutMs: 100 }, given);
      const socket = connectRaw(server.port);
      await once(socket, 'close');
      const half = connectRaw(server.port);
      // A handshake that never goes on.
      half.write('tls' in given ? Buffer.of(22, 3, 1, 2, 0, 1) : 'PR');
      await once(half, 'close');
      await assertAlive(server);
    }
    authority.remove();
  });

  it('refuse one call too many, and serve those that there are', async () => {
    const { server, numbers } = await start({ maxStreamsPerConnection: 3 });
    const http2 = connectHttp2(server.port);
    await once(http2, 'remoteSettings');
    assert.equal(http2.remoteSettings.maxConcurrentStreams, 3);
    const socket = connectRaw(server.port);
    const headers = callHeaders(GET_FLOWS);
    const resets: number[] = [];
    let seen = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk]);
      while (seen.length >= 9 && seen.length >= 9 + seen.readUIntBE(0, 3)) {
        const length = seen.readUIntBE(0, 3);
        if (seen[3] === 3) resets.push(seen.readUInt32BE(9));
        seen = seen.subarray(9 + length);
      }
    });
    socket.write(Buffer.concat([PREFACE, SETTINGS]));
    const open = (id: number): boolean =>
      socket.write(
        Buffer.concat([http2Frame(1, 4, id, headers), http2Frame(0, 1, id, frameMessage(askFor(0)))]),
      );
    for (const id of [1, 3, 5, 7, 9]) open(id);
    await until(() => resets.length === 2);
    assert.deepEqual(resets, [constants.NGHTTP2_REFUSED_STREAM, constants.NGHTTP2_REFUSED_STREAM]);
    assert.equal(numbers.running, 3);

    // Who has acknowledged the limit and passes it all the same is left.
    socket.write(http2Frame(4, 1, 0, Buffer.alloc(0)));
    open(11);
    await until(() => socket.closed);
    await until(() => numbers.running === 0);
    http2.destroy();
    await assertAlive(server);
  });

  it('refuse headers that are too long or too many', async () => {
    const { server } = await start({ maxHeaderBytes: 4096 });
    const http2 = connectHttp2(server.port);
    await once(http2, 'remoteSettings');
    assert.equal(http2.remoteSettings.maxHeaderListSize, 4096);
    for (const headers of [
      { 'x-long': 'y'.repeat(5000) },
      Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x-${i}`, 'y'])),
    ]) {
      const stream = call(http2, GET_FLOWS, headers);
      stream.end(frameMessage(askFor(1)));
      stream.resume();
      await new Promise((resolve) => stream.once('close', resolve));
      assert.equal(stream.rstCode, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
    http2.destroy();
    await assertAlive(server);
  });

  it('end a connection whose headers go on for ever', async () => {
    const { server } = await start({});
    const socket = connectRaw(server.port);
    socket.write(Buffer.concat([PREFACE, SETTINGS, http2Frame(1, 0, 1, Buffer.of(0x82))]));
    // CONTINUATION frames without an end, each with a header of its own.
    const more = Buffer.concat([
      Buffer.of(0, 1),
      Buffer.from('x'),
      Buffer.of(127, 0xe1, 0x1e),
      Buffer.alloc(4064, 'y'),
    ]);
    for (let i = 0; i < 5000 && !socket.closed; i++) {
      socket.write(http2Frame(9, 0, 1, more));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => socket.closed);
    await assertAlive(server);
  });

  it('refuse a request when those of other calls hold all bytes, until one of these ends', async () => {
    const { server, numbers } = await start({ maxRequestBytesHeld: 3000 });
    const http2 = connectHttp2(server.port);
    // Unknown fields that say nothing.
    const padding = (bytes: number): Uint8Array =>
      Buffer.concat([askFor(0), Buffer.of(0xfa, 0x3f, (bytes & 127) | 128, bytes >> 7), Buffer.alloc(bytes)]);
    const held = call(http2);
    held.end(frameMessage(padding(2000)));
    await until(() => numbers.running === 1);
    const statusOf = async (): Promise<unknown> => {
      const stream = call(http2);
      stream.end(frameMessage(padding(1500)));
      const [headers] = (await once(stream, 'response')) as [Record<string, string>];
      stream.close();
      return headers['grpc-status'];
    };
    assert.equal(await statusOf(), String(RpcCode.ResourceExhausted));
    await assertAlive(server);
    held.close();
    await until(() => numbers.running === 0);
    assert.equal(await statusOf(), undefined, 'it is served');
    http2.destroy();
  });

  it('end a call whose request does not come in time, raw and through the codec', async () => {
    const { server } = await start({ requestTimeoutMs: 100 });
    const http2 = connectHttp2(server.port);
    const raw = call(http2);
    raw.write(Uint8Array.of(0, 0, 0));
    const [headers] = (await once(raw, 'response')) as [Record<string, string>];
    assert.equal(headers['grpc-status'], String(RpcCode.DeadlineExceeded));
    assert.equal(headers['grpc-message'], 'request did not come within 100 ms');
    const decoded = call(http2, SERVER_STATUS);
    decoded.write(Uint8Array.of(0, 0, 0));
    await new Promise((resolve) => decoded.once('close', resolve));
    assert.equal(decoded.rstCode, constants.NGHTTP2_CANCEL);
    http2.destroy();
    await assertAlive(server);
  });

  for (const [what, type, payload] of [
    ['PING', 6, Buffer.alloc(8)],
    ['SETTINGS', 4, Buffer.of(0, 3, 0, 0, 0, 9)],
  ] as const) {
    it(`bound what a flood of ${what} frames costs that reads no answer`, async () => {
      const { server } = await start({});
      const socket = connectNet(server.port, '127.0.0.1');
      socket.on('error', () => {});
      endings.push(() => socket.destroy());
      socket.pause();
      await once(socket, 'connect');
      socket.write(Buffer.concat([PREFACE, SETTINGS]));
      const flood = Buffer.concat(Array.from({ length: 1000 }, () => http2Frame(type, 0, 0, payload)));
      for (let i = 0; i < 3000 && !socket.closed; i++) {
        socket.write(flood);
        await new Promise((resolve) => setImmediate(resolve));
      }
      // The server hangs up, or stops reading: either way it holds no answers without end.
      await assertAlive(server);
      socket.destroy();
    });
  }
});
