import { credentials } from '@grpc/grpc-js';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import {
  callUnary,
  type ClientTls,
  createRpcServer,
  parseAddress,
  RpcCode,
  RpcConnection,
} from '../../rpc/index.ts';
import { collect, connectForeign } from '../support/grpc-client.ts';
import { askFor, createNumberStream, GET_FLOWS } from '../support/number-stream.ts';
import { type RpcTestServer, startRpcServer } from '../support/rpc-test-server.ts';

const file = (name: string): string => join(import.meta.dirname, '../testdata/tls', name);
const pair = (name: string): { certFile: string; keyFile: string } => ({
  certFile: file(`${name}.crt`),
  keyFile: file(`${name}.key`),
});
const caFiles = [file('ca.crt')];
const nodeName = 'n1.east.hubble-grpc.cilium.io';

function start(name: string, clientCaFiles: string[] = []): Promise<RpcTestServer> {
  return startRpcServer({
    tls: { ...pair(name), clientCaFiles },
    rawStreams: new Map([[GET_FLOWS, createNumberStream().handler]]),
    routes: (router) => router.service(Observer, { serverStatus: () => ({ version: 'v' }) }),
  });
}

async function askStatus(port: number, tls: ClientTls): Promise<string> {
  const connection = new RpcConnection(parseAddress(`127.0.0.1:${port}`), { tls });
  try {
    return (await callUnary(connection, Observer.method.serverStatus, {})).version;
  } finally {
    connection.close();
  }
}

describe('TLS', () => {
  let server: RpcTestServer;

  before(async () => (server = await start('server')));
  after(() => server.close());

  it('serves unary calls and streams to our client, by name and by address', async () => {
    assert.equal(await askStatus(server.port, { caFiles, serverName: nodeName }), 'v');
    assert.equal(await askStatus(server.port, { caFiles }), 'v');
    const connection = new RpcConnection(parseAddress(`tls://localhost:${server.port}`), {
      tls: { caFiles },
    });
    let count = 0;
    await connection.stream(GET_FLOWS, askFor(50_000), {}, (run) => void (count += run.count));
    assert.equal(count, 50_000);
    connection.close();
  });

  it('serves a foreign client', async () => {
    const client = connectForeign(
      `127.0.0.1:${server.port}`,
      'observer/observer.proto',
      'observer.Observer',
      credentials.createSsl(readFileSync(caFiles[0])),
      { 'grpc.ssl_target_name_override': nodeName },
    );
    assert.equal((await client.unary('ServerStatus')).response['version'], 'v');
    const { messages, code } = await collect(client.stream('GetFlows', { number: 1000 }));
    assert.deepEqual([code, messages.length], [0, 1000]);
    client.close();
  });

  it('serves HTTP/1.1 as well, each request once', async () => {
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect({
        port: server.port,
        host: '127.0.0.1',
        ca: readFileSync(caFiles[0]),
        ALPNProtocols: ['http/1.1'],
      });
      let got = '';
      socket.on('data', (chunk: Buffer) => (got += chunk.toString()));
      socket.on('error', reject);
      socket.on('close', () => resolve(got));
      socket.write(
        'POST /observer.Observer/ServerStatus HTTP/1.1\r\nhost: x\r\nconnection: close\r\n' +
          'content-type: application/json\r\ncontent-length: 2\r\n\r\n{}',
      );
    });
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
    assert.equal(text.split('{"version":"v"}').length, 2);
  });

  it('takes no version below 1.3', async () => {
    const socket = connect({ port: server.port, host: '127.0.0.1', maxVersion: 'TLSv1.2' });
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
    assert.equal(error.code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });

  for (const [what, tls, reason] of [
    [
      'has another name',
      { caFiles, serverName: 'n1.west.hubble-grpc.cilium.io' },
      'the server\'s certificate is not for "n1.west.hubble-grpc.cilium.io" but for DNS:*.east.hubble-grpc.cilium.io, DNS:localhost, IP Address:127.0.0.1',
    ],
    [
      'is signed by an unknown CA',
      { caFiles: [file('other-ca.crt')] },
      "the server's certificate is signed by a CA that is not trusted here",
    ],
    [
      'is signed by a CA that the system does not know',
      {},
      "the server's certificate is signed by a CA that is not trusted here",
    ],
  ] as const) {
    it(`says so when the server's certificate ${what}`, async () => {
      await assert.rejects(askStatus(server.port, tls), {
        code: RpcCode.Unavailable,
        message: `cannot connect to 127.0.0.1:${server.port}: ${reason}`,
      });
    });
  }

  it('connects to any server when told not to verify', async () => {
    assert.equal(await askStatus(server.port, { serverName: 'any.name', allowInsecure: true }), 'v');
  });

  it('says so when the certificate has expired', async () => {
    const expired = await start('expired');
    await assert.rejects(askStatus(expired.port, { caFiles }), {
      message: `cannot connect to 127.0.0.1:${expired.port}: the server's certificate has expired`,
    });
    await expired.close();
  });

  it('says so when one side speaks TLS and the other does not', async () => {
    const plain = await startRpcServer({});
    await assert.rejects(askStatus(plain.port, { caFiles }), {
      message: `cannot connect to 127.0.0.1:${plain.port}: the server does not speak TLS`,
    });
    await plain.close();
    const connection = new RpcConnection(parseAddress(`127.0.0.1:${server.port}`));
    await assert.rejects(connection.connect(), { code: RpcCode.Unavailable });
    connection.close();
  });

  it('names a file that cannot be read or used', async () => {
    await assert.rejects(askStatus(server.port, { caFiles: ['/no/ca.crt'] }), {
      message: `cannot connect to 127.0.0.1:${server.port}: cannot read CA /no/ca.crt: ENOENT`,
    });
    const listen = [parseAddress('127.0.0.1:0')];
    await assert.rejects(createRpcServer({ listen, tls: { ...pair('server'), certFile: '/no.crt' } }), {
      message: 'cannot read TLS certificate /no.crt: ENOENT',
    });
    await assert.rejects(
      createRpcServer({ listen, tls: { ...pair('server'), keyFile: file('client.key') } }),
      {
        message: `TLS certificate ${file('server.crt')} and key ${file('client.key')} do not work together: ERR_OSSL_X509_KEY_VALUES_MISMATCH`,
      },
    );
  });
});

describe('mTLS', () => {
  let server: RpcTestServer;

  before(async () => (server = await start('server', caFiles)));
  after(() => server.close());

  it('serves a client whose certificate the CA signed', async () => {
    assert.equal(await askStatus(server.port, { caFiles, ...pair('client') }), 'v');
  });

  for (const [what, own, reason] of [
    ['without a certificate', {}, 'a client certificate is needed here, and none was shown'],
    [
      'with a certificate of another CA',
      pair('stranger'),
      'the client certificate is signed by a CA that is not trusted here',
    ],
    ['with an expired certificate', pair('expired'), 'the client certificate has expired'],
  ] as const) {
    it(`lets no client in ${what}, which is told why`, async () => {
      await assert.rejects(askStatus(server.port, { caFiles, ...own }), {
        code: RpcCode.Unavailable,
        message: `cannot connect to 127.0.0.1:${server.port}: the server refuses this client: ${reason}`,
      });
    });
  }

  it('asks nothing of that on the Unix socket', async () => {
    const connection = new RpcConnection(parseAddress(server.unix));
    assert.equal((await callUnary(connection, Observer.method.serverStatus, {})).version, 'v');
    connection.close();
  });
});
