import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ChangeNotificationType, Peer } from '../../proto/gen/peer/peer_pb.ts';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { type CliResult, runCli, startCli } from '../cli/support/run-cli.ts';
import { type RpcTestServer, startRpcServer, until } from '../support/rpc-test-server.ts';

/** From `sluice certs` to `sluice status`: an agent's server, a relay and the command line, each a party of its own that shows and checks certificates. */
describe('a fleet on mTLS', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-fleet-'));
  const file = (name: string): string => join(dir, name);
  let agent: RpcTestServer;
  let relay: ReturnType<typeof startCli>;
  let port = '';
  const log: string[] = [];

  before(async () => {
    for (const [into, cluster] of [
      ['fleet', 'default'],
      ['other', 'default'],
    ]) {
      const made = await runCli(['certs', 'create', file(into), '--cluster', cluster]);
      assert.equal(made.status, 0, made.err);
    }
    // An agent of Hubble's kind: TCP with mTLS, a certificate for its whole cluster, and itself as its only peer.
    agent = await startRpcServer({
      tls: {
        certFile: file('fleet/agents/default.crt'),
        keyFile: file('fleet/agents/default.key'),
        clientCaFiles: [file('fleet/ca.crt')],
      },
      routes: (router) => {
        router.service(Observer, { serverStatus: () => ({ version: 'cilium v1', numFlows: 7n }) });
        router.service(Peer, {
          async *notify(_, { signal }) {
            yield {
              name: 'n.1',
              address: `127.0.0.1:${agent.port}`,
              type: ChangeNotificationType.PEER_ADDED,
              tls: { serverName: 'n-1.default.hubble-grpc.cilium.io' },
            };
            await new Promise((resolve) => signal.addEventListener('abort', resolve));
          },
        });
      },
    });
    relay = startCli([
      'relay',
      '--name=r',
      '--store-dir=off',
      '--listen=127.0.0.1:0',
      `--tls-cert-file=${file('fleet/relay-server.crt')}`,
      `--tls-key-file=${file('fleet/relay-server.key')}`,
      `--tls-client-ca-files=${file('fleet/ca.crt')}`,
      `--peer-service=127.0.0.1:${agent.port}`,
      `--peer-tls-ca-files=${file('fleet/ca.crt')}`,
      `--peer-tls-cert-file=${file('fleet/relay-client.crt')}`,
      `--peer-tls-key-file=${file('fleet/relay-client.key')}`,
    ]);
    relay.stderr.setEncoding('utf8').on('data', (text: string) => log.push(...text.trim().split('\n')));
    await until(() => log.some((line) => line.includes('msg="peer connected"')));
    await until(() => log.some((line) => line.includes('relay ready')));
    port = /listen=127\.0\.0\.1:(\d+)/.exec(log.join('\n'))![1];
  });
  after(async () => {
    relay.kill();
    await new Promise((resolve) => relay.once('close', resolve));
    await agent.close();
    rmSync(dir, { recursive: true });
  });

  const status = (...args: string[]): Promise<CliResult> =>
    runCli(['status', `--server=tls://127.0.0.1:${port}`, ...args]);
  const trust = (ca = 'fleet'): string => `--tls-ca-cert-files=${file(`${ca}/ca.crt`)}`;
  const show = (pair: string): string[] => [
    `--tls-client-cert-file=${file(`${pair}.crt`)}`,
    `--tls-client-key-file=${file(`${pair}.key`)}`,
  ];

  it('shows its status to whoever belongs to it, by address and by Hubble’s name', async () => {
    for (const more of [[], ['--tls-server-name=instance.hubble-relay.cilium.io']]) {
      const { status: code, out, err } = await status(trust(), ...show('fleet/observe-client'), ...more);
      assert.deepEqual([code, err], [0, '']);
      assert.match(out, /Connected Nodes: 1\/1\n/);
    }
    const nodes = await runCli([
      'list',
      'nodes',
      '-o',
      'wide',
      `--server=tls://127.0.0.1:${port}`,
      trust(),
      ...show('fleet/ui-client'),
    ]);
    assert.match(nodes.out, /\nn\.1 +Connected .* 127\.0\.0\.1:\d+ +Enabled\n/);
  });

  const refusals: readonly (readonly [
    what: string,
    args: () => string[],
    reason: string,
    hint: string,
    logged: RegExp | null,
  ])[] = [
    [
      'nobody in particular',
      () => [trust()],
      'the server refuses this client: a client certificate is needed here, and none was shown',
      'Show one with --tls-client-cert-file and --tls-client-key-file.',
      /^time=\S+ level=warn msg="client 127\.0\.0\.1 port \d+ refused: a client certificate is needed here, and none was shown"$/,
    ],
    [
      'somebody of another fleet',
      () => [trust(), ...show('other/observe-client')],
      'the server refuses this client: the client certificate is signed by a CA that is not trusted here',
      'Look at it with: sluice certs show DIR',
      /msg="client 127\.0\.0\.1 port \d+ \(CN=\*\.hubble-observe\.cilium\.io\) refused: the client certificate is signed by a CA that is not trusted here"$/,
    ],
    [
      'somebody who trusts another CA',
      () => [trust('other'), ...show('fleet/observe-client')],
      "the server's certificate is signed by a CA that is not trusted here",
      'Name the CA that signed it with --tls-ca-cert-files.',
      /hung up during the TLS handshake: it does not trust the certificate of this server, perhaps"$/,
    ],
    [
      'somebody who expects another server',
      () => [trust(), '--tls-server-name=n1.default.hubble-grpc.cilium.io'],
      'the server\'s certificate is not for "n1.default.hubble-grpc.cilium.io" but for DNS:*.hubble-relay.cilium.io, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
      'Name what is on the certificate with --tls-server-name, if that is the server that you mean.',
      null, // told with the one before it, later
    ],
    [
      'somebody who speaks plaintext',
      () => [`--server=127.0.0.1:${port}`],
      'the server refuses this client: this address speaks TLS only',
      'Name the server as tls://host:port, or add --tls.',
      /refused: speaks plaintext, and this address is TLS only"$/,
    ],
  ];
  for (const [what, args, reason, hint, logged] of refusals) {
    it(`refuses ${what}, saying why and what to do, and notes it`, async () => {
      const { status: code, out, err } = await status(...args());
      const message = `error: UNAVAILABLE: cannot connect to 127.0.0.1:${port}: ${reason}`;
      assert.deepEqual([code, out, err], [1, '', `${message}. ${hint}\n`]);
      if (logged !== null) await until(() => log.some((line) => logged.test(line)));
    });
  }

  it('goes on with renewed certificates, and lists files that do not work as a problem until they do', async () => {
    const renewed = await runCli(['certs', 'renew', file('fleet'), '--all']);
    assert.equal(renewed.status, 0, renewed.err);
    const good = await status(trust(), ...show('fleet/observe-client'));
    assert.equal(good.status, 0, good.err);
    assert.doesNotMatch(good.out, /Problems:/);

    copyFileSync(file('other/relay-server.key'), file('fleet/relay-server.key'));
    const bad = await status(trust(), ...show('fleet/observe-client'));
    assert.equal(bad.status, 0, bad.err);
    assert.match(
      bad.out,
      /Problems:\n.*keeping the previous certificate: TLS certificate .*relay-server\.crt/,
    );
    await until(() => log.some((line) => line.includes('keeping the previous certificate')));

    // What does not fit is made anew, and the relay takes it.
    assert.equal((await runCli(['certs', 'renew', file('fleet')])).status, 0);
    const mended = await status(trust(), ...show('fleet/observe-client'));
    assert.deepEqual([mended.status, mended.out.includes('Problems:')], [0, false]);
    assert.equal(log.filter((line) => line.includes('peer lost')).length, 0);
  });
});
