import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { judgeOrigin } from '../../rpc/origin.ts';
import { askFor, createNumberStream, GET_FLOWS } from '../support/number-stream.ts';
import { type RpcTestServer, startRpcServer } from '../support/rpc-test-server.ts';
import { frameMessage } from '../../proto/flow/frame.ts';

const SERVER_STATUS = '/observer.Observer/ServerStatus';
const UI = 'https://ui.example.org';

describe('judgeOrigin()', () => {
  for (const [what, origin, host, isTls, isAllowed] of [
    ['a client that is no page', undefined, 'relay.example.org', false, true],
    ['a page of an allowed origin', UI, 'relay.example.org', false, true],
    ['a page of another origin', 'https://evil.example', 'localhost:4245', false, false],
    ['a page of an origin that only begins like an allowed one', `${UI}.evil.example`, 'x', true, false],
    ['a page without an origin of its own, such as a file', 'null', 'localhost', false, false],
    ['a page of this server, by localhost', 'http://localhost:4245', 'localhost:4245', false, true],
    ['a page of this server, by address', 'http://[::1]:4245', '[::1]:4245', false, true],
    ['a page of this server, by name in TLS', 'https://relay:4245', 'relay:4245', true, true],
    [
      'a page whose name was bent to this machine',
      'http://evil.example:4245',
      'evil.example:4245',
      false,
      false,
    ],
    ['a page of another port', 'http://localhost:80', 'localhost:4245', false, false],
    ['a page of another scheme', 'http://relay:4245', 'relay:4245', true, false],
  ] as const) {
    it(`${isAllowed ? 'lets in' : 'refuses'} ${what}`, () => {
      assert.equal(judgeOrigin({ origin, host, isTls }, [UI]).isAllowed, isAllowed);
    });
  }
});

describe('a server that pages call', () => {
  const numbers = createNumberStream();
  let open: RpcTestServer;
  let shut: RpcTestServer;

  before(async () => {
    const start = (allowedOrigins?: string[]): Promise<RpcTestServer> =>
      startRpcServer({
        rawStreams: new Map([[GET_FLOWS, numbers.handler]]),
        routes: (router) => router.service(Observer, { serverStatus: () => ({ version: 'v' }) }),
        responseHeaders: { 'hubble-relay-version': '1.2.3' },
        ...(allowedOrigins !== undefined && { allowedOrigins }),
      });
    open = await start([UI]);
    shut = await start();
  });
  after(async () => {
    await open.close();
    await shut.close();
  });

  interface Answer {
    readonly status: number;
    readonly headers: Readonly<Record<string, unknown>>;
    readonly body: string;
  }

  /** As a browser sends it: fetch would not let a test choose the origin. */
  function send(
    port: number,
    method: string,
    path: string,
    headers: Record<string, string>,
    body: Uint8Array | string = '',
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request({ port, host: '127.0.0.1', method, path, headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        );
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  function sendHttp2(
    port: number,
    method: string,
    path: string,
    headers: Record<string, string>,
    body: Uint8Array | string = '',
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const session = connect(`http://127.0.0.1:${port}`);
      session.on('error', reject);
      const stream = session.request({ ':method': method, ':path': path, ...headers });
      let got: Record<string, unknown> = {};
      let text = '';
      stream.on('response', (response) => (got = response));
      stream.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
      stream.on('error', reject);
      stream.on('close', () => {
        session.close();
        resolve({ status: Number(got[':status']), headers: got, body: text });
      });
      stream.end(body);
    });
  }

  const asked = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type,x-grpc-web',
  };
  const web = { 'content-type': 'application/grpc-web+proto' };
  for (const [name, use] of [
    ['HTTP/1.1', send],
    ['HTTP/2', sendHttp2],
  ] as const) {
    it(`answers the preflight and the call of an allowed page over ${name}, raw and through the codec`, async () => {
      for (const path of [GET_FLOWS, SERVER_STATUS]) {
        const preflight = await use(open.port, 'OPTIONS', path, { origin: UI, ...asked });
        assert.equal(preflight.status, 204);
        assert.equal(preflight.headers['access-control-allow-origin'], UI);
        assert.match(String(preflight.headers['access-control-allow-methods']), /\bPOST\b/);
        assert.match(String(preflight.headers['access-control-allow-headers']), /content-type.*x-grpc-web/i);
        assert.equal(preflight.headers['access-control-allow-credentials'], undefined);
        const called = await use(open.port, 'POST', path, { origin: UI, ...web }, frameMessage(askFor(3)));
        assert.equal(called.status, 200);
        assert.equal(called.headers['access-control-allow-origin'], UI);
        assert.match(
          String(called.headers['access-control-expose-headers']),
          /grpc-status.*hubble-relay-version/i,
        );
        assert.equal(called.headers['vary'], 'origin');
        assert.match(called.body, /grpc-status: ?0/);
      }
    });

    it(`refuses a page of another origin over ${name}, whatever it sends, and never by default lets one in`, async () => {
      const before = numbers.written;
      for (const [server, origin] of [
        [open, 'https://evil.example'],
        [shut, UI],
      ] as const) {
        for (const path of [GET_FLOWS, SERVER_STATUS]) {
          const preflight = await use(server.port, 'OPTIONS', path, { origin, ...asked });
          assert.deepEqual(
            [preflight.status, preflight.headers['access-control-allow-origin']],
            [403, undefined],
          );
          for (const type of [
            'application/grpc-web+proto',
            'application/grpc',
            'application/json',
            'text/plain',
          ]) {
            const called = await use(
              server.port,
              'POST',
              path,
              { origin, 'content-type': type },
              frameMessage(askFor(3)),
            );
            assert.equal(called.status, 403);
            assert.equal(called.body, 'pages of this origin may not call here: see --allow-origin\n');
          }
        }
      }
      assert.equal(numbers.written, before, 'no call was served');
    });
  }

  it('serves the clients of connect-web’s kind from an allowed page', async () => {
    for (const create of [createGrpcWebTransport, createConnectTransport]) {
      const own = await startRpcServer({
        rawStreams: new Map([[GET_FLOWS, numbers.handler]]),
        routes: (router) => router.service(Observer, { serverStatus: () => ({ version: 'v' }) }),
        allowedOrigins: [UI],
      });
      const client = createClient(
        Observer,
        create({ httpVersion: '1.1', useBinaryFormat: true, baseUrl: `http://127.0.0.1:${own.port}` }),
      );
      const seen: (string | null)[] = [];
      const options = {
        headers: { origin: UI },
        onHeader: (headers: Headers) => void seen.push(headers.get('access-control-allow-origin')),
      };
      assert.equal((await client.serverStatus({}, options)).version, 'v');
      let count = 0;
      for await (const _ of client.getFlows({ number: 20n }, options)) count++;
      assert.deepEqual([count, seen], [20, [UI, UI]]);
      await own.rpc.close(0);
    }
  });
});
