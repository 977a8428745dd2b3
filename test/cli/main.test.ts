import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { flowResponse, lostResponse, nodeStatusResponse } from '../support/build-responses.ts';
import { type FakeServer, startFakeServer } from './support/fake-server.ts';
import { finished, runCli, startCli } from './support/run-cli.ts';

const LINE =
  'Mar  4 09:15:22.118: shop/cart-7d9:41532 (ID:20417) -> shop/pay-5b7:8443 (ID:31002) to-endpoint FORWARDED (TCP Flags: SYN)\n';

describe('sluice, as a process', { concurrency: 2 }, () => {
  let server: FakeServer;
  before(async () => {
    server = await startFakeServer({
      flows: [
        nodeStatusResponse({ stateChange: 2, nodeNames: ['n3'] }),
        flowResponse(),
        lostResponse({ source: 1, numEventsLost: 7n, cpu: 1 }),
      ],
      endless: flowResponse(),
      status: {
        numFlows: 8190n,
        maxFlows: 12285n,
        flowsRate: 41.27,
        numConnectedNodes: 2,
        numUnavailableNodes: 1,
        unavailableNodes: ['n3'],
      },
      diagnostics: {
        nodes: [
          {
            nodeName: 'east/n1',
            component: 'agent',
            flowsEmitted: 1000n,
            flowsDelivered: 990n,
            losses: [{ cause: 2, events: 10n, detail: 'cpu 1' }],
            problems: [{ where: 'pods.yaml:3:5', message: 'no field "foo"' }],
          },
        ],
      },
      nodes: {
        nodes: [
          { name: 'n2', state: 1, numFlows: 4095n, maxFlows: 4095n },
          { name: 'n1', state: 2 },
        ],
      },
      namespaces: { namespaces: [{ namespace: 'a' }, { cluster: 'east', namespace: 'b' }] },
      peers: [
        {
          type: 1,
          name: 'n1',
          address: '10.0.0.11:4244',
          tls: { serverName: 'n1.default.hubble-grpc.cilium.io' },
        },
      ],
    });
  });
  after(() => server.close());
  const run = (...args: string[]) => runCli([...args, '--server', server.address]);

  it('observes flows on stdout and nodes in trouble on stderr', async () => {
    assert.deepEqual(await run('observe'), {
      out: `${LINE}Mar  4 09:15:22.118 EVENTS LOST: PERF_EVENT_RING_BUFFER CPU(1) 7\n`,
      err: 'Mar  4 09:15:22.118 [relay-0]: 1 node unavailable: n3\n',
      status: 0,
    });
    // Another test's request may have come after it.
    const request = server.flowRequests.find(({ number }) => number === 20n);
    assert.ok(request?.fieldMask?.paths.includes('source.pod_name'));
  });

  it('ends a stream quietly on Ctrl-C', async () => {
    const child = startCli(['observe', '-f', '-s', '--server', server.address]);
    await once(child.stdout, 'readable');
    const end = finished(child);
    child.kill('SIGINT');
    const { err, status } = await end;
    assert.deepEqual({ err, status }, { err: '', status: 0 });
  });

  it('ends quietly when the reader of its pipe has gone', async () => {
    const child = startCli(['observe', '-f', '-s', '--server', server.address]);
    await once(child.stdout, 'readable');
    let err = '';
    child.stderr.on('data', (text: Buffer) => (err += text.toString()));
    child.stdout.destroy();
    const [status] = (await once(child, 'exit')) as [number];
    assert.deepEqual({ err, status }, { err: '', status: 0 });
  });

  it('holds the server back when its reader is slow', async () => {
    const child = startCli(['observe', '-f', '-s', '-o', 'json', '--server', server.address]);
    await once(child.stdout, 'readable');
    // Nobody reads: the pipe, the stream and the windows of HTTP/2 fill up, and then nothing moves.
    let before = -1;
    for (let i = 0; i < 100 && before !== server.written(); i++) {
      before = server.written();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    assert.equal(server.written(), before);
    const end = finished(child);
    child.kill('SIGINT');
    assert.equal((await end).status, 0);
  });

  it('shows status with losses, what to do about them, and problems', async () => {
    const { out, status } = await run('status');
    assert.equal(
      out,
      `Healthcheck (via ${server.address}): Ok
Current/Max Flows: 8,190/12,285 (66.67%)
Flows/s: 41.27
Connected Nodes: 2/3
Unavailable Nodes: 1
  - n3
Events: 1,000 emitted, 990 delivered
Losses:
  CAUSE            NODE      EVENTS   LAST   WHERE
  perf ring full   east/n1   10       N/A    cpu 1
  perf ring full: the kernel wrote faster than the agent read. To do: give the agent CPU, more --ring-bytes-per-cpu, or a coarser --aggregation.
Problems:
  - east/n1: pods.yaml:3:5: no field "foo"
`,
    );
    assert.equal(status, 0);
  });

  it('lists nodes and namespaces', async () => {
    assert.equal(
      (await run('list', 'nodes')).out,
      `NAME   STATUS        AGE   FLOWS/S   CURRENT/MAX-FLOWS
n1     Unavailable   N/A   N/A       N/A
n2     Connected     N/A   N/A       4095/4095 (100.00%)
`,
    );
    assert.equal((await run('list', 'namespaces', '-o', 'wide')).out, 'NAMESPACE   CLUSTER\na\nb   east\n');
  });

  it('watches peers', async () => {
    assert.deepEqual(await run('watch', 'peers'), {
      out: 'PEER_ADDED   10.0.0.11:4244 n1 (TLS.ServerName: n1.default.hubble-grpc.cilium.io)\n',
      err: '',
      status: 0,
    });
  });

  it('takes the server from SLUICE_SERVER, else from HUBBLE_SERVER', async () => {
    const args = ['observe', '-s'];
    const nowhere = 'unix:///nowhere.sock';
    const ours = await runCli(args, { SLUICE_SERVER: server.address, HUBBLE_SERVER: nowhere });
    assert.equal(ours.status, 0);
    assert.equal((await runCli(args, { HUBBLE_SERVER: server.address })).status, 0);
    assert.equal((await runCli([...args, '--server', nowhere], { SLUICE_SERVER: server.address })).status, 1);
  });

  it('prints raw filters without a call', async () => {
    const { out } = await runCli([
      'observe',
      '--print-raw-filters',
      '-n',
      'a',
      '--pod',
      'web',
      '--not',
      '--port',
      '53',
    ]);
    assert.equal(
      out,
      `allowlist:
    - '{"source_pod":["a/web"]}'
    - '{"destination_pod":["a/web"]}'
denylist:
    - '{"source_port":["53"]}'
    - '{"destination_port":["53"]}'
`,
    );
  });
});

describe('sluice, when something is wrong', { concurrency: 2 }, () => {
  const mistakes: readonly (readonly [string[], string])[] = [
    [
      ['obsrve'],
      'error: unknown command "obsrve" for "sluice". Did you mean sluice observe? See \'sluice --help\' for usage.\n',
    ],
    [
      ['observe', '--verdit', 'x'],
      "error: unknown flag: --verdit. Did you mean --verdict? See 'sluice observe --help' for usage.\n",
    ],
    [['observe', '--last'], "error: flag --last needs a value: N. See 'sluice observe --help' for usage.\n"],
    [
      ['observe', '--verdict', 'dropped'],
      'error: invalid value "dropped" for --verdict: expected one of FORWARDED, DROPPED, AUDIT, REDIRECTED, ERROR, TRACED, TRANSLATED. Did you mean DROPPED? See \'sluice observe --help\' for usage.\n',
    ],
    [
      ['observe', '--server', 'unix:///nowhere.sock'],
      'error: UNAVAILABLE: cannot connect to unix:///nowhere.sock: no such socket: the server is not running, or listens elsewhere\n',
    ],
    [
      ['observe', '--first', '1', '-f'],
      "error: --first and --follow cannot be used together. See 'sluice observe --help' for usage.\n",
    ],
  ];
  for (const [args, err] of mistakes) {
    it(`says it for sluice ${args.join(' ')}`, async () => {
      assert.deepEqual(await runCli(args), { out: '', err, status: 1 });
    });
  }

  it('checks settings that need each other before any command but config', async () => {
    const env = { HUBBLE_TLS_CLIENT_CERT_FILE: 'a' };
    for (const args of [
      ['version'],
      ['completion', 'bash'],
      ['status'],
      ['observe', '--print-raw-filters'],
    ]) {
      const { err, status } = await runCli(args, env);
      assert.equal(status, 1);
      assert.match(err, /^error: --tls-client-cert-file and --tls-client-key-file go together[^\n]*\n$/);
    }
    assert.equal((await runCli(['config', 'get', 'server'], env)).status, 0);
  });

  it('tells its version as Hubble does, whatever server is named', async () => {
    assert.match(
      (await runCli(['--server', 'x', 'version', '--tls'])).out,
      /^sluice \d+\.\d+\.\d+\S* compiled with node\d+\.\d+\.\d+ on \w+\/\w+\n$/,
    );
    assert.match((await runCli(['--version'])).out, /^sluice \d+\.\d+\.\d+\S*\n$/);
  });

  it('has help with examples for every command', async () => {
    const { out, status } = await runCli(['help']);
    assert.equal(status, 0);
    assert.match(out, /observe +Show flows/);
    for (const command of ['observe', 'status', 'agent', 'relay', 'lab', 'config', 'completion']) {
      const help = await runCli([command, '--help']);
      assert.equal(help.status, 0);
      assert.match(help.out, /Usage:\n {2}sluice [\s\S]*Examples:\n/, command);
    }
  });
});
