import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { frameMessage } from '../../proto/flow/frame.ts';
import {
  GetFlowsRequestSchema,
  GetFlowsResponseSchema,
  Observer,
} from '../../proto/gen/observer/observer_pb.ts';
import {
  createRpcServer,
  HealthState,
  parseAddress,
  type RawCall,
  reflectionRoutes,
  RpcCode,
  RpcConnection,
  RpcError,
  type RpcServer,
} from '../../rpc/index.ts';
import { callUnary } from '../../rpc/index.ts';
import { collect, connectForeign, type ForeignClient } from '../support/grpc-client.ts';

const directory = mkdtempSync(join(tmpdir(), 'sluice-rpc-'));
const socket = `unix://${directory}/server.sock`;

function responseFrame(i: number): Uint8Array {
  const message = create(GetFlowsResponseSchema, {
    nodeName: `n${i}`,
    time: { seconds: BigInt(i), nanos: 0 },
  });
  return frameMessage(toBinary(GetFlowsResponseSchema, message));
}

const seen = { cancelled: 0, blockedWrites: 0 };

/** Answers by the number asked for: that many messages; 0 = wait until cancelled; 7 = an error with a message that needs encoding. */
async function getFlows(call: RawCall): Promise<void> {
  const { number } = fromBinary(GetFlowsRequestSchema, call.request);
  if (number === 7n) throw new RpcError(RpcCode.InvalidArgument, 'bad füter: 100%\nno');
  if (number === 0n) {
    call.flush();
    await new Promise<void>((resolve) =>
      call.signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    seen.cancelled++;
    return;
  }
  for (let i = 0; i < Number(number) && !call.signal.aborted; i++) {
    if (!call.write(responseFrame(i))) {
      seen.blockedWrites++;
      await call.drained();
    }
  }
}

describe('createRpcServer()', () => {
  let server: RpcServer;
  let observer: ForeignClient;
  let port = 0;
  const health = new HealthState(['', 'hubble.server.Observer'], true);

  before(async () => {
    server = await createRpcServer({
      listen: [parseAddress(socket), parseAddress('127.0.0.1:0')],
      insecure: true,
      rawStreams: new Map([['/observer.Observer/GetFlows', getFlows]]),
      responseHeaders: { 'hubble-server-version': '0.1.0' },
      routes: (router) => {
        router.service(Observer, { serverStatus: () => ({ numFlows: 5n, version: 'sluice v0.1.0' }) });
        health.routes(router);
        reflectionRoutes(router, [Observer.file]);
      },
    });
    const tcp = server.addresses[1];
    port = tcp.kind === 'tcp' ? tcp.port : 0;
    observer = connectForeign(socket, 'observer/observer.proto', 'observer.Observer');
  });
  after(async () => {
    observer.close();
    await server.close(100);
    assert.equal(existsSync(`${directory}/server.sock`), false, 'the socket is removed');
    rmSync(directory, { recursive: true });
  });

  it('answers a unary call of a foreign client, with the version header', async () => {
    const { response, headers } = await observer.unary('ServerStatus');
    assert.equal(response['num_flows'], '5');
    assert.deepEqual(headers.get('hubble-server-version'), ['0.1.0']);
  });

  it('streams 100,000 messages in order, over the Unix socket and TCP', async () => {
    for (const address of [socket, `127.0.0.1:${port}`]) {
      const client = connectForeign(address, 'observer/observer.proto', 'observer.Observer');
      const { messages, code } = await collect(client.stream('GetFlows', { number: 100_000 }));
      assert.equal(code, 0);
      assert.equal(messages.length, 100_000);
      assert.ok(messages.every((message, i) => message['node_name'] === `n${i}`));
      client.close();
    }
    assert.ok(seen.blockedWrites > 0, 'the writer was held back by the client at least once');
  });

  it('tells the handler that the client cancelled', async () => {
    const before = seen.cancelled;
    const call = observer.stream('GetFlows', { number: 0 });
    const ended = collect(call);
    await new Promise((resolve) => call.once('metadata', resolve));
    call.cancel();
    assert.equal((await ended).code, RpcCode.Cancelled);
    while (seen.cancelled === before) await new Promise((resolve) => setTimeout(resolve, 5));
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

  it('answers UNIMPLEMENTED for what it does not serve', async () => {
    await assert.rejects(observer.unary('GetNodes'), { code: RpcCode.Unimplemented });
    const peer = connectForeign(socket, 'peer/peer.proto', 'peer.Peer');
    assert.equal((await collect(peer.stream('Notify'))).code, RpcCode.Unimplemented);
    peer.close();
  });

  it('serves health by name and reports changes to a watcher', async () => {
    const client = connectForeign(socket, 'grpc/health/v1/health.proto', 'grpc.health.v1.Health');
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

  it('serves reflection, v1 and v1alpha', async () => {
    for (const version of ['v1', 'v1alpha']) {
      const client = connectForeign(
        socket,
        `grpc/reflection/${version}/reflection.proto`,
        `grpc.reflection.${version}.ServerReflection`,
      );
      const call = client.stream('ServerReflectionInfo', undefined) as never as {
        write(message: object): void;
        end(): void;
        on(event: string, listener: (message: never) => void): void;
      };
      const answers: { message_response: string }[] = [];
      call.on('data', (message: never) => answers.push(message));
      call.on('error', () => {});
      const ended = new Promise<void>((resolve) => call.on('status', () => resolve()));
      call.write({ list_services: '' });
      call.write({ file_containing_symbol: 'observer.Observer' });
      call.write({ file_by_filename: 'no/such.proto' });
      call.end();
      await ended;
      assert.deepEqual(
        answers.map((answer) => answer.message_response),
        ['list_services_response', 'file_descriptor_response', 'error_response'],
      );
      client.close();
    }
  });

  it('refuses plaintext TCP that nobody asked for in so many words', async () => {
    await assert.rejects(createRpcServer({ listen: [parseAddress('127.0.0.1:0')] }), {
      message: 'refusing to serve plaintext on 127.0.0.1:0: give a certificate and key, or say --insecure',
    });
  });

  it('refuses a socket on which another process listens', async () => {
    await assert.rejects(createRpcServer({ listen: [parseAddress(socket)] }), {
      message: `cannot listen on ${socket}: another process listens there`,
    });
  });

  describe('with our own client', () => {
    it('makes unary calls and streams, and tells errors with code and words', async () => {
      const connection = new RpcConnection(parseAddress(socket));
      const status = await callUnary(connection, Observer.method.serverStatus, {});
      assert.equal(status.numFlows, 5n);
      let count = 0;
      const ask = (number: bigint): Uint8Array =>
        toBinary(GetFlowsRequestSchema, create(GetFlowsRequestSchema, { number }));
      await connection.stream('/observer.Observer/GetFlows', ask(50_000n), {}, async (run) => {
        count += run.count;
        await new Promise((resolve) => setImmediate(resolve));
      });
      assert.equal(count, 50_000);
      await assert.rejects(
        connection.stream('/observer.Observer/GetFlows', ask(7n), {}, () => {}),
        { name: 'RpcError', code: RpcCode.InvalidArgument, message: 'bad füter: 100%\nno' },
      );
      await assert.rejects(connection.unary('/observer.Observer/GetNodes', new Uint8Array(0)), {
        code: RpcCode.Unimplemented,
      });
      await assert.rejects(
        connection.stream('/observer.Observer/GetFlows', ask(0n), { timeoutMs: 50 }, () => {}),
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
