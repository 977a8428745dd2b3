import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  callUnary,
  type ClientTls,
  clientTlsProblems,
  parseAddress,
  RpcCode,
  RpcConnection,
} from '../../rpc/index.ts';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { askFor, createNumberStream, GET_FLOWS } from '../support/number-stream.ts';
import { createTestAuthority, type TestAuthority } from '../support/make-certificates.ts';
import { startRpcServer, until } from '../support/rpc-test-server.ts';

describe('rotation of everything in a fleet', () => {
  let old: TestAuthority;
  let next: TestAuthority;
  before(async () => {
    old = await createTestAuthority();
    next = await createTestAuthority();
  });
  after(() => {
    old.remove();
    next.remove();
  });

  it('goes from one CA to another on both sides, with broken files in between, and no stream notices', async () => {
    const serverPair = await old.issue('server', 'server');
    const clientPair = await old.issue('client', 'client');
    const newServer = await next.issue('server', 'server');
    const newClient = await next.issue('client', 'client');
    const caFile = join(old.dir, 'trusted.crt');
    copyFileSync(old.caFile, caFile);
    const numbers = createNumberStream();
    const problems: string[] = [];
    const server = await startRpcServer({
      tls: { ...serverPair, clientCaFiles: [caFile] },
      onProblem: (message) => problems.push(message),
      rawStreams: new Map([[GET_FLOWS, numbers.handler]]),
      routes: (router) => router.service(Observer, { serverStatus: () => ({ version: 'v' }) }),
    });
    const tls: ClientTls = { ...clientPair, caFiles: [caFile] };
    const address = parseAddress(`127.0.0.1:${server.port}`);
    const stayed = new RpcConnection(address, { tls });
    const abort = new AbortController();
    const stream = stayed.stream(GET_FLOWS, askFor(0), { signal: abort.signal }, () => {});
    stream.catch(() => {}); // looked at below
    await until(() => numbers.running === 1);
    const ask = async (): Promise<string> => {
      const connection = new RpcConnection(address, { tls });
      try {
        return (await callUnary(connection, Observer.method.serverStatus, {})).version;
      } finally {
        connection.close();
      }
    };
    assert.equal(await ask(), 'v');

    // Half of each pair: both sides keep what they have.
    copyFileSync(newServer.certFile, serverPair.certFile);
    copyFileSync(newClient.certFile, clientPair.certFile);
    assert.equal(await ask(), 'v');
    assert.match(clientTlsProblems(tls)[0].message, /^keeping the previous certificate: client certificate /);
    assert.equal(clientTlsProblems(tls)[0].where, clientPair.certFile);
    assert.deepEqual(
      server.rpc.tlsProblems.map(({ where }) => where),
      [serverPair.certFile],
    );
    assert.equal(problems.length, 1);

    // The other half: both are of a CA that the other side does not trust yet.
    copyFileSync(newServer.keyFile, serverPair.keyFile);
    copyFileSync(newClient.keyFile, clientPair.keyFile);
    await assert.rejects(ask(), /signed by a CA that is not trusted here/);
    assert.deepEqual([clientTlsProblems(tls), server.rpc.tlsProblems], [[], []]);

    copyFileSync(next.caFile, caFile);
    assert.equal(await ask(), 'v');
    assert.equal(numbers.running, 1, 'the stream has seen nothing of it');
    assert.equal(stayed.state.name, 'ready');

    abort.abort();
    await assert.rejects(stream, { code: RpcCode.Cancelled });
    stayed.close();
    await server.close();
  });
});
