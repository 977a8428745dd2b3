import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { type Address, createRpcServer, parseAddress, RpcCode, RpcConnection } from '../../rpc/index.ts';
import { collect, connectForeign } from '../support/grpc-client.ts';
import { askFor, createNumberStream, GET_FLOWS } from '../support/number-stream.ts';
import { startRpcServer, until } from '../support/rpc-test-server.ts';

describe('createRpcServer(), on a Unix socket', () => {
  let directory = '';
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-listen-'));
  });
  after(() => rmSync(directory, { recursive: true }));
  const unix = (name: string): Address => ({ kind: 'unix', path: join(directory, name) });

  it('makes the directory, keeps others out, and removes the socket in the end', async () => {
    const path = join(directory, 'deep/er/x.sock');
    const server = await createRpcServer({ listen: [{ kind: 'unix', path }] });
    assert.equal(statSync(path).mode & 0o777, 0o660);
    await server.close(0);
    assert.equal(existsSync(path), false);
  });

  it('gives the socket the permissions asked for', async () => {
    const server = await createRpcServer({ listen: [unix('open.sock')], socketMode: 0o600 });
    assert.equal(statSync(join(directory, 'open.sock')).mode & 0o777, 0o600);
    await server.close(0);
  });

  it('takes the place of a socket that a killed process left', async () => {
    const path = join(directory, 'stale.sock');
    const child = fork(join(import.meta.dirname, '../support/leave-socket.ts'), [path], { stdio: 'ignore' });
    await once(child, 'message');
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(existsSync(path), true);
    const server = await createRpcServer({ listen: [unix('stale.sock')] });
    const connection = new RpcConnection(unix('stale.sock'));
    await connection.connect();
    connection.close();
    await server.close(0);
  });

  it('refuses a socket on which somebody listens, and leaves it alone', async () => {
    const path = join(directory, 'taken.sock');
    const other = createServer().listen(path);
    await once(other, 'listening');
    await assert.rejects(createRpcServer({ listen: [unix('taken.sock')] }), {
      message: `cannot listen on unix://${path}: another process listens there`,
    });
    assert.equal(existsSync(path), true);
    other.close();
  });

  it('refuses to replace a file that is no socket', async () => {
    const path = join(directory, 'notes.sock');
    writeFileSync(path, 'precious');
    await assert.rejects(createRpcServer({ listen: [unix('notes.sock')] }), {
      message: `cannot listen on unix://${path}: the file exists and is no socket`,
    });
    assert.equal(existsSync(path), true);
  });

  it('leaves nothing listening when one of its addresses cannot be had', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const taken = parseAddress(`127.0.0.1:${port}`);
    await assert.rejects(createRpcServer({ listen: [unix('first.sock'), taken], insecure: true }), {
      message: `cannot listen on 127.0.0.1:${port}: another process listens there`,
    });
    assert.equal(existsSync(join(directory, 'first.sock')), false);
    other.close();
  });
});

describe('createRpcServer(), on TCP', () => {
  it('refuses plaintext that nobody asked for in so many words', async () => {
    await assert.rejects(createRpcServer({ listen: [parseAddress('127.0.0.1:0')] }), {
      message: 'refusing to serve plaintext on 127.0.0.1:0: give a certificate and key, or say --insecure',
    });
  });

  it('refuses an address of TLS without a certificate, insecure or not', async () => {
    await assert.rejects(createRpcServer({ listen: [parseAddress('tls://127.0.0.1:0')], insecure: true }), {
      message: 'cannot serve TLS on 127.0.0.1:0: give a certificate and key',
    });
  });

  it('listens on every interface when no host is given', async () => {
    const server = await createRpcServer({ listen: [parseAddress(':0')], insecure: true });
    const [bound] = server.addresses;
    const port = bound.kind === 'tcp' ? bound.port : 0;
    const connection = new RpcConnection(parseAddress(`127.0.0.1:${port}`));
    await connection.connect();
    connection.close();
    await server.close(0);
  });
});

describe('RpcServer.close()', () => {
  for (const client of ['ours', 'grpc-js'] as const) {
    it(`ends running streams with UNAVAILABLE (client: ${client})`, async () => {
      const numbers = createNumberStream();
      const server = await startRpcServer({ rawStreams: new Map([[GET_FLOWS, numbers.handler]]) });
      const outcome = client === 'ours' ? ownOutcome(server.unix) : foreignOutcome(server.unix);
      await until(() => numbers.running === 1);
      await server.rpc.close(5000);
      assert.deepEqual(await outcome, [RpcCode.Unavailable, 'server is shutting down']);
      await server.close();
    });
  }

  it('cuts a client that does not read, once the grace has passed', async () => {
    const numbers = createNumberStream();
    const server = await startRpcServer({ rawStreams: new Map([[GET_FLOWS, numbers.handler]]) });
    const connection = new RpcConnection(parseAddress(server.unix));
    const call = connection.stream(GET_FLOWS, askFor(10_000_000), {}, () => new Promise(() => {}));
    call.catch(() => {}); // never settles: its listener does not
    await until(() => numbers.written > 0);
    await server.rpc.close(50);
    await until(() => numbers.running === 0 && server.rpc.connectionCount === 0);
    connection.close();
    await server.close();
  });

  it('ends while clients are connected that ask for nothing', async () => {
    const server = await startRpcServer({});
    const connection = new RpcConnection(parseAddress(server.unix));
    await connection.connect();
    await server.rpc.close(60_000);
    await until(() => connection.state.name === 'failed');
    connection.close();
    await server.close();
  });
});

async function ownOutcome(address: string): Promise<[number, string]> {
  const connection = new RpcConnection(parseAddress(address));
  try {
    await connection.stream(GET_FLOWS, askFor(0), {}, () => {});
    return [0, ''];
  } catch (error) {
    const { code, message } = error as { code: number; message: string };
    return [code, message];
  } finally {
    connection.close();
  }
}

async function foreignOutcome(address: string): Promise<[number, string]> {
  const client = connectForeign(address, 'observer/observer.proto', 'observer.Observer');
  const { code, details } = await collect(client.stream('GetFlows', { number: 0 }));
  client.close();
  return [code, details];
}
