import { createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { askFor, createNumberStream, GET_FLOWS } from '../support/number-stream.ts';
import { type RpcTestServer, startRpcServer, until } from '../support/rpc-test-server.ts';

/** Cuts a body into its frames. */
function framesOf(body: Uint8Array): { flag: number; payload: Buffer }[] {
  const frames: { flag: number; payload: Buffer }[] = [];
  const bytes = Buffer.from(body);
  for (let pos = 0; pos < bytes.length;) {
    const length = bytes.readUInt32BE(pos + 1);
    frames.push({ flag: bytes[pos], payload: bytes.subarray(pos + 5, pos + 5 + length) });
    pos += 5 + length;
  }
  return frames;
}

function framed(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return new Uint8Array(frame);
}

describe('createRpcServer(), for browsers', () => {
  const numbers = createNumberStream();
  let server: RpcTestServer;
  let base = '';

  before(async () => {
    server = await startRpcServer({
      rawStreams: new Map([[GET_FLOWS, numbers.handler]]),
      responseHeaders: { 'hubble-relay-version': '1.2.3' },
      routes: (router) => router.service(Observer, { serverStatus: () => ({ version: 'sluice' }) }),
      web: (request, response) => response.end(`page ${request.url}`),
    });
    base = `http://127.0.0.1:${server.port}`;
  });
  after(() => server.close());

  /** A plain fetch on a connection of its own. */
  const post = (
    path: string,
    type: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers = {},
  ): Promise<Response> =>
    fetch(base + path, {
      method: 'POST',
      body,
      headers: { 'content-type': type, connection: 'close', ...headers },
    });

  it('answers a unary Connect call in JSON', async () => {
    const response = await post('/observer.Observer/ServerStatus', 'application/json', '{}');
    assert.deepEqual(await response.json(), { version: 'sluice' });
    assert.equal(response.headers.get('hubble-relay-version'), '1.2.3');
  });

  it('answers a unary gRPC-web call', async () => {
    const response = await post(
      '/observer.Observer/ServerStatus',
      'application/grpc-web+proto',
      framed(new Uint8Array(0)),
    );
    const [message, trailers] = framesOf(await response.bytes());
    assert.equal(message.payload.toString('latin1'), 'B\x06sluice');
    assert.equal(trailers.flag, 0x80);
    assert.match(trailers.payload.toString(), /grpc-status: ?0/);
  });

  for (const [type, flag, end, failure] of [
    [
      'application/grpc-web+proto',
      0x80,
      'grpc-status: 0\r\n',
      'grpc-status: 3\r\ngrpc-message: bad f%C3%BCter: 100%25%0Ano\r\n',
    ],
    [
      'application/connect+proto',
      0x02,
      '{}',
      '{"error":{"code":"invalid_argument","message":"bad füter: 100%\\nno"}}',
    ],
  ] as const) {
    it(`streams hot bytes in ${type}, and ends them with a status`, async () => {
      const response = await post(GET_FLOWS, type, framed(askFor(3)));
      assert.equal(response.headers.get('content-type'), type);
      assert.equal(response.headers.get('hubble-relay-version'), '1.2.3');
      const frames = framesOf(await response.bytes());
      assert.deepEqual(
        frames.map((frame) => frame.flag),
        [0, 0, 0, flag],
      );
      assert.equal(frames[3].payload.toString(), end);
    });

    it(`tells an error in ${type}`, async () => {
      const response = await post(GET_FLOWS, type, framed(askFor(7)));
      assert.equal(response.status, 200);
      const [only] = framesOf(await response.bytes());
      assert.equal(only.payload.toString(), failure);
    });

    it(`notices that a client in ${type} has gone`, async () => {
      const abort = new AbortController();
      const response = await fetch(base + GET_FLOWS, {
        method: 'POST',
        body: framed(askFor(0)),
        headers: { 'content-type': type },
        signal: abort.signal,
      });
      assert.equal(numbers.running, 1);
      abort.abort();
      await assert.rejects(response.bytes());
      await until(() => numbers.running === 0);
    });
  }

  it('keeps to the deadline of a Connect stream', async () => {
    const headers = { 'connect-timeout-ms': '50' };
    const response = await post(GET_FLOWS, 'application/connect+proto', framed(askFor(0)), headers);
    const [only] = framesOf(await response.bytes());
    assert.match(only.payload.toString(), /"deadline_exceeded"/);
  });

  const transports: readonly (readonly [string, (baseUrl: string) => Transport])[] = (
    ['1.1', '2'] as const
  ).flatMap((httpVersion) => {
    const common = { httpVersion, useBinaryFormat: true, nodeOptions: {} } as const;
    return [
      [`gRPC-web over HTTP/${httpVersion}`, (baseUrl) => createGrpcWebTransport({ ...common, baseUrl })],
      [`Connect over HTTP/${httpVersion}`, (baseUrl) => createConnectTransport({ ...common, baseUrl })],
    ] as const;
  });
  for (const [name, createTransport] of transports) {
    it(`serves a client we did not write: ${name}`, async () => {
      // Its connections would be kept for later calls: a server of its own ends them.
      const own = await startRpcServer({
        rawStreams: new Map([[GET_FLOWS, numbers.handler]]),
        routes: (router) => router.service(Observer, { serverStatus: () => ({ version: 'sluice' }) }),
      });
      const client = createClient(Observer, createTransport(`http://127.0.0.1:${own.port}`));
      assert.equal((await client.serverStatus({})).version, 'sluice');
      const names: string[] = [];
      for await (const { nodeName } of client.getFlows({ number: 1000n })) names.push(nodeName);
      assert.deepEqual([names.length, names[0], names[999]], [1000, 'n0', 'n999']);
      const failing = async (): Promise<void> => {
        for await (const _ of client.getFlows({ number: 7n })) assert.fail('no message is due');
      };
      await assert.rejects(failing(), { rawMessage: 'bad füter: 100%\nno' });
      await assert.rejects(client.getNodes({}), /unimplemented/);
      await own.rpc.close(0);
    });
  }

  it('hands requests for pages on', async () => {
    const response = await fetch(`${base}/index.html`, { headers: { connection: 'close' } });
    assert.equal(await response.text(), 'page /index.html');
  });

  it('knows no calls but its own', async () => {
    const response = await post('/no.Such/Method', 'application/json', '{}');
    assert.equal(response.status, 404);
    await response.text();
    const web = await post('/no.Such/Method', 'application/grpc-web+proto', framed(new Uint8Array(0)));
    assert.equal(web.headers.get('grpc-status'), '12');
    await web.text();
  });
});
