import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RpcCode } from '../../rpc/index.ts';
import { VERSION } from '../../rpc/version.ts';
import { FakeAgent } from '../relay/support/fake-agent.ts';
import { flowFrame } from '../relay/support/flow-bytes.ts';
import { type RunningRelay, startRelay } from '../relay/support/run-relay.ts';
import { Scratch } from '../relay/support/scratch.ts';
import { collect, connectForeign, type ForeignClient, type Loose } from '../support/grpc-client.ts';

const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

/** grpc-js with the schema loaded at run time, against a relay over two agents and one that is not there. */
describe('a foreign client at a relay', () => {
  const startNs = nowNs() - 1_000_000_000n;
  const scratch = new Scratch();
  const agents: FakeAgent[] = [];
  let relay: RunningRelay;
  let observer: ForeignClient;
  let health: ForeignClient;

  const connect = (file: string, service: string): ForeignClient =>
    scratch.keep(connectForeign(relay.address, file, service));

  before(async () => {
    for (const [i, name] of ['east/n1', 'east/n2'].entries()) {
      const namespaces = [
        { cluster: 'east', namespace: i === 0 ? 'zoo' : 'app' },
        { cluster: 'east', namespace: 'shared' },
      ];
      const agent = new FakeAgent({ address: scratch.socket(`n${i}`), nodeName: name, namespaces });
      agents.push(scratch.keep(await agent.start()));
      for (let n = 0; n < 50; n++) {
        agent.append(flowFrame(name, startNs + BigInt(2 * n + i) * 1_000_000n, `${name} ${n}`));
      }
    }
    const addresses = [...agents.map(({ options }) => options.address), scratch.socket('absent')];
    relay = scratch.keep(await startRelay(scratch.socket('relay'), addresses, {}, 2));
    observer = connect('observer/observer.proto', 'observer.Observer');
    health = connect('grpc/health/v1/health.proto', 'grpc.health.v1.Health');
  });
  after(() => scratch.clear());

  it('reads the status of all nodes, summed, with the version header of relays', async () => {
    const { response, headers } = await observer.unary('ServerStatus');
    assert.deepEqual(
      { ...response, uptime_ns: undefined },
      {
        num_flows: '100',
        max_flows: String(2 * 65_536),
        seen_flows: '100',
        uptime_ns: undefined,
        num_connected_nodes: { value: 2 },
        num_unavailable_nodes: { value: 1 },
        unavailable_nodes: [scratch.socket('absent')],
        version: `sluice-relay v${VERSION}`,
        flows_rate: 5,
      },
    );
    assert.ok(Number(response['uptime_ns']) > 0);
    assert.deepEqual(headers.get('hubble-relay-version'), [VERSION]);
    assert.deepEqual(headers.get('hubble-server-version'), [], 'no header of a peer');
  });

  it('lists nodes with their states, those that cannot be reached too', async () => {
    const { response } = await observer.unary('GetNodes');
    const nodes = response['nodes'] as Loose[];
    const short = nodes.map(({ name, state, version, num_flows: flows, tls }) => ({
      name,
      state,
      version,
      flows,
      tls,
    }));
    const tls = {};
    assert.deepEqual(short, [
      { name: 'east/n1', state: 'NODE_CONNECTED', version: 'sluice v0.1.0', flows: '50', tls },
      { name: 'east/n2', state: 'NODE_CONNECTED', version: 'sluice v0.1.0', flows: '50', tls },
      {
        name: scratch.socket('absent'),
        state: 'NODE_UNAVAILABLE',
        version: undefined,
        flows: undefined,
        tls,
      },
    ]);
    assert.equal(nodes[0]['address'], agents[0].options.address);
  });

  it('lists namespaces of all nodes, each once, sorted', async () => {
    const { response } = await observer.unary('GetNamespaces');
    const namespaces = response['namespaces'] as Loose[];
    assert.deepEqual(
      namespaces.map(({ cluster, namespace }) => `${String(cluster)}/${String(namespace)}`),
      ['east/app', 'east/shared', 'east/zoo'],
    );
  });

  it('streams what is stored in the order of time, behind the states of the nodes, and ends with OK', async () => {
    const { messages, code } = await collect(observer.stream('GetFlows', { number: '50' }));
    assert.equal(code, RpcCode.Ok);
    const [connected, unavailable, ...flows] = messages;
    assert.deepEqual(connected['node_status'], {
      state_change: 'NODE_CONNECTED',
      node_names: ['east/n1', 'east/n2'],
    });
    assert.deepEqual(unavailable['node_status'], {
      state_change: 'NODE_UNAVAILABLE',
      node_names: [scratch.socket('absent')],
    });
    assert.equal(connected['node_name'], 'test-relay');
    const summaries = flows.map(({ flow }) => (flow as Loose)['Summary']);
    assert.deepEqual(
      summaries,
      Array.from({ length: 100 }, (_, i) => `east/n${(i % 2) + 1} ${i >> 1}`),
    );
  });

  it('forwards the filter and the request metadata unchanged', async () => {
    const asked = agents.map(({ requests }) => requests.length);
    const { messages, code } = await collect(
      observer.stream('GetFlows', {
        whitelist: [{ source_pod: ['nobody/nothing'] }],
        number: '18446744073709551615',
      }),
    );
    assert.equal(code, RpcCode.Ok);
    assert.deepEqual(
      messages.map((message) => message['response_types']),
      ['node_status', 'node_status'],
    );
    for (const [i, { requests, headers }] of agents.entries()) {
      assert.equal(requests.length, asked[i] + 1);
      assert.deepEqual(requests.at(-1)?.whitelist[0].sourcePod, ['nobody/nothing']);
      assert.equal(requests.at(-1)?.number, 2n ** 64n - 1n);
      assert.equal(headers.at(-1)?.['user-agent'], 'sluice', 'what belongs to the hop stays behind');
    }
  });

  it('follows live flows until it cancels, which the agents hear', async () => {
    const call = observer.stream('GetFlows', {
      follow: true,
      since: { seconds: String(Math.floor(Date.now() / 1000)) },
    });
    const ended = collect(call);
    let live = 0;
    await new Promise<void>((resolve) => {
      call.on('data', (message: Loose) => {
        if (message['response_types'] !== 'flow') return;
        if (++live === 2) resolve();
      });
      for (const agent of agents) agent.append(flowFrame(agent.options.nodeName, nowNs(), 'live'));
    });
    call.cancel();
    assert.equal((await ended).code, RpcCode.Cancelled);
  });

  it('ends a stream at the client’s deadline', async () => {
    const call = observer.stream('GetFlows', { follow: true }, { deadline: Date.now() + 100 });
    assert.equal((await collect(call)).code, RpcCode.DeadlineExceeded);
  });

  it('refuses a request that contradicts itself, naming the fault', async () => {
    const { code, details } = await collect(observer.stream('GetFlows', { first: true, follow: true }));
    assert.equal(code, RpcCode.InvalidArgument);
    assert.equal(details, 'first and follow cannot be used together');
  });

  it('answers UNIMPLEMENTED for what only agents serve, and for what nobody does', async () => {
    for (const method of ['GetAgentEvents', 'GetDebugEvents']) {
      assert.equal((await collect(observer.stream(method))).code, RpcCode.Unimplemented, method);
    }
    const peer = connect('peer/peer.proto', 'peer.Peer');
    assert.equal((await collect(peer.stream('Notify'))).code, RpcCode.Unimplemented);
  });

  it('is healthy under both names, and unknown under others', async () => {
    for (const service of ['', 'hubble.server.Observer']) {
      assert.equal((await health.unary('Check', { service })).response['status'], 'SERVING');
    }
    await assert.rejects(health.unary('Check', { service: 'observer.Observer' }), { code: RpcCode.NotFound });
  });

  it('lists its services by reflection', async () => {
    for (const version of ['v1', 'v1alpha']) {
      const reflection = connect(
        `grpc/reflection/${version}/reflection.proto`,
        `grpc.reflection.${version}.ServerReflection`,
      );
      const call = reflection.stream('ServerReflectionInfo') as unknown as NodeJS.ReadWriteStream & {
        end(): void;
      };
      const answer = new Promise<Loose>((resolve) => call.once('data', resolve));
      call.write({ list_services: '' } as never);
      const { list_services_response: listed } = (await answer) as {
        list_services_response: { service: Loose[] };
      };
      call.end();
      assert.deepEqual(
        listed.service.map(({ name }) => name).filter((name) => !String(name).startsWith('grpc.')),
        [
          'observer.Observer',
          'sluice.v1.Aggregation',
          'sluice.v1.Datapath',
          'sluice.v1.Diagnostics',
          'sluice.v1.Policies',
        ],
      );
    }
  });

  it('reads the relay’s own account and those of the agents', async () => {
    const diagnostics = connect('sluice/v1/diagnostics.proto', 'sluice.v1.Diagnostics');
    const { response } = await diagnostics.unary('GetStatus');
    const [own, ...below] = response['nodes'] as Loose[];
    assert.equal(own['component'], 'relay');
    assert.equal(own['node_name'], 'test-relay');
    assert.equal(own['flows_emitted'], own['flows_delivered'], 'nothing waits and nothing was dropped');
    const [problem] = own['problems'] as Loose[];
    assert.equal(problem['where'], `peer ${scratch.socket('absent')}`);
    assert.match(String(problem['message']), /no such socket/);
    assert.deepEqual(
      below.map((report) => report['node_name']),
      ['east/n1', 'east/n2'],
    );
  });

  it('is not healthy while no node is there', async () => {
    const lonely = scratch.keep(
      await startRelay(scratch.socket('lonely'), [scratch.socket('absent')], {}, 0),
    );
    const client = scratch.keep(
      connectForeign(lonely.address, 'grpc/health/v1/health.proto', 'grpc.health.v1.Health'),
    );
    for (const service of ['', 'hubble.server.Observer']) {
      assert.equal((await client.unary('Check', { service })).response['status'], 'NOT_SERVING');
    }
    const watch = client.stream('Watch', { service: '' });
    const statuses: unknown[] = [];
    const serving = new Promise<void>((resolve) => {
      watch.on('error', () => {});
      watch.on('data', ({ status }: Loose) => {
        statuses.push(status);
        if (status === 'SERVING') resolve();
      });
    });
    const late = scratch.keep(
      await new FakeAgent({ address: scratch.socket('absent'), nodeName: 'late' }).start(),
    );
    await serving;
    assert.deepEqual(statuses, ['NOT_SERVING', 'SERVING']);
    await late.stop();
    while (statuses.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(statuses[2], 'NOT_SERVING');
    watch.cancel();
  });
});
