import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect as connectNet, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { frameMessage } from '../../proto/flow/frame.ts';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { RpcCode } from '../../rpc/index.ts';
import { askFor, createNumberStream, GET_FLOWS } from '../support/number-stream.ts';
import { type RpcTestServer, startRpcServer, until } from '../support/rpc-test-server.ts';
import { callHeaders, FrameType, http2Frame, PREFACE } from './fuzz/http2-bytes.ts';
import { startStallingProxy } from '../support/stalling-proxy.ts';

const SERVER_STATUS = '/observer.Observer/ServerStatus';

/** What came back on a stream. */
interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Reads a stream to its close. */
async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  stream.on('response', (got) => (headers = got));
  stream.on('trailers', (got) => (trailers = got));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', () => {});
  await new Promise((resolve) => stream.once('close', resolve));
  return { headers, trailers, body: Buffer.concat(chunks) };
}

// A wait that never ends fails: whatever a hostile client does, nothing here may take long.
describe('createRpcServer(), with a client that', { timeout: 120_000 }, () => {
  const numbers = createNumberStream();
  let server: RpcTestServer;
  let session: ClientHttp2Session;
  /** Ends what a failed test has left open: it would keep this process alive, and the failure untold. */
  const endings: (() => void)[] = [];

  before(async () => {
    server = await startRpcServer({
      rawStreams: new Map([[GET_FLOWS, numbers.handler]]),
      responseHeaders: { 'hubble-server-version': '1.2.3' },
      routes: (router) => router.service(Observer, { serverStatus: () => ({ version: 'v' }) }),
    });
    session = connectHttp2();
  });
  after(async () => {
    for (const end of endings) end();
    await server.close();
  });

  function connectHttp2(port = server.port): ClientHttp2Session {
    const http2 = connect(`http://127.0.0.1:${port}`);
    http2.on('error', () => {});
    endings.push(() => http2.destroy());
    return http2;
  }

  function call(path: string, headers: Record<string, string> = {}, use = session): ClientHttp2Stream {
    return use.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
  }

  /** The server still answers others. */
  async function assertAlive(): Promise<void> {
    const stream = call(GET_FLOWS);
    stream.end(frameMessage(askFor(1)));
    assert.equal((await answerOf(stream)).trailers['grpc-status'], '0');
  }

  for (const path of [GET_FLOWS, SERVER_STATUS]) {
    it(`sends ${path} a request above 4 MiB`, async () => {
      const stream = call(path);
      const answer = answerOf(stream);
      stream.write(Uint8Array.of(0, 0x01, 0, 0, 0));
      for (let i = 0; i < 80; i++) stream.write(new Uint8Array(65_536));
      stream.end();
      const { headers, trailers } = await answer;
      assert.equal({ ...headers, ...trailers }['grpc-status'], String(RpcCode.ResourceExhausted));
      await assertAlive();
    });

    it(`sends ${path} a compressed request`, async () => {
      const stream = call(path, { 'grpc-encoding': 'gzip' });
      stream.end(Uint8Array.of(1, 0, 0, 0, 1, 0));
      const { headers, trailers } = await answerOf(stream);
      assert.equal({ ...headers, ...trailers }['grpc-status'], String(RpcCode.Unimplemented));
    });
  }

  for (const [what, body, message] of [
    ['nothing', [], 'request of 0 bytes, expected one gRPC message'],
    ['half a frame', [0, 0, 0, 0, 9, 1], 'request message announces 9 bytes and has 1'],
    ['two frames', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 'request message announces 0 bytes and has 5'],
  ] as const) {
    it(`sends ${what} as a request`, async () => {
      const stream = call(GET_FLOWS);
      stream.end(Uint8Array.from(body));
      const { headers } = await answerOf(stream);
      assert.equal(headers['grpc-status'], String(RpcCode.Internal));
      assert.equal(headers['grpc-message'], message);
      assert.equal(headers['hubble-server-version'], '1.2.3', 'the version is told with errors, too');
    });
  }

  it('sends bytes that are no protobuf', async () => {
    const stream = call(SERVER_STATUS);
    stream.end(frameMessage(Uint8Array.of(0xff, 0xff, 0xff)));
    const { headers, trailers } = await answerOf(stream);
    const status = { ...headers, ...trailers }['grpc-status'];
    assert.ok(status !== undefined && status !== '0', `status ${String(status)}`);
  });

  it('never sends its request: the deadline ends the call all the same', async () => {
    const stream = call(GET_FLOWS, { 'grpc-timeout': '50m' });
    stream.write(Uint8Array.of(0, 0, 0));
    const { headers } = await answerOf(stream);
    assert.equal(headers['grpc-status'], String(RpcCode.DeadlineExceeded));
    assert.equal(headers['grpc-message'], 'deadline of 50 ms exceeded');
  });

  it('reads no more at its deadline: what waits for it is dropped with the stream', async () => {
    const stream = call(GET_FLOWS, { 'grpc-timeout': '200m' });
    const closed = new Promise((resolve) => stream.once('close', resolve));
    stream.end(frameMessage(askFor(10_000_000)));
    stream.on('error', () => {});
    await once(stream, 'response');
    stream.pause();
    await until(() => numbers.lastAbort?.code === RpcCode.DeadlineExceeded && numbers.running === 0);
    stream.resume();
    await closed;
  });

  it('asks for what is not served: a status in the headers alone', async () => {
    const stream = call('/no.Such/Method');
    stream.end(frameMessage(new Uint8Array(0)));
    const { headers, trailers, body } = await answerOf(stream);
    assert.equal(headers['grpc-status'], String(RpcCode.Unimplemented));
    assert.equal(headers['grpc-message'], 'unknown method /no.Such/Method');
    assert.equal(headers['hubble-server-version'], '1.2.3');
    assert.deepEqual([Object.keys(trailers), body.length], [[], 0]);
  });

  it('goes away in the middle of a stream, without a word', async () => {
    const own = connectHttp2();
    const stream = call(GET_FLOWS, {}, own);
    stream.on('error', () => {});
    stream.end(frameMessage(askFor(0)));
    await once(stream, 'response');
    assert.equal(numbers.running, 1);
    own.destroy();
    await until(() => numbers.running === 0);
    assert.equal(numbers.lastAbort?.code, RpcCode.Cancelled);
  });

  it('stops reading: its writer is held after a mebibyte and what the network takes', async () => {
    const proxy = await startStallingProxy(server.port);
    endings.push(() => proxy.close());
    const own = connectHttp2(proxy.port);
    const stream = call(GET_FLOWS, {}, own);
    stream.on('error', () => {});
    stream.end(frameMessage(askFor(10_000_000)));
    await once(stream, 'data');
    proxy.stall();
    // The handler comes to a stop by itself.
    let before = -1;
    await until(() => {
      const stands = numbers.written === before;
      before = numbers.written;
      return stands;
    });
    assert.equal(numbers.running, 1);
    own.destroy();
    proxy.close();
    await until(() => numbers.running === 0);
    await assertAlive();
  });

  it('opens and cancels streams as fast as it can', async () => {
    const own = connectHttp2();
    for (let i = 0; i < 2000 && !own.destroyed; i++) {
      const stream = call(GET_FLOWS, {}, own);
      stream.on('error', () => {});
      stream.end(frameMessage(askFor(0)));
      stream.close(0x8);
    }
    own.close();
    setTimeout(() => own.destroy(), 1000).unref();
    await until(() => numbers.running === 0 && own.destroyed);
    await assertAlive();
  });

  it('sends more headers than anybody needs', async () => {
    const own = connectHttp2();
    const headers = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x-${i}`, 'y'.repeat(2000)]));
    const stream = call(GET_FLOWS, headers, own);
    stream.end(frameMessage(askFor(1)));
    const { trailers } = await answerOf(stream);
    assert.notEqual(trailers['grpc-status'], '0');
    own.destroy();
    await assertAlive();
  });

  /** Sends text on a connection of its own and gives what came back until its end. */
  async function talk(speak: (socket: Socket) => void): Promise<string> {
    const socket = connectNet(server.port, '127.0.0.1');
    endings.push(() => socket.destroy());
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    await once(socket, 'connect');
    speak(socket);
    await new Promise((resolve) => socket.once('close', resolve));
    return text;
  }

  it('sends an HTTP/1.1 request byte by byte, one that begins like HTTP/2', async () => {
    const text = await talk((socket) => {
      socket.setNoDelay(true);
      const request =
        'POST /no.Such/Method HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';
      let sent = 0;
      const timer = setInterval(() => {
        if (sent < request.length) socket.write(request[sent++]);
        else clearInterval(timer);
      }, 1);
    });
    assert.match(text, /^HTTP\/1\.1 404 Not Found\r\n/);
    assert.match(text, /hubble-server-version: 1\.2\.3/);
  });

  it('calls, and resets the call or breaks the connection in the same breath', async () => {
    for (const path of ['/no.Such/Method', SERVER_STATUS, GET_FLOWS]) {
      const begin = [PREFACE, http2Frame(4, 0, 0, Buffer.alloc(0)), http2Frame(1, 4, 1, callHeaders(path))];
      const reset = http2Frame(FrameType.RstStream, 0, 1, Buffer.of(0, 0, 0, 8));
      await talk((socket) => socket.end(Buffer.concat([...begin, reset])));
      const nonsense = http2Frame(FrameType.WindowUpdate, 0, 0, Buffer.alloc(3));
      await talk((socket) => socket.end(Buffer.concat([...begin, nonsense])));
      await assertAlive();
    }
  });

  it('names a host that can be none', async () => {
    const request = (path: string): string =>
      `POST ${path} HTTP/1.1\r\nhost: \xee\xc6\x9fx\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}`;
    const text = await talk((socket) => socket.write(request(SERVER_STATUS), 'latin1'));
    assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n[^]*bad request: Invalid URL/);
    await assertAlive();
  });

  it('sends noise', async () => {
    assert.match(await talk((socket) => socket.write('\x00\x01\x02\r\n\r\n')), /^HTTP\/1\.1 400 /);
    await talk((socket) => socket.end('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + '\xff'.repeat(500)));
    await assertAlive();
  });

  it('connects, says half of the preface and leaves', async () => {
    const text = await talk((socket) => socket.end('PR'));
    assert.equal(text, '');
  });
});
