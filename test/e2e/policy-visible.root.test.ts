import type { MessageInitShape } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createTwoNodes, type Pod, type TwoNodes } from '../../bench/support/two-nodes.ts';
import {
  type ConntrackRow,
  Datapath,
  type DumpRequestSchema,
  DumpTable,
  type DumpResponse,
  type Endpoint,
} from '../../proto/gen/sluice/v1/datapath_pb.ts';
import {
  type GetPolicyResponse,
  type ListPoliciesResponse,
  NodeAnswerState,
  Policies,
  type Policy,
  PolicyState,
  RevisionChange,
} from '../../proto/gen/sluice/v1/policy_pb.ts';
import { callStream, callUnary, parseAddress, RpcConnection } from '../../rpc/index.ts';
import { runCli } from '../cli/support/run-cli.ts';
import { type RunningRelay, startRelay } from '../relay/support/run-relay.ts';
import type { Loose } from '../support/grpc-client.ts';
import { flowsOf, type SeenFlow } from './support/agent-flows.ts';
import { type AgentHome, type AgentProcess, createAgentHome } from './support/agent-process.ts';
import { namespaceManifest, nodeManifest, podManifest } from './support/manifests.ts';
import { Prober } from './support/prober.ts';

const PORT = 7200;
const OTHER_PORT = 7201;
const PATIENCE_MS = 30_000;

interface VerdictFlow extends SeenFlow {
  readonly event_type: { readonly type: number };
  readonly ingress_allowed_by?: readonly Loose[];
  readonly ingress_denied_by?: readonly Loose[];
  readonly egress_denied_by?: readonly Loose[];
}

let nodes: TwoNodes;
let homes: AgentHome[] = [];
let agents: AgentProcess[] = [];
let relay: RunningRelay;
let connection: RpcConnection;
let client: Pod;
let server: Pod;
let remote: Pod;
let fromClient: Prober;
let fromRemote: Prober;
const dir = mkdtempSync(join(tmpdir(), 'sluice-vis-'));
const probers: Prober[] = [];

const app = (name: string): object => ({ matchLabels: { app: name } });
const cilium = (name: string, spec: object): object => ({
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumNetworkPolicy',
  metadata: { name, namespace: 'travel' },
  spec,
});
const onPort = (port: number): object => ({
  toPorts: [{ ports: [{ port: String(port), protocol: 'TCP' }] }],
});
/** The client on two ports, of which one is denied to the other node’s pod by name. */
const guarded = (port: number): object =>
  cilium('guarded', {
    endpointSelector: app('server'),
    ingress: [{ fromEndpoints: [app('client')], ...onPort(port) }],
    ingressDeny: [{ fromEndpoints: [app('remote')], ...onPort(OTHER_PORT) }],
  });
/** Of a pod in audit mode. */
const audited = cilium('audited', {
  endpointSelector: app('client'),
  enableDefaultDeny: { egress: false },
  egressDeny: [{ toEndpoints: [app('remote')], ...onPort(PORT) }],
});

function write(home: AgentHome, name: string, ...objects: readonly object[]): void {
  home.write(name, ...objects);
}

before(async () => {
  nodes = createTwoNodes('povi', 2);
  const [near, far] = nodes.nodes;
  [client, server] = near.pods;
  [remote] = far.pods;
  const ofClient = podManifest(client, 'client', 'node1') as { metadata: object };
  homes = [near, far].map(createAgentHome);
  for (const home of homes) {
    write(
      home,
      'cluster.yaml',
      namespaceManifest('travel'),
      nodeManifest(near, 'node1'),
      nodeManifest(far, 'node2'),
      { ...ofClient, metadata: { ...ofClient.metadata, annotations: { 'policy.sluice.io/audit': 'true' } } },
      podManifest(server, 'server', 'node1'),
      podManifest(remote, 'remote', 'node2'),
    );
    write(home, 'policy.yaml', guarded(PORT), audited);
  }
  agents = [
    await homes[0].start({ aggregation: 'none' }),
    await homes[1].start({ aggregation: 'none', nodeName: 'node2' }),
  ];
  relay = await startRelay(
    `unix://${join(dir, 'relay.sock')}`,
    agents.map(({ socket }) => `unix://${socket}`),
  );
  connection = new RpcConnection(parseAddress(relay.address));
  const atServer = new Prober(server);
  const atRemote = new Prober(remote);
  fromClient = new Prober(client);
  fromRemote = atRemote;
  probers.push(atServer, fromClient, atRemote);
  for (const port of [PORT, OTHER_PORT]) {
    await atServer.serve('tcp', server.ipv4, port);
    await atRemote.serve('tcp', remote.ipv4, port);
  }
});

after(async () => {
  connection?.close();
  await relay?.stop();
  for (const prober of probers) prober.end();
  for (const home of homes) await home.remove();
  nodes?.remove();
  rmSync(dir, { recursive: true, force: true });
});

const list = (): Promise<ListPoliciesResponse> => callUnary(connection, Policies.method.listPolicies, {});
const get = (name: string): Promise<GetPolicyResponse> =>
  callUnary(connection, Policies.method.getPolicy, { namespace: 'travel', name, revisions: 20 });

async function policyOf(name: string): Promise<Policy> {
  const { policies } = await list();
  const found = policies.find((policy) => policy.name === name);
  assert.ok(found, `no policy ${name} among ${policies.map((policy) => policy.name).join()}`);
  return found;
}

/** Repeats a question until its answer is accepted; fails with the last one. */
async function until<T>(ask: () => Promise<T>, accept: (answer: T) => boolean): Promise<T> {
  const endMs = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (accept(answer)) return answer;
    assert.ok(
      Date.now() < endMs,
      `it stays ${JSON.stringify(answer, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}`,
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Policy verdicts by the policy that made them and what it said. */
async function verdicts(): Promise<Record<string, number>> {
  const observer = agents[0].client('observer/observer.proto', 'observer.Observer');
  try {
    const messages: Loose[] = [];
    for await (const message of observer.stream('GetFlows', { number: '1000000' }))
      messages.push(message as Loose);
    const counts: Record<string, number> = {};
    for (const flow of flowsOf(messages) as VerdictFlow[]) {
      if (flow.event_type.type !== 5) continue;
      const { ingress_allowed_by: allowed, ingress_denied_by: denied, egress_denied_by: audited } = flow;
      const policies = [...(allowed ?? []), ...(denied ?? []), ...(audited ?? [])];
      const key = `${policies.map(({ name }) => name as string).join()} ${flow.verdict}`;
      counts[key] = (counts[key] ?? 0) + 1;
    }
    return counts;
  } finally {
    observer.close();
  }
}

async function dump(request: MessageInitShape<typeof DumpRequestSchema>): Promise<DumpResponse[]> {
  const messages: DumpResponse[] = [];
  await callStream(connection, Datapath.method.dump, request, {}, (message) => {
    messages.push(message);
  });
  return messages;
}

async function sluice(...args: string[]): Promise<{ out: string; err: string; status: number | string }> {
  return runCli([...args, '--server', relay.address]);
}

describe('decisions of policies', () => {
  it('are counted by rule as flows tell them', async () => {
    for (let i = 0; i < 7; i++) assert.equal(await fromClient.ask('tcp', server.ipv4, PORT), 'echoed');
    for (let i = 0; i < 3; i++)
      assert.equal(await fromRemote.askBriefly('tcp', server.ipv4, OTHER_PORT), 'silence');
    for (let i = 0; i < 4; i++) assert.equal(await fromClient.ask('tcp', remote.ipv4, PORT), 'echoed');
    for (let i = 0; i < 2; i++)
      assert.equal(await fromRemote.askBriefly('tcp', server.ipv4, PORT), 'silence');
    // Segments of connections that were given up may still come: both sides are compared once they stand still.
    const told = await until(
      async () => {
        const before = await verdicts();
        const { policies, nodes: answers } = await list();
        return { before, after: await verdicts(), policies, answers };
      },
      ({ before, after }) =>
        JSON.stringify(before) === JSON.stringify(after) && (after['audited AUDIT'] ?? 0) >= 4,
    );
    const { after: flows, policies, answers } = told;
    const of = (name: string): Policy => policies.find((policy) => policy.name === name)!;
    const [allow, deny] = of('guarded').rules;
    assert.deepEqual([allow.path, deny.path], ['spec.ingress[0]', 'spec.ingressDeny[0]']);
    assert.equal(Number(allow.counts!.allowed), flows['guarded FORWARDED']);
    assert.equal(Number(deny.counts!.denied), flows['guarded DROPPED']);
    assert.ok(flows['guarded FORWARDED'] >= 7 && flows['guarded DROPPED'] >= 3);
    const { counts } = of('audited').rules[0];
    assert.deepEqual([Number(counts!.audited), counts!.denied], [flows['audited AUDIT'], 0n]);
    const near = answers.find(({ nodeName }) => nodeName === 'east/node1')!;
    assert.equal(Number(near.defaultDeny!.denied), flows[' DROPPED']);
    assert.ok(allow.counts!.last !== undefined && deny.counts!.last !== undefined);
  });

  it('stand beside the lines of the manifest', async () => {
    const { policies } = await get('guarded');
    assert.equal(policies.length, 1);
    const { policy, manifest } = policies[0];
    const lines = manifest.split('\n');
    const [allow, deny] = policy!.rules;
    assert.match(lines[allow.line - policy!.line], /- fromEndpoints:/);
    assert.match(
      lines.slice(deny.line - policy!.line, deny.lastLine - policy!.line + 1).join('\n'),
      /app: remote/,
    );
    const { out, status } = await sluice('policy', 'get', 'travel/guarded');
    assert.equal(status, 0);
    assert.match(out, /\d+ allowed \| +- fromEndpoints:/);
    assert.match(out, /Enforced: +2\/2 nodes/);
  });
});

describe('a change of a policy', () => {
  it('is followed from node to node', async () => {
    const [near, far] = homes;
    write(near, 'policy.yaml', guarded(OTHER_PORT), audited);
    const half = await until(
      () => policyOf('guarded'),
      ({ versions }) => versions.length === 2,
    );
    assert.deepEqual([half.nodesEnforced, half.nodesTotal, half.nodesBehind], [1, 2, ['east/node2']]);
    write(far, 'policy.yaml', guarded(OTHER_PORT), audited);
    const whole = await until(
      () => policyOf('guarded'),
      ({ versions }) => versions.length === 1,
    );
    assert.deepEqual([whole.nodesEnforced, whole.nodesBehind], [2, []]);
    const { policies } = await get('guarded');
    const [{ revisions }] = policies;
    assert.deepEqual(
      revisions.map(({ change, changed }) => [change, changed]),
      [
        [RevisionChange.CHANGED, ['~ingress[0]']],
        [RevisionChange.ADDED, []],
      ],
    );
    assert.match(revisions[1].manifest, new RegExp(`"${PORT}"`));
    assert.match(revisions[0].manifest, new RegExp(`"${OTHER_PORT}"`));
  });

  it('that is wrong is told with its place, and the last good version stays', async () => {
    const [near] = homes;
    const wrong = cilium('wrong', {
      endpointSelector: {},
      egress: [{ toFQDNs: [{ matchName: 'a.example' }] }],
    });
    write(near, 'policy.yaml', { ...guarded(OTHER_PORT), spec: { endpointSelektor: {} } }, audited, wrong);
    const { policies } = await until(list, (answer) => answer.policies.length === 3);
    const by = new Map(policies.map((policy) => [policy.name, policy]));
    assert.equal(by.get('guarded')?.state, PolicyState.STALE);
    assert.equal(by.get('guarded')?.nodesEnforced, 2);
    assert.equal(by.get('wrong')?.state, PolicyState.INVALID);
    assert.match(by.get('wrong')?.problems[0].where ?? '', /policy\.yaml:\d+:\d+$/);
    const { out } = await sluice('policy', 'list');
    assert.match(out, /wrong +CiliumNetworkPolicy .* INVALID/);
    assert.match(out, /Problems:\n[^]*toFQDNs/);
    write(near, 'policy.yaml', guarded(OTHER_PORT), audited);
    await until(list, (answer) => answer.policies.length === 2);
  });
});

describe('a trace', () => {
  it('says what packets meet', async () => {
    const trace = (from: string, to: string, port: string): ReturnType<typeof sluice> =>
      sluice('policy', 'trace', '--from', from, '--to', to, '--port', port);
    const pod = (name: string): string => `travel/${name}-7d9f8b6c5d-x`;
    const allowed = await trace(pod('client'), pod('server'), `${OTHER_PORT}/TCP`);
    assert.equal(allowed.status, 0, allowed.err);
    assert.match(
      allowed.out,
      /ALLOWED[^]*as east\/node1 enforces it\n +CiliumNetworkPolicy\/travel\/guarded#ingress\[0\]/,
    );
    assert.equal(await fromClient.ask('tcp', server.ipv4, OTHER_PORT), 'echoed');
    const denied = await trace(pod('remote'), server.ipv4, `${OTHER_PORT}`);
    assert.equal(denied.status, 2, denied.err);
    assert.match(denied.out, /egress of .*no policy selects it, as east\/node2 enforces it/);
    assert.match(denied.out, /CiliumNetworkPolicy\/travel\/guarded#ingressDeny\[0\]/);
    assert.equal(await fromRemote.askBriefly('tcp', server.ipv4, OTHER_PORT), 'silence');
    const unsure = await trace('app=client,io.kubernetes.pod.namespace=travel', pod('remote'), `${PORT}/tcp`);
    assert.equal(unsure.status, 0, unsure.err);
    assert.match(unsure.out, /AUDITED/);
    const nobody = await trace(pod('nobody'), pod('server'), '80');
    assert.equal(nobody.status, 1);
    assert.match(nobody.err, /from is "travel\/nobody-7d9f8b6c5d-x": nobody of that name is known/);
  });
});

describe('endpoints and maps', () => {
  it('of all nodes are listed with names', async () => {
    const endpoints = new Map<string, Endpoint>();
    await callStream(connection, Datapath.method.listEndpoints, {}, {}, (message) => {
      for (const one of message.endpoints)
        endpoints.set(`${message.nodeName} ${one.namespace}/${one.podName}`, one);
    });
    const one = endpoints.get('east/node1 travel/server-7d9f8b6c5d-x')!;
    assert.deepEqual(one.policies, ['CiliumNetworkPolicy/travel/guarded']);
    assert.deepEqual([one.addresses, one.problems], [[server.ipv4, server.ipv6], []]);
    assert.equal(
      one.policyRevision,
      (await list()).nodes.find(({ nodeName }) => nodeName === 'east/node1')?.revision,
    );
    assert.ok(endpoints.has('east/node1 /node1') && endpoints.has('east/node2 /node2'));
    const { out } = await sluice('endpoint', 'list', '--node', 'east/node1');
    assert.match(out, /east\/node1 +\d+ +travel +client-7d9f8b6c5d-x +\d+ +open +audit /);
    assert.match(out, /server-7d9f8b6c5d-x +\d+ +enforced +open /);
    assert.doesNotMatch(out, /node2/);
  });

  it('hold the connection that was made, the addresses, and the entries of rules', async () => {
    const say = await fromClient.open(server.ipv4, OTHER_PORT);
    assert.equal(await say(), 'echoed');
    const found = await dump({
      table: DumpTable.CONNTRACK,
      names: ['travel/server'],
      port: OTHER_PORT,
      protocol: 6,
    });
    const rows: ConntrackRow[] = found.flatMap(({ conntrack }) => conntrack);
    const mine = rows.find(({ initiator }) => initiator?.name === 'travel/client-7d9f8b6c5d-x');
    assert.deepEqual(
      [mine?.responder?.name, mine?.responder?.address, mine?.responder?.port],
      ['travel/server-7d9f8b6c5d-x', server.ipv4, OTHER_PORT],
    );
    assert.ok(mine!.initiator!.packets > 0n && mine!.askedIngress);

    const ipcache = (await dump({ table: DumpTable.IPCACHE, addresses: [remote.ipv4] })).flatMap(
      (one) => one.ipcache,
    );
    assert.deepEqual(
      ipcache.map(({ cidr, owner }) => `${cidr} ${owner}`),
      Array.from({ length: 2 }, () => `${remote.ipv4}/32 pod east/travel/remote-7d9f8b6c5d-x`),
    );
    const entries = (await dump({ table: DumpTable.POLICY, names: ['travel/server'] })).flatMap(
      (one) => one.policy,
    );
    assert.ok(
      entries.some(
        ({ denies, rules, port }) =>
          denies && port === OTHER_PORT && rules[0].endsWith('guarded#ingressDeny[0]'),
      ),
    );
    const interfaces = (await dump({ table: DumpTable.ENDPOINTS })).flatMap((one) => one.endpoints);
    assert.ok(
      interfaces.some(
        ({ name, enforcesIngress }) => name === 'travel/server-7d9f8b6c5d-x' && enforcesIngress,
      ),
    );
    const { out } = await sluice('bpf', 'policy', 'list', '--pod', 'travel/server');
    assert.match(
      out,
      /ingress +deny +\d+ travel\/remote +7201\/TCP +L3-L4 +\d+ +CiliumNetworkPolicy\/travel\/guarded#ingressDeny\[0\]/,
    );
  });

  it('refuse conditions that mean nothing to a table', async () => {
    await assert.rejects(dump({ table: DumpTable.IPCACHE, port: 80 }), {
      message: /port is no condition for this table/,
    });
    await assert.rejects(dump({ table: DumpTable.CONNTRACK, addresses: ['x'] }), {
      message: /addresses has "x"/,
    });
    await assert.rejects(dump({}), { message: /table is 0/ });
  });

  it('of a node that is gone are told as missing', async () => {
    await agents[1].end('SIGTERM');
    const { nodes: answers } = await until(list, (answer) =>
      answer.nodes.some(({ state }) => state === NodeAnswerState.UNAVAILABLE),
    );
    assert.deepEqual(
      answers.map(({ nodeName, state }) => [nodeName, state]).sort((a, b) => (a[0] < b[0] ? -1 : 1)),
      [
        ['east/node1', NodeAnswerState.ANSWERED],
        ['east/node2', NodeAnswerState.UNAVAILABLE],
      ],
    );
    assert.deepEqual(
      [(await policyOf('guarded')).nodesEnforced, (await policyOf('guarded')).nodesTotal],
      [1, 2],
    );
    const { err, out } = await sluice('endpoint', 'list');
    assert.match(err, /warning: east\/node2 not connected/);
    assert.match(out, /server-7d9f8b6c5d-x/);
  });
});
