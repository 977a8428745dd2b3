import { create, toBinary } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { peekFlow, createFlowPeek } from '../../proto/flow/peek-flow.ts';
import { GetFlowsRequestSchema, Observer } from '../../proto/gen/observer/observer_pb.ts';
import { callStream, callUnary, parseAddress, RpcCode, RpcConnection } from '../../rpc/index.ts';
import { type ForeignServer, startForeignServer } from '../support/grpc-server.ts';
import { until } from '../support/rpc-test-server.ts';

const GET_FLOWS = '/observer.Observer/GetFlows';
/** @param isLarge asks for messages of a thousand bytes */
const request = (number: number, isLarge = false): Uint8Array =>
  toBinary(GetFlowsRequestSchema, create(GetFlowsRequestSchema, { number: BigInt(number), first: isLarge }));

describe('RpcConnection, with a grpc-js server', () => {
  let server: ForeignServer;
  let connection: RpcConnection;
  let cancelled = 0;
  /** Messages written and not taken yet by the transport. */
  let written = 0;

  before(async () => {
    server = await startForeignServer('observer/observer.proto', 'observer.Observer', {
      ServerStatus: (call, respond) =>
        respond(null, { version: call.metadata.get('who').join(), num_flows: 7 }),
      GetNamespaces: (_call, respond) =>
        respond({ code: status.FAILED_PRECONDITION, details: 'not now: 100%\nfür' }),
      // Never answers.
      GetNodes: () => {},
      GetFlows: (call) => {
        const number = Number(call.request['number']);
        call.on('cancelled', () => cancelled++);
        if (number === 0) return;
        const padding = call.request['first'] === true ? 'x'.repeat(1000) : '';
        written = 0;
        const writeOn = (): void => {
          while (written < number) {
            const message = { node_name: padding + `n${written}`, time: { seconds: written, nanos: 0 } };
            written++;
            if (!call.write(message)) {
              call.once('drain', writeOn);
              return;
            }
          }
          call.end();
        };
        writeOn();
      },
    });
    connection = new RpcConnection(parseAddress(`127.0.0.1:${server.port}`));
  });
  after(() => {
    connection.close();
    server.close();
  });

  it('makes a unary call, with metadata there and headers back', async () => {
    let type: unknown;
    const answer = await callUnary(
      connection,
      Observer.method.serverStatus,
      {},
      { metadata: { who: 'me' }, onHeaders: (headers) => (type = headers['content-type']) },
    );
    assert.deepEqual([answer.version, answer.numFlows], ['me', 7n]);
    assert.equal(type, 'application/grpc+proto');
    assert.equal(connection.state.name, 'ready');
  });

  it('reads 100,000 messages in order', async () => {
    const peek = createFlowPeek();
    let next = 0;
    await connection.stream(GET_FLOWS, request(100_000), {}, ({ bytes, count, offsets }) => {
      for (let i = 0; i < count; i++) {
        peekFlow(bytes, offsets[i] + 5, offsets[i + 1], peek);
        assert.equal(peek.seconds, next++);
      }
    });
    assert.equal(next, 100_000);
  });

  it('decodes a stream with generated types', async () => {
    const names: string[] = [];
    await callStream(connection, Observer.method.getFlows, { number: 3n }, {}, ({ nodeName }) => {
      names.push(nodeName);
    });
    assert.deepEqual(names, ['n0', 'n1', 'n2']);
  });

  it('holds the server back while a run is being taken', async () => {
    let letGo = (): void => {};
    let count = 0;
    const reading = connection.stream(GET_FLOWS, request(20_000, true), {}, (run) => {
      count += run.count;
      return count === run.count ? new Promise<void>((resolve) => (letGo = resolve)) : undefined;
    });
    // The server comes to a stop once the windows are full, far from the end.
    let before = -1;
    await until(() => {
      const stands = count > 0 && written === before;
      before = written;
      return stands;
    });
    assert.ok(written < 10_000, `${written} messages written to a client that takes none`);
    letGo();
    await reading;
    assert.equal(count, 20_000);
  });

  it('tells a status with its code and words', async () => {
    await assert.rejects(callUnary(connection, Observer.method.getNamespaces, {}), {
      name: 'RpcError',
      code: RpcCode.FailedPrecondition,
      message: 'not now: 100%\nfür',
    });
  });

  it('tells UNIMPLEMENTED for a method that is not served', async () => {
    await assert.rejects(connection.unary('/observer.Observer/None', new Uint8Array(0)), {
      code: RpcCode.Unimplemented,
    });
  });

  it('ends at the deadline, and lets the server know', async () => {
    await assert.rejects(callUnary(connection, Observer.method.getNodes, {}, { timeoutMs: 50 }), {
      code: RpcCode.DeadlineExceeded,
      message: 'no answer within 50 ms',
    });
  });

  it('cancels with its signal: the server is told, and the connection goes on', async () => {
    const told = cancelled;
    const abort = new AbortController();
    const call = connection.stream(GET_FLOWS, request(1e9), { signal: abort.signal }, () => abort.abort());
    await assert.rejects(call, { code: RpcCode.Cancelled, message: 'cancelled by this side' });
    await until(() => cancelled > told);
    const answer = await callUnary(connection, Observer.method.serverStatus, {});
    assert.equal(answer.numFlows, 7n);
  });

  it('makes no call with a signal that has aborted already', async () => {
    const call = connection.stream(GET_FLOWS, request(0), { signal: AbortSignal.abort() }, () => {});
    await assert.rejects(call, { code: RpcCode.Cancelled });
  });

  it('ends the call with the error of its listener', async () => {
    const failing = (): never => {
      throw new Error('no room left');
    };
    const call = connection.stream(GET_FLOWS, request(5), {}, failing);
    await assert.rejects(call, { code: RpcCode.Internal, message: 'no room left' });
    const later = connection.stream(GET_FLOWS, request(5), {}, async () => failing());
    await assert.rejects(later, { code: RpcCode.Internal, message: 'no room left' });
  });

  it('takes a listener that returns something for one that is done', async () => {
    let count = 0;
    await connection.stream(GET_FLOWS, request(1000), {}, (run) => (count += run.count) as never);
    assert.equal(count, 1000);
  });

  it('gives runs one after the other, each when the one before was taken', async () => {
    let running = 0;
    let count = 0;
    await connection.stream(GET_FLOWS, request(2000, true), {}, async (run) => {
      assert.equal(running++, 0);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      count += run.count;
    });
    assert.equal(count, 2000);
  });

  it('refuses a message above its limit', async () => {
    const narrow = new RpcConnection(connection.address, { maxMessageBytes: 4 });
    await assert.rejects(
      narrow.stream(GET_FLOWS, request(1), {}, () => {}),
      {
        code: RpcCode.ResourceExhausted,
        message: /^message of \d+ bytes, at most 4 allowed$/,
      },
    );
    narrow.close();
  });

  it('runs many calls on one connection', async () => {
    const counts = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        let count = 0;
        await connection.stream(GET_FLOWS, request(i + 1), {}, (run) => void (count += run.count));
        return count;
      }),
    );
    // The handlers share one counter, so that single numbers mean nothing; every call ended with OK.
    assert.equal(counts.length, 50);
  });
});
