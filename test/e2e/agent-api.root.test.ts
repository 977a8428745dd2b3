import assert from 'node:assert/strict';
import { status } from '@grpc/grpc-js';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { removePins } from '../../agent/index.ts';
import { createTwoNodes, type Pod, type TwoNodes } from '../../bench/support/two-nodes.ts';
import { parseAddress } from '../../rpc/index.ts';
import { askFromPod, runInPod, serveInPod } from '../bpf/support/pod-process.ts';
import { collect, type ForeignClient, type Loose } from '../support/grpc-client.ts';
import { awaitFlows, flowsOf, type SeenFlow } from './support/agent-flows.ts';
import { type AgentHome, type AgentProcess, createAgentHome } from './support/agent-process.ts';
import { namespaceManifest, nodeManifest, podManifest, serviceManifest } from './support/manifests.ts';

const SEARCH = 'search-7d9f8b6c5d-x';
const FARES = 'fares-7d9f8b6c5d-x';
const CACHE = 'cache-7d9f8b6c5d-x';
const WITHIN_MS = 5000;

let nodes: TwoNodes;
let home: AgentHome;
let agent: AgentProcess;
let observer: ForeignClient;
let search: Pod;
let fares: Pod;
/** On the other node, where no agent is. */
let cache: Pod;
const servers: { kill(): boolean }[] = [];

before(async () => {
  nodes = createTwoNodes('agta', 2);
  const [near, far] = nodes.nodes;
  [search, fares] = near.pods;
  [cache] = far.pods;
  home = createAgentHome(near);
  home.write(
    'cluster.yaml',
    namespaceManifest('travel'),
    nodeManifest(near, 'node1'),
    nodeManifest(far, 'node2'),
    podManifest(search, 'search', 'node1'),
    podManifest(fares, 'fares', 'node1'),
    podManifest(cache, 'cache', 'node2'),
    serviceManifest('fares', '10.96.0.7', 80),
  );
  agent = await home.start();
  observer = agent.client('observer/observer.proto', 'observer.Observer');
});
after(async () => {
  observer?.close();
  for (const server of servers) server.kill();
  await home?.remove();
  nodes?.remove();
});

async function converse(
  protocol: 'tcp' | 'udp',
  from: Pod,
  to: Pod,
  address: string,
  port: number,
): Promise<void> {
  servers.push(await serveInPod(to, protocol, address, port));
  assert.equal(await askFromPod(from, protocol, address, port, 100), 'echoed');
}

/** Waits for something of a stream, so that no test waits for ever. */
async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${WITHIN_MS} ms`)), WITHIN_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function between(flow: SeenFlow, source: string, destination: string): boolean {
  return flow.source.pod_name === source && flow.destination.pod_name === destination;
}

describe('real traffic', () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    for (const [index, protocol] of (['tcp', 'udp'] as const).entries()) {
      it(`${protocol} over ${family} on one node becomes flows both ways`, async () => {
        const port = 8000 + index + (family === 'ipv6' ? 10 : 0);
        await converse(protocol, search, fares, fares[family], port);
        const member = protocol.toUpperCase();
        const portOf = (flow: SeenFlow, side: string): unknown => (flow.l4?.[member] as Loose | null)?.[side];
        const [request] = await awaitFlows(
          observer,
          (flow) => between(flow, SEARCH, FARES) && portOf(flow, 'destination_port') === port,
        );
        assert.deepEqual(
          [request.verdict, request.traffic_direction, request.trace_observation_point, request.trace_reason],
          ['FORWARDED', 'INGRESS', 'TO_ENDPOINT', 'NEW'],
        );
        assert.equal(request.is_reply?.value ?? false, false);
        assert.equal(request.IP.ipVersion, family === 'ipv4' ? 'IPv4' : 'IPv6');
        assert.equal(request.Summary, protocol === 'tcp' ? 'TCP Flags: SYN' : 'UDP');
        assert.ok(request.source.ID! > 0 && request.destination.ID! > 0);
        assert.ok(request.source.identity! >= 65_536, 'of cluster 1');
        const [reply] = await awaitFlows(
          observer,
          (flow) => between(flow, FARES, SEARCH) && portOf(flow, 'source_port') === port,
        );
        assert.deepEqual([reply.is_reply, reply.trace_reason], [{ value: true }, 'REPLY']);
      });
    }

    it(`ICMP over ${family} to another node becomes flows both ways`, async () => {
      await runInPod(search, ['ping', '-c', '1', cache[family]]);
      const summary = family === 'ipv4' ? 'ICMPv4 Echo' : 'ICMPv6 Echo';
      const [request] = await awaitFlows(
        observer,
        (flow) => between(flow, SEARCH, CACHE) && flow.Summary === `${summary}Request`,
      );
      assert.deepEqual(
        [request.traffic_direction, request.trace_observation_point, request.destination.ID ?? 0],
        ['EGRESS', 'TO_NETWORK', 0],
      );
      const [reply] = await awaitFlows(
        observer,
        (flow) => between(flow, CACHE, SEARCH) && flow.Summary === `${summary}Reply`,
      );
      assert.equal(reply.trace_observation_point, 'TO_ENDPOINT');
      assert.deepEqual(reply.is_reply, { value: true });
    });
  }
});

describe('a foreign gRPC client', () => {
  it('reads the state of the server, and its version from the headers', async () => {
    const { response, headers } = await observer.unary('ServerStatus');
    assert.match(response.version as string, /^sluice v\d+\.\d+\.\d+/);
    assert.equal(response.max_flows, '65535');
    assert.ok(Number(response.seen_flows) > 0);
    assert.ok(Number(response.uptime_ns) > 0);
    assert.equal(response.num_connected_nodes ?? null, null, 'absent: no multi-node server');
    const { version } = JSON.parse(
      readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'),
    ) as Loose;
    assert.deepEqual(headers.get('hubble-server-version'), [version]);
  });

  it('follows, sees what is new, and cancels', async () => {
    const call = observer.stream('GetFlows', { follow: true });
    const seen = new Promise<SeenFlow>((resolve) => {
      call.on('data', (message: Loose) => {
        const [flow] = flowsOf([message]);
        if (flow?.Summary.startsWith('ICMPv4') && between(flow, FARES, CACHE)) resolve(flow);
      });
    });
    const ended = new Promise<number>((resolve) => call.on('status', ({ code }) => resolve(code)));
    call.on('error', () => {});
    await runInPod(fares, ['ping', '-c', '1', cache.ipv4]);
    await within(seen, 'a followed flow');
    call.cancel();
    assert.equal(await within(ended, 'the end'), status.CANCELLED);
  });

  it('gets its deadline', async () => {
    const deadline = Date.now() + 300;
    const { code } = await within(
      collect(observer.stream('GetFlows', { follow: true }, { deadline })),
      'the deadline',
    );
    assert.equal(code, status.DEADLINE_EXCEEDED);
  });

  it('gets what it asked for: a number, a filter, a mask', async () => {
    const read = (request: Loose): ReturnType<typeof collect> =>
      within(collect(observer.stream('GetFlows', request)), 'flows');
    assert.equal(flowsOf((await read({ number: '3', first: true })).messages).length, 3);
    const filtered = await read({ whitelist: [{ source_pod: ['travel/search'] }] });
    assert.ok(filtered.messages.length > 0);
    for (const flow of flowsOf(filtered.messages)) assert.equal(flow.source.pod_name, SEARCH);
    const { messages } = await read({ number: '1', field_mask: { paths: ['source.pod_name', 'verdict'] } });
    const [{ flow, time, node_name: nodeName }] = messages;
    assert.equal((flow as Loose).verdict, 'FORWARDED');
    assert.equal((flow as Loose).IP ?? null, null);
    assert.equal(nodeName, 'east/node1');
    assert.ok(time);
  });

  it('is told what is wrong with a request', async () => {
    const fail = async (request: Loose): Promise<[number, string]> => {
      const { code, details } = await within(collect(observer.stream('GetFlows', request)), 'an error');
      return [code, details];
    };
    const invalid = status.INVALID_ARGUMENT;
    assert.equal((await fail({ first: true, follow: true }))[0], invalid);
    const [code, details] = await fail({ field_mask: { paths: ['no_such'] } });
    assert.equal(code, invalid);
    assert.match(details, /no_such/);
    assert.equal((await fail({ whitelist: [{ source_ip: ['10.0.0'] }] }))[0], invalid);
  });

  it('gets UNIMPLEMENTED for what only relays do', async () => {
    await assert.rejects(observer.unary('GetNodes'), { code: status.UNIMPLEMENTED });
  });

  it('asks for health under the name that Hubble uses', async () => {
    const health = agent.client('grpc/health/v1/health.proto', 'grpc.health.v1.Health');
    for (const service of ['', 'hubble.server.Observer']) {
      assert.equal((await health.unary('Check', { service })).response.status, 'SERVING');
    }
    await assert.rejects(health.unary('Check', { service: 'no.such' }), { code: status.NOT_FOUND });
    health.close();
  });

  for (const version of ['v1', 'v1alpha']) {
    it(`lists services by reflection ${version}`, async () => {
      const client = agent.client(
        `grpc/reflection/${version}/reflection.proto`,
        `grpc.reflection.${version}.ServerReflection`,
      );
      const call = client.stream('ServerReflectionInfo') as unknown as {
        write(message: Loose): void;
        end(): void;
        once(event: 'data', listener: (message: Loose) => void): void;
      };
      const answer = new Promise<Loose>((resolve) => call.once('data', resolve));
      call.write({ list_services: '' });
      const { list_services_response: list } = await within(answer, 'reflection');
      call.end();
      client.close();
      const names = (list as { service: { name: string }[] }).service.map(({ name }) => name);
      for (const name of [
        'observer.Observer',
        'peer.Peer',
        'sluice.v1.Aggregation',
        'sluice.v1.Datapath',
        'sluice.v1.Diagnostics',
        'sluice.v1.Policies',
        'grpc.health.v1.Health',
      ]) {
        assert.ok(names.includes(name), name);
      }
    });
  }
});

describe('the other calls', () => {
  it('GetNamespaces knows whose flows were seen', async () => {
    const until = Date.now() + WITHIN_MS;
    for (;;) {
      const { response } = await observer.unary('GetNamespaces');
      if ((response.namespaces as Loose[] | undefined)?.length) {
        assert.deepEqual(response.namespaces, [{ cluster: 'east', namespace: 'travel' }]);
        return;
      }
      assert.ok(Date.now() < until);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });

  it('GetAgentEvents tells start, endpoints, addresses and services', async () => {
    const { messages, code } = await within(collect(observer.stream('GetAgentEvents')), 'agent events');
    assert.equal(code, status.OK);
    const types = messages.map(({ agent_event: event }) => (event as Loose).type);
    assert.equal(types[0], 'AGENT_STARTED');
    for (const type of ['ENDPOINT_CREATED', 'IPCACHE_UPSERTED', 'SERVICE_UPSERTED'])
      assert.ok(types.includes(type), type);
    assert.equal(messages[0].node_name, 'east/node1');
  });

  it('GetDebugEvents has none, and ends', async () => {
    const { messages, code } = await within(collect(observer.stream('GetDebugEvents')), 'debug events');
    assert.deepEqual([messages, code], [[], status.OK]);
  });

  it('Peer.Notify tells the nodes of the cluster, and those that come and go', async () => {
    const peer = agent.client('peer/peer.proto', 'peer.Peer');
    const notices: Loose[] = [];
    const call = peer.stream('Notify');
    call.on('error', () => {});
    call.on('data', (notice: Loose) => notices.push(notice));
    const wait = async (count: number): Promise<Loose[]> => {
      const until = Date.now() + WITHIN_MS;
      while (notices.length < count) {
        assert.ok(Date.now() < until, JSON.stringify(notices));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return notices.slice(count - 1);
    };
    await wait(2);
    const short = ({ name, address, type }: Loose): string => [name, address, type].join(' ');
    assert.deepEqual(notices.map(short).sort(), [
      `east/node1 ${nodes.nodes[0].ipv4} PEER_ADDED`,
      `east/node2 ${nodes.nodes[1].ipv4} PEER_ADDED`,
    ]);
    assert.equal(notices[0].tls ?? null, null, 'plaintext');
    const third = { ...nodes.nodes[1], ipv4: '192.168.77.3', ipv6: 'fd00:77::3' };
    home.write('third.yaml', nodeManifest(third, 'node3'));
    assert.deepEqual((await wait(3)).map(short), ['east/node3 192.168.77.3 PEER_ADDED']);
    home.write('third.yaml', nodeManifest({ ...third, ipv4: '192.168.77.4' }, 'node3'));
    assert.deepEqual((await wait(4)).map(short), ['east/node3 192.168.77.4 PEER_UPDATED']);
    rmSync(join(home.stateDir, 'third.yaml'));
    assert.deepEqual((await wait(5)).map(short), ['east/node3 192.168.77.4 PEER_DELETED']);
    call.cancel();
    peer.close();
  });

  it('AggregateFlows counts what GetFlows sends', async () => {
    const aggregation = agent.client('sluice/v1/aggregation.proto', 'sluice.v1.Aggregation');
    const until = { seconds: String(Math.floor(Date.now() / 1000)), nanos: 0 };
    const whitelist = [{ source_pod: [`travel/${SEARCH}`] }];
    const sent = flowsOf(
      (await collect(observer.stream('GetFlows', { number: '65535', until, whitelist }))).messages,
    );
    const { messages } = await collect(
      aggregation.stream('AggregateFlows', {
        flows: { number: '65535', until, whitelist },
        keys: [{ field: 'POD', end: 'DESTINATION' }],
      }),
    );
    const { rows } = messages.at(-1) as { rows: { texts: string[]; flows: string[] } };
    const total = rows.flows.reduce((sum, flows) => sum + Number(flows), 0);
    assert.ok(sent.length > 0);
    assert.equal(total, sent.length);
    assert.ok(rows.texts.includes(`travel/${FARES}`));
    aggregation.close();
  });

  it('Diagnostics lists what is wrong with the manifests until it is mended', async () => {
    const diagnostics = agent.client('sluice/v1/diagnostics.proto', 'sluice.v1.Diagnostics');
    const problems = async (): Promise<Loose[]> => {
      const { response } = await diagnostics.unary('GetStatus');
      return ((response.nodes as Loose[])[0].problems as Loose[] | undefined) ?? [];
    };
    const until = async (isMet: (list: Loose[]) => boolean): Promise<Loose[]> => {
      const end = Date.now() + WITHIN_MS;
      for (;;) {
        const list = await problems();
        if (isMet(list)) return list;
        assert.ok(Date.now() < end, JSON.stringify(list));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    await until((list) => list.length === 0);
    writeFileSync(join(home.stateDir, 'broken.yaml'), 'kind: [');
    const [problem] = await until((list) => list.length > 0);
    assert.match(problem.where as string, /broken\.yaml/);
    rmSync(join(home.stateDir, 'broken.yaml'));
    await until((list) => list.length === 0);
    diagnostics.close();
  });
});

describe('an agent on its node', () => {
  it('gives its ring thread precedence, and only that', () => {
    const pid = agent.child.pid;
    const nices = readdirSync(`/proc/${pid}/task`).map((task) => {
      // Field 19 of stat, behind a name that may hold anything but the last parenthesis.
      const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
    });
    assert.equal(nices.filter((nice) => nice === -10).length, 1, String(nices));
  });

  it('is the only one: a second one does not start, and takes nothing away', async () => {
    await assert.rejects(home.start(), /another agent runs with/);
    await runInPod(fares, ['ping', '-c', '1', cache.ipv6]);
    await awaitFlows(
      observer,
      (flow) => between(flow, FARES, CACHE) && flow.Summary === 'ICMPv6 EchoRequest',
    );
  });

  it('says what to do when it cannot serve where it should', async (t) => {
    t.after(() => removePins(options.pinDir));
    const options = { pinDir: `/sys/fs/bpf/sluice/agta-other-${process.pid}`, unpinOnExit: true };
    await assert.rejects(
      home.start({ ...options, listen: [parseAddress('127.0.0.1:4244')] }),
      /give a certificate and key, or say insecure/,
    );
    await assert.rejects(
      home.start({ ...options, bpfObject: '/no/such.o' }),
      /no BPF object at \/no\/such\.o/,
    );
  });

  it('leaves its programs at work when it ends, and takes them along when told to', async () => {
    const pinned = (): string[] => readdirSync(home.pinDir).filter((name) => name.startsWith('link_'));
    assert.equal(await agent.end('SIGTERM'), 0);
    assert.equal(pinned().length, 6, 'two programs each at two pods and the device');
    agent = await home.start({ unpinOnExit: true });
    assert.equal(await agent.end('SIGTERM'), 0);
    assert.throws(pinned, { code: 'ENOENT' });
  });
});
