import assert from 'node:assert/strict';
import { connect as connectNet } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { readFileSync } from 'node:fs';
import { credentials } from '@grpc/grpc-js';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import {
  callUnary,
  type ClientTls,
  createRpcServer,
  formatAddress,
  parseAddress,
  RpcCode,
  RpcConnection,
} from '../../rpc/index.ts';
import { askFor, createNumberStream, GET_FLOWS } from '../support/number-stream.ts';
import { connectForeign } from '../support/grpc-client.ts';
import {
  type CertificatePair,
  createTestAuthority,
  type TestAuthority,
} from '../support/make-certificates.ts';
import { type RpcTestServer, startRpcServer, until } from '../support/rpc-test-server.ts';

const HOUR_MS = 3_600_000;

describe('trust between a client and a server', () => {
  let authority: TestAuthority;
  let stranger: TestAuthority;
  const pairs = new Map<string, CertificatePair>();
  const servers: RpcTestServer[] = [];

  before(async () => {
    authority = await createTestAuthority();
    stranger = await createTestAuthority();
    const past = { fromMs: -2 * HOUR_MS, untilMs: -HOUR_MS / 2 };
    const future = { fromMs: HOUR_MS / 2, untilMs: HOUR_MS };
    for (const [name, by, use, given] of [
      ['server', authority, 'server', {}],
      ['elsewhere', authority, 'server', { names: ['n1.east.hubble-grpc.cilium.io'] }],
      ['old-server', authority, 'server', past],
      ['early-server', authority, 'server', future],
      ['strange-server', stranger, 'server', {}],
      ['client', authority, 'client', {}],
      ['old-client', authority, 'client', past],
      ['early-client', authority, 'client', future],
      ['strange-client', stranger, 'client', { commonName: 'e\u{1b}[31mvil' }],
    ] as const) {
      pairs.set(name, await by.issue(name, use, given));
    }
  });
  after(async () => {
    for (const server of servers) await server.close();
    authority.remove();
    stranger.remove();
  });

  /** Starts a server of its own, and collects what it tells about clients. */
  async function start(
    pair: string | null,
    { isMutual = false, insecure = false } = {},
  ): Promise<{ server: RpcTestServer; told: string[] }> {
    const told: string[] = [];
    const server = await startRpcServer({
      insecure: insecure || pair === null,
      ...(pair !== null && {
        tls: { ...pairs.get(pair)!, ...(isMutual && { clientCaFiles: [authority.caFile] }) },
      }),
      onRefused: (message) => told.push(message.replaceAll(/port \d+/g, 'port P')),
      routes: (router) => router.service(Observer, { serverStatus: () => ({ version: 'v' }) }),
    });
    servers.push(server);
    return { server, told };
  }

  async function ask(address: string, tls?: ClientTls): Promise<string> {
    const connection = new RpcConnection(parseAddress(address), tls === undefined ? {} : { tls });
    try {
      return (await callUnary(connection, Observer.method.serverStatus, {})).version;
    } finally {
      connection.close();
    }
  }

  const trusting = (pair?: string, more: ClientTls = {}): ClientTls => ({
    caFiles: [authority.caFile],
    ...(pair !== undefined && pairs.get(pair)),
    ...more,
  });
  const hungUp =
    'client 127.0.0.1 port P refused: hung up during the TLS handshake: it does not trust the certificate of this server, perhaps';

  const cases: readonly {
    readonly name: string;
    readonly pair: string | null;
    readonly isMutual?: boolean;
    readonly tls?: () => ClientTls;
    readonly client: string;
    readonly server: string;
  }[] = [
    {
      name: 'the server’s certificate is for another name',
      pair: 'elsewhere',
      tls: () => trusting(),
      client: 'the server\'s certificate is not for "127.0.0.1" but for DNS:n1.east.hubble-grpc.cilium.io',
      server: hungUp,
    },
    {
      name: 'the server is expected under another name',
      pair: 'elsewhere',
      tls: () => trusting(undefined, { serverName: 'n2.east.hubble-grpc.cilium.io' }),
      client:
        'the server\'s certificate is not for "n2.east.hubble-grpc.cilium.io" but for DNS:n1.east.hubble-grpc.cilium.io',
      server: hungUp,
    },
    {
      name: 'the server’s certificate has expired',
      pair: 'old-server',
      tls: () => trusting(),
      client: "the server's certificate has expired",
      server: hungUp,
    },
    {
      name: 'the server’s certificate is not valid yet',
      pair: 'early-server',
      tls: () => trusting(),
      client: "the server's certificate is not valid yet",
      server: hungUp,
    },
    {
      name: 'the server’s certificate is of another CA',
      pair: 'strange-server',
      tls: () => trusting(),
      client: "the server's certificate is signed by a CA that is not trusted here",
      server: hungUp,
    },
    {
      name: 'the client shows no certificate',
      pair: 'server',
      isMutual: true,
      tls: () => trusting(),
      client: 'the server refuses this client: a client certificate is needed here, and none was shown',
      server: 'client 127.0.0.1 port P refused: a client certificate is needed here, and none was shown',
    },
    {
      name: 'the client’s certificate has expired',
      pair: 'server',
      isMutual: true,
      tls: () => trusting('old-client'),
      client: 'the server refuses this client: the client certificate has expired',
      server: 'client 127.0.0.1 port P (CN=old-client) refused: the client certificate has expired',
    },
    {
      name: 'the client’s certificate is not valid yet',
      pair: 'server',
      isMutual: true,
      tls: () => trusting('early-client'),
      client: 'the server refuses this client: the client certificate is not valid yet',
      server: 'client 127.0.0.1 port P (CN=early-client) refused: the client certificate is not valid yet',
    },
    {
      name: 'the client’s certificate is of another CA',
      pair: 'server',
      isMutual: true,
      tls: () => trusting('strange-client'),
      client:
        'the server refuses this client: the client certificate is signed by a CA that is not trusted here',
      server:
        'client 127.0.0.1 port P (CN=e\\1B[31mvil) refused: the client certificate is signed by a CA that is not trusted here',
    },
    {
      name: 'the client shows a certificate that is made for servers',
      pair: 'server',
      isMutual: true,
      tls: () => trusting('server'),
      client:
        'the server refuses this client: the client certificate is not made for clients (extended key usage)',
      server:
        'client 127.0.0.1 port P (CN=server) refused: the client certificate is not made for clients (extended key usage)',
    },
    {
      name: 'the client speaks plaintext to a TLS address',
      pair: 'server',
      client: 'the server refuses this client: this address speaks TLS only',
      server: 'client 127.0.0.1 port P refused: speaks plaintext, and this address is TLS only',
    },
    {
      name: 'the client speaks TLS to a plaintext address',
      pair: null,
      tls: () => trusting(),
      client: 'the server does not speak TLS',
      server: 'client 127.0.0.1 port P refused: speaks TLS, and this address is plaintext',
    },
  ];
  for (const { name, pair, isMutual, tls, client, server: serverWords } of cases) {
    it(`is refused, and both sides say so, when ${name}`, async () => {
      const { server, told } = await start(pair, { isMutual: isMutual === true });
      await assert.rejects(ask(`127.0.0.1:${server.port}`, tls?.()), {
        code: RpcCode.Unavailable,
        message: `cannot connect to 127.0.0.1:${server.port}: ${client}`,
      });
      await until(() => told.length > 0);
      assert.deepEqual(told, [serverWords]);
      await until(() => server.rpc.connectionCount === 0);
    });
  }

  it('is there when both certificates do', async () => {
    const { server, told } = await start('server', { isMutual: true });
    assert.equal(await ask(`127.0.0.1:${server.port}`, trusting('client')), 'v');
    assert.equal(
      await ask(`tls://localhost:${server.port}`, trusting('client', { minVersion: 'TLSv1.3' })),
      'v',
    );
    assert.deepEqual(told, []);
  });

  it('is not asked for on an address that was made insecure in so many words, where TLS goes all the same', async () => {
    const { server, told } = await start('server', { isMutual: true, insecure: true });
    assert.equal(await ask(`127.0.0.1:${server.port}`), 'v');
    assert.equal(await ask(`127.0.0.1:${server.port}`, trusting('client')), 'v');
    await assert.rejects(ask(`127.0.0.1:${server.port}`, trusting()), /a client certificate is needed here/);
    assert.equal(told.length, 1);
  });

  it('is asked for on an address of TLS alone, although others were made insecure', async () => {
    const server = await createRpcServer({
      listen: [parseAddress('tls://127.0.0.1:0'), parseAddress('127.0.0.1:0')],
      insecure: true,
      tls: pairs.get('server')!,
      routes: (router) => router.service(Observer, { serverStatus: () => ({ version: 'v' }) }),
    });
    const [safe, open] = server.addresses.map(formatAddress);
    assert.equal(await ask(open), 'v');
    assert.equal(await ask(safe, trusting()), 'v');
    await assert.rejects(ask(safe), /this address speaks TLS only/);
    await server.close(1000);
  });

  it('is refused to a foreign gRPC client as permission', async () => {
    const { server } = await start('server', { isMutual: true });
    const client = connectForeign(
      `127.0.0.1:${server.port}`,
      'observer/observer.proto',
      'observer.Observer',
      credentials.createSsl(readFileSync(authority.caFile)),
    );
    await assert.rejects(client.unary('ServerStatus'), { code: RpcCode.PermissionDenied });
    client.close();
  });

  it('lasts until the end: streams of a server that closes end with its words, in TLS as well', async () => {
    const numbers = createNumberStream();
    const server = await startRpcServer({
      tls: pairs.get('server')!,
      rawStreams: new Map([[GET_FLOWS, numbers.handler]]),
    });
    const connection = new RpcConnection(parseAddress(`127.0.0.1:${server.port}`), { tls: trusting() });
    const stream = connection.stream(GET_FLOWS, askFor(0), {}, () => {});
    const outcome = assert.rejects(stream, {
      code: RpcCode.Unavailable,
      message: 'server is shutting down',
    });
    await until(() => numbers.running === 1);
    await server.rpc.close(5000);
    await outcome;
    await server.close();
  });

  /** Sends text over a socket and gives what comes back until the end. */
  function talk(port: number, text: string, tls?: ConnectionOptions): Promise<string> {
    return new Promise((resolve, reject) => {
      const where = { port, host: '127.0.0.1' };
      const socket = tls === undefined ? connectNet(where) : connectTls({ ...where, ...tls });
      let got = '';
      socket.on('data', (chunk: Buffer) => (got += chunk.toString()));
      socket.on('error', reject);
      socket.on('close', () => resolve(got));
      socket.write(text);
    });
  }

  it('is refused to a browser in words that it shows', async () => {
    const { server } = await start('server', { isMutual: true });
    const request = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';
    const ca = readFileSync(authority.caFile);
    const words = 'a client certificate is needed here, and none was shown';
    assert.match(
      await talk(server.port, request, { ca, ALPNProtocols: ['http/1.1'] }),
      new RegExp(`^HTTP/1\\.1 403 Forbidden\r\n[^]*\r\n\r\n${words}\n$`),
    );
    assert.match(await talk(server.port, request), /^HTTP\/1\.1 403 [^]*this address speaks TLS only\n$/);
  });

  it('tells of a flood of refused clients in two lines', async (t) => {
    const { server, told } = await start('server');
    t.mock.timers.enable({ apis: ['setTimeout'] });
    for (let i = 0; i < 30; i++) await talk(server.port, 'GET / HTTP/1.1\r\n\r\n');
    t.mock.timers.tick(10_000);
    assert.deepEqual(told, [
      'client 127.0.0.1 port P refused: speaks plaintext, and this address is TLS only',
      '29 more refused, the last of them 127.0.0.1 port P: speaks plaintext, and this address is TLS only',
    ]);
  });

  it('takes no version below 1.3', async () => {
    const { server, told } = await start('server');
    await assert.rejects(talk(server.port, '', { maxVersion: 'TLSv1.2' }), {
      code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    });
    assert.deepEqual(told, ['client 127.0.0.1 port P refused: speaks no TLS 1.3']);
  });
});
