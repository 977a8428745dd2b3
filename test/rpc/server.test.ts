import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { createConnection } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { callUnary, HealthState, parseAddress, RpcCode, RpcConnection, RpcError } from '../../rpc/index.ts';
import { collect, connectForeign, type ForeignClient } from '../support/grpc-client.ts';
import { askFor, createNumberStream, GET_FLOWS } from '../support/number-stream.ts';
import { type RpcTestServer, startRpcServer, until } from '../support/rpc-test-server.ts';

describe('createRpcServer()', () => {
  let server: RpcTestServer;
  let observer: ForeignClient;
  const numbers = createNumberStream();
  const health = new HealthState(['', 'hubble.server.Observer'], true);

  before(async () => {
    server = await startRpcServer({
      rawStreams: new Map([[GET_FLOWS, numbers.handler]]),
      responseHeaders: { 'hubble-server-version': '0.1.0' },
      routes: (router) => {
        router.service(Observer, {
          serverStatus: () => ({ numFlows: 5n, version: 'sluice v0.1.0' }),
          getNamespaces: () => {
            throw new RpcError(RpcCode.FailedPrecondition, 'not now: für, 100% (a/b)');
          },
        });
        health.routes(router);
      },
    });
    observer = connectForeign(server.unix, 'observer/observer.proto', 'observer.Observer');
  });
  after(async () => {
    observer.close();
    await server.close();
  });

  it('answers a unary call of a foreign client, with the version header', async () => {
    const { response, headers } = await observer.unary('ServerStatus');
    assert.equal(response['num_flows'], '5');
    assert.deepEqual(headers.get('hubble-server-version'), ['0.1.0']);
  });

  it('streams 100,000 messages in order, over the Unix socket and TCP', async () => {
    for (const address of [server.unix, `127.0.0.1:${server.port}`]) {
      const client = connectForeign(address, 'observer/observer.proto', 'observer.Observer');
      const { messages, code } = await collect(client.stream('GetFlows', { number: 100_000 }));
      assert.equal(code, 0);
      assert.equal(messages.length, 100_000);
      assert.ok(messages.every((message, i) => message['node_name'] === `n${i}`));
      client.close();
    }
  });

  it('tells the handler that the client cancelled', async () => {
    const call = observer.stream('GetFlows', { number: 0 });
    const ended = collect(call);
    await new Promise((resolve) => call.once('metadata', resolve));
    call.cancel();
    assert.equal((await ended).code, RpcCode.Cancelled);
    await until(() => numbers.running === 0);
    assert.equal(numbers.lastAbort?.code, RpcCode.Cancelled);
  });

  it('ends a call at its deadline', async () => {
    const call = observer.stream('GetFlows', { number: 0 }, { deadline: Date.now() + 100 });
    assert.equal((await collect(call)).code, RpcCode.DeadlineExceeded);
  });

  it('carries a status message with any characters', async () => {
    const { code, details } = await collect(observer.stream('GetFlows', { number: 7 }));
    assert.equal(code, RpcCode.InvalidArgument);
    assert.equal(details, 'bad füter: 100%\nno');
  });

  it('tells an RpcError of a handler that is no raw one', async () => {
    await assert.rejects(observer.unary('GetNamespaces'), {
      code: RpcCode.FailedPrecondition,
      details: 'not now: für, 100% (a/b)',
    });
  });

  for (const path of [GET_FLOWS, '/observer.Observer/ServerStatus']) {
    it(`serves ${path} by POST alone`, async () => {
      const session = connect('http://localhost', {
        createConnection: () => createConnection(server.unix.slice('unix://'.length)),
      });
      for (const method of ['GET', 'PUT']) {
        const stream = session.request({
          ':path': path,
          ':method': method,
          'content-type': 'application/grpc',
        });
        const status = await new Promise((resolve, reject) => {
          stream.on('response', (headers) => resolve(headers[':status']));
          stream.on('error', reject);
        });
        assert.equal(status, 405);
        stream.close();
      }
      session.destroy();
    });
  }

  it('serves many calls at once on one connection', async () => {
    const calls = await Promise.all(
      Array.from({ length: 100 }, (_, i) => collect(observer.stream('GetFlows', { number: i + 10 }))),
    );
    assert.ok(calls.every(({ code, messages }, i) => code === 0 && messages.length === i + 10));
  });

  it('answers UNIMPLEMENTED for what it does not serve', async () => {
    await assert.rejects(observer.unary('GetNodes'), { code: RpcCode.Unimplemented });
    const peer = connectForeign(server.unix, 'peer/peer.proto', 'peer.Peer');
    assert.equal((await collect(peer.stream('Notify'))).code, RpcCode.Unimplemented);
    peer.close();
  });

  it('serves health by name and reports changes to a watcher', async () => {
    const client = connectForeign(server.unix, 'grpc/health/v1/health.proto', 'grpc.health.v1.Health');
    const { response } = await client.unary('Check', { service: 'hubble.server.Observer' });
    assert.equal(response['status'], 'SERVING');
    await assert.rejects(client.unary('Check', { service: 'nobody' }), { code: RpcCode.NotFound });
    const watch = client.stream('Watch', { service: '' });
    const statuses: unknown[] = [];
    await new Promise<void>((resolve) => {
      watch.on('error', () => {});
      watch.on('data', (message) => {
        statuses.push(message.status);
        if (statuses.length === 1) health.set(false);
        else resolve();
      });
    });
    watch.cancel();
    health.set(true);
    assert.deepEqual(statuses, ['SERVING', 'NOT_SERVING']);
    client.close();
  });

  describe('with our own client', () => {
    it('makes unary calls and streams, and tells errors with code and words', async () => {
      const connection = new RpcConnection(parseAddress(server.unix));
      const status = await callUnary(connection, Observer.method.serverStatus, {});
      assert.equal(status.numFlows, 5n);
      let count = 0;
      await connection.stream(GET_FLOWS, askFor(50_000), {}, async (run) => {
        count += run.count;
        await new Promise((resolve) => setImmediate(resolve));
      });
      assert.equal(count, 50_000);
      await assert.rejects(
        connection.stream(GET_FLOWS, askFor(7), {}, () => {}),
        { name: 'RpcError', code: RpcCode.InvalidArgument, message: 'bad füter: 100%\nno' },
      );
      await assert.rejects(connection.unary('/observer.Observer/GetNodes', new Uint8Array(0)), {
        code: RpcCode.Unimplemented,
      });
      await assert.rejects(
        connection.stream(GET_FLOWS, askFor(0), { timeoutMs: 50 }, () => {}),
        { code: RpcCode.DeadlineExceeded },
      );
      connection.close();
    });

    it('says what is wrong with an address where nobody listens', async () => {
      const connection = new RpcConnection(parseAddress('unix:///nowhere/x.sock'));
      await assert.rejects(connection.connect(), {
        code: RpcCode.Unavailable,
        message:
          'cannot connect to unix:///nowhere/x.sock: no such socket: the server is not running, or listens elsewhere',
      });
      connection.close();
    });
  });
});
