import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer as createNetServer, type Server, type Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { frameMessage } from '../../proto/flow/frame.ts';
import { parseAddress, RpcCode, RpcConnection } from '../../rpc/index.ts';
import { startStallingProxy } from '../support/stalling-proxy.ts';
import { until } from '../support/rpc-test-server.ts';

const nothing = new Uint8Array(0);
const headers = { ':status': 200, 'content-type': 'application/grpc' };

/** A server that does to each stream what the test says, gRPC or not. */
describe('RpcConnection, with a server that', () => {
  let server: Http2Server;
  let connection: RpcConnection;
  let behave: (stream: ServerHttp2Stream) => void = () => {};
  const sessions = new Set<ServerHttp2Session>();

  before(async () => {
    server = createServer();
    server.on('session', (session) => {
      sessions.add(session);
      session.once('close', () => sessions.delete(session));
    });
    server.on('stream', (stream) => {
      stream.on('error', () => {});
      behave(stream);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    connection = connect();
  });
  after(async () => {
    connection.close();
    await until(() => sessions.size === 0);
    server.close();
  });

  function connect(options: ConstructorParameters<typeof RpcConnection>[1] = {}): RpcConnection {
    const { port } = server.address() as AddressInfo;
    return new RpcConnection(parseAddress(`127.0.0.1:${port}`), options);
  }

  /** Answers with headers, body and trailers. */
  function answer(body: Uint8Array, trailers: Record<string, string>): void {
    behave = (stream) => {
      stream.respond(headers, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers(trailers));
      stream.end(body);
    };
  }

  const reject = (error: { code: number; message: string | RegExp }, use = connection): Promise<void> =>
    assert.rejects(use.unary('/a.B/C', nothing, { timeoutMs: 5000 }), error);

  it('sends a compressed message', async () => {
    answer(Uint8Array.of(1, 0, 0, 0, 0), { 'grpc-status': '0' });
    await reject({
      code: RpcCode.Internal,
      message: 'message frame with flag 1, expected 0 (not compressed)',
    });
  });

  it('announces a message above the limit, before any of it comes', async () => {
    behave = (stream) => {
      stream.respond(headers);
      stream.write(Uint8Array.of(0, 0x7f, 0xff, 0xff, 0xff));
    };
    await reject({
      code: RpcCode.ResourceExhausted,
      message: 'message of 2147483647 bytes, at most 4194304 allowed',
    });
  });

  it('ends inside a message', async () => {
    answer(Uint8Array.of(0, 0, 0, 0, 9, 1), { 'grpc-status': '0' });
    await reject({ code: RpcCode.Internal, message: 'stream ended inside a message' });
  });

  it('sends two messages where one is due', async () => {
    answer(Buffer.concat([frameMessage(nothing), frameMessage(nothing)]), { 'grpc-status': '0' });
    await reject({ code: RpcCode.Internal, message: 'more than one response message' });
  });

  it('sends no message where one is due', async () => {
    answer(nothing, { 'grpc-status': '0' });
    await reject({ code: RpcCode.Internal, message: 'no response message' });
  });

  it('answers with a status alone', async () => {
    behave = (stream) =>
      stream.respond({ ...headers, 'grpc-status': '5', 'grpc-message': 'no%20such' }, { endStream: true });
    await reject({ code: RpcCode.NotFound, message: 'no such' });
  });

  it('sends trailers without a status', async () => {
    answer(frameMessage(nothing), { 'x-other': '1' });
    await reject({ code: RpcCode.Unknown, message: 'the server ended the call without a status' });
  });

  it('ends without trailers', async () => {
    behave = (stream) => {
      stream.respond(headers);
      stream.end(frameMessage(nothing));
    };
    await reject({ code: RpcCode.Internal, message: 'the server ended the call without a status' });
  });

  it('serves a web page', async () => {
    behave = (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'text/html' });
      stream.end('<html></html>');
    };
    await reject({
      code: RpcCode.Unknown,
      message: 'answer with content-type "text/html", expected application/grpc',
    });
  });

  it('answers with an HTTP error', async () => {
    behave = (stream) => {
      stream.respond({ ':status': 503 });
      stream.end('come back later');
    };
    await reject({ code: RpcCode.Unavailable, message: 'HTTP status 503 instead of a gRPC answer' });
  });

  for (const [reset, code, message] of [
    [0x7, RpcCode.Unavailable, 'stream refused by the server'],
    [0x8, RpcCode.Cancelled, 'cancelled by the server'],
    [0xb, RpcCode.ResourceExhausted, 'the server asks for less (HTTP/2 ENHANCE_YOUR_CALM)'],
    [0xc, RpcCode.PermissionDenied, 'the server asks for better security'],
    [0x2, RpcCode.Internal, 'stream reset by the server with HTTP/2 error 2'],
  ] as const) {
    it(`resets the stream with HTTP/2 error ${reset}`, async () => {
      behave = (stream) => stream.close(reset);
      await reject({ code, message });
    });
  }

  it('breaks the connection in the middle of a call: UNAVAILABLE, and the next call makes a new one', async () => {
    behave = (stream) => {
      stream.respond(headers);
      stream.write(frameMessage(nothing), () => stream.session?.socket.destroy());
    };
    const states: string[] = [];
    const stop = connection.onState(({ name }) => states.push(name));
    await reject({ code: RpcCode.Unavailable, message: 'connection lost' });
    answer(frameMessage(Uint8Array.of(7)), { 'grpc-status': '0' });
    assert.deepEqual([...(await connection.unary('/a.B/C', nothing))], [7]);
    assert.deepEqual(states, ['failed', 'connecting', 'ready']);
    stop();
  });

  it('breaks the connection while the reader is held: what was not read is not taken for read', async () => {
    let letGo = (): void => {};
    behave = (stream) => {
      stream.respond(headers, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      for (let i = 0; i < 8; i++) stream.write(frameMessage(new Uint8Array(16_000)));
      stream.end();
      const { session } = stream;
      stream.once('close', () => session?.destroy());
    };
    let count = 0;
    const call = connection.stream('/a.B/C', nothing, {}, (run) => {
      count += run.count;
      return new Promise<void>((resolve) => (letGo = resolve));
    });
    const ended = call.then(
      () => 'OK',
      (error: Error) => error.message,
    );
    await until(() => count > 0 && sessions.size === 0);
    const timer = setInterval(() => letGo(), 1);
    const outcome = await ended;
    clearInterval(timer);
    assert.ok(
      outcome === 'connection lost' || (outcome === 'OK' && count === 8),
      `${outcome} after ${count}`,
    );
  });

  it('leaves (GOAWAY): the running call goes on, the next one has a connection of its own', async () => {
    let release = (): void => {};
    behave = (stream) => {
      stream.respond(headers, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.write(frameMessage(nothing));
      release = () => void stream.end();
      stream.session?.close();
    };
    const leaving = new Promise<void>((resolve) => {
      const stop = connection.onState(({ name }) => {
        if (name !== 'failed') return;
        stop();
        resolve();
      });
    });
    const running = connection.stream('/a.B/C', nothing, {}, () => {});
    await leaving;
    const endOld = release;
    answer(frameMessage(Uint8Array.of(8)), { 'grpc-status': '0' });
    assert.deepEqual([...(await connection.unary('/a.B/C', nothing))], [8]);
    endOld();
    await running;
  });

  it('hangs: a call on the stuck connection ends at its deadline all the same', async () => {
    const proxy = await startStallingProxy((server.address() as AddressInfo).port);
    const own = new RpcConnection(parseAddress(`127.0.0.1:${proxy.port}`));
    await own.connect();
    proxy.stall();
    const call = own.unary('/a.B/C', new Uint8Array(3 * 1024 * 1024), { timeoutMs: 100 });
    await assert.rejects(call, { code: RpcCode.DeadlineExceeded });
    own.close();
    proxy.close();
  });

  it('falls silent: it is asked for a sign of life and given up', async () => {
    behave = (stream) => stream.respond(headers);
    const proxy = await startStallingProxy((server.address() as AddressInfo).port);
    const own = new RpcConnection(parseAddress(`127.0.0.1:${proxy.port}`), { keepaliveMs: 40 });
    const call = own.stream('/a.B/C', nothing, { onHeaders: () => proxy.stall() }, () => {});
    await assert.rejects(call, { code: RpcCode.Unavailable, message: 'connection lost' });
    await until(() => own.state.name === 'failed');
    assert.deepEqual(own.state, { name: 'failed', reason: 'connection lost' });
    own.close();
    proxy.close();
  });

  it('has nothing to say for a while but is alive: the connection stays', async () => {
    let asked = 0;
    let release = (): void => {};
    behave = (stream) => {
      stream.session?.on('remoteSettings', () => asked++);
      stream.respond(headers, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      release = () => void stream.end(frameMessage(nothing));
    };
    const own = connect({ keepaliveMs: 10 });
    const call = own.unary('/a.B/C', nothing);
    await until(() => asked >= 5);
    release();
    await call;
    own.close();
  });

  it('is closed by this side: running calls end, a server that had left included', async () => {
    const own = connect();
    behave = (stream) => {
      stream.respond(headers);
      stream.session?.close();
    };
    const call = own.stream('/a.B/C', nothing, {}, () => {});
    await until(() => own.state.name === 'failed');
    own.close();
    await assert.rejects(call, { code: RpcCode.Unavailable, message: 'connection lost' });
    await assert.rejects(own.unary('/a.B/C', nothing), { code: RpcCode.Cancelled });
  });
});

describe('RpcConnection, with a listener that', () => {
  let server: Server | null = null;
  const sockets = new Set<Socket>();

  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    server?.close();
  });

  async function listen(onConnection: (socket: Socket) => void): Promise<string> {
    server = createNetServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      onConnection(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('never says a word: the attempt ends, and the reason is told', async () => {
    const where = await listen(() => {});
    const connection = new RpcConnection(parseAddress(where), { connectTimeoutMs: 50 });
    await assert.rejects(connection.connect(), {
      code: RpcCode.Unavailable,
      message: `cannot connect to ${where}: no answer within 50 ms`,
    });
    assert.deepEqual(connection.state, {
      name: 'failed',
      reason: `cannot connect to ${where}: no answer within 50 ms`,
    });
    connection.close();
  });

  it('never says a word: a call keeps to its own deadline and signal', async () => {
    const connection = new RpcConnection(parseAddress(await listen((socket) => void socket.resume())));
    await assert.rejects(connection.unary('/a.B/C', nothing, { timeoutMs: 50 }), {
      code: RpcCode.DeadlineExceeded,
    });
    const abort = new AbortController();
    const call = connection.unary('/a.B/C', nothing, { signal: abort.signal });
    abort.abort();
    await assert.rejects(call, { code: RpcCode.Cancelled });
    connection.close();
    await until(() => [...sockets].every((socket) => socket.readableEnded));
  });

  it('never says a word: closing ends the attempt and the calls that wait for it', async () => {
    const where = await listen(() => {});
    const connection = new RpcConnection(parseAddress(where));
    const call = connection.unary('/a.B/C', nothing);
    await until(() => sockets.size > 0);
    connection.close();
    await assert.rejects(call, { code: RpcCode.Cancelled, message: `connection to ${where} is closed` });
    assert.equal(connection.state.name, 'closed');
  });

  it('speaks another protocol', async () => {
    const where = await listen((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const connection = new RpcConnection(parseAddress(where));
    await assert.rejects(connection.connect(), {
      message: `cannot connect to ${where}: the server does not speak HTTP/2 (TLS expected, perhaps)`,
    });
    connection.close();
  });

  it('hangs up at once', async () => {
    const where = await listen((socket) => socket.end());
    const connection = new RpcConnection(parseAddress(where));
    await assert.rejects(connection.connect(), { code: RpcCode.Unavailable });
    connection.close();
  });
});
