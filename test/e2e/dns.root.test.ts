import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { createTwoNodes, type Pod, type TwoNodes } from '../../bench/support/two-nodes.ts';
import { askFromPod, runInPod, serveInPod } from '../bpf/support/pod-process.ts';
import { collect, type ForeignClient, type Loose } from '../support/grpc-client.ts';
import { evenAccounts, flowsOf, type SeenFlow } from './support/agent-flows.ts';
import { type AgentHome, type AgentProcess, createAgentHome } from './support/agent-process.ts';
import type { Question, Zone } from './support/dns-talk.ts';
import { namespaceManifest, nodeManifest, podManifest } from './support/manifests.ts';

const WITHIN_MS = 5000;
const FLOOD = 20_000;
const MANY_ADDRESSES = 100;
const talk = `${import.meta.dirname}/support/dns-talk.ts`;

/** A flow with what it tells of DNS. */
interface DnsFlow extends SeenFlow {
  readonly l7: {
    readonly type: string;
    readonly latency_ns: string;
    readonly dns: {
      readonly query: string;
      readonly ips?: string[];
      readonly ttl: number;
      readonly cnames?: string[];
      readonly rcode: number;
      readonly qtypes: string[];
      readonly rrtypes?: string[];
    };
  };
  readonly Type: string;
  readonly event_type: { readonly type: number };
  readonly source_names?: string[];
  readonly destination_names?: string[];
}

let nodes: TwoNodes;
let home: AgentHome;
let agent: AgentProcess;
let observer: ForeignClient;
/** Pods of the node: who asks, and a DNS server. Of the outside world, as no manifest tells of them: another server, and a bank. */
let shop: Pod;
let localServer: Pod;
let worldServer: Pod;
let bank: Pod;
const servers: ChildProcess[] = [];

const inNode = (...args: string[]): string[] => [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  talk,
  ...args,
];

async function serveDns(pod: Pod, zone: Zone): Promise<void> {
  const command = inNode('serve', JSON.stringify(zone), pod.ipv4, pod.ipv6);
  const server = spawn('nsenter', [`--net=/run/netns/${pod.netns}`, ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  servers.push(server);
  await once(server.stdout, 'data');
}

const ask = async (questions: readonly Question[], pod = shop): Promise<string[]> =>
  (await runInPod(pod, inNode('ask', JSON.stringify(questions)))).split('\n');

async function read(request: Loose): Promise<DnsFlow[]> {
  const { messages } = await collect(observer.stream('GetFlows', { number: '1000000', ...request }));
  return flowsOf(messages) as DnsFlow[];
}

/** The DNS flows about a name, once there are so many. */
async function dnsFlows(query: string, count: number): Promise<DnsFlow[]> {
  const until = Date.now() + WITHIN_MS;
  for (;;) {
    const flows = await read({ whitelist: [{ dns_query: [`^${query.replaceAll('.', '\\.')}\\.$`] }] });
    if (flows.length >= count || Date.now() > until) {
      assert.equal(flows.length, count, JSON.stringify(flows.map(({ Summary }) => Summary)));
      return flows;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function report(): Promise<{ counters: Record<string, string>; problems: { where: string }[] }> {
  const client = agent.client('sluice/v1/diagnostics.proto', 'sluice.v1.Diagnostics');
  const { response } = await client.unary('GetStatus');
  client.close();
  const [node] = response.nodes as { counters: Record<string, string>; problems?: { where: string }[] }[];
  return { counters: node.counters, problems: node.problems ?? [] };
}

before(async () => {
  nodes = createTwoNodes('dnse', 2);
  const [near, far] = nodes.nodes;
  [shop, localServer] = near.pods;
  [worldServer, bank] = far.pods;
  home = createAgentHome(near);
  home.write(
    'cluster.yaml',
    namespaceManifest('travel'),
    nodeManifest(near, 'node1'),
    nodeManifest(far, 'node2'),
    podManifest(shop, 'shop', 'node1'),
    podManifest(localServer, 'dns', 'node1'),
  );
  const bankRecords = [
    { type: 'A', data: bank.ipv4, ttl: 60 },
    { type: 'AAAA', data: bank.ipv6, ttl: 60 },
  ] as const;
  const cdn = 'cdn.example.net';
  const many = Array.from(
    { length: MANY_ADDRESSES },
    (_, i) => ({ type: 'A', data: `203.0.113.${i}`, ttl: 9 }) as const,
  );
  const zone: Zone = {
    'bank.example': { records: bankRecords },
    'alias.example': {
      records: [
        { type: 'CNAME', data: cdn, ttl: 300 },
        { name: cdn, type: 'A', data: '203.0.113.9', ttl: 5 },
      ],
    },
    'many.example': { records: many, truncated: true },
    'broken.example': { records: [{ type: 'A', data: '203.0.113.9', ttl: 5 }], malformed: true },
    ...Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [`${name}.example`, { records: bankRecords }])),
  };
  [agent] = await Promise.all([home.start(), serveDns(localServer, zone), serveDns(worldServer, zone)]);
  observer = agent.client('observer/observer.proto', 'observer.Observer');
  servers.push(await serveInPod(bank, 'tcp', bank.ipv4, 443));
});
after(async () => {
  observer?.close();
  for (const server of servers) server.kill();
  await home?.remove();
  nodes?.remove();
});

describe('DNS questions and answers of a pod', () => {
  const cases = [
    { name: 'a.example', transport: 'udp', family: 'ipv4', type: 'A' },
    { name: 'b.example', transport: 'udp', family: 'ipv6', type: 'AAAA' },
    { name: 'c.example', transport: 'tcp', family: 'ipv4', type: 'AAAA' },
    { name: 'd.example', transport: 'tcp', family: 'ipv6', type: 'A' },
  ] as const;
  for (const { name, transport, family, type } of cases) {
    it(`over ${transport} and ${family} become one flow each, whether the server is on this node or not`, async () => {
      const one = { transport, name, type, segmentBytes: 7 };
      const asked = await ask([
        { ...one, server: localServer[family] },
        { ...one, server: worldServer[family] },
      ]);
      assert.deepEqual(asked, ['rcode 0', 'rcode 0']);
      const flows = await dnsFlows(name, 4);
      assert.deepEqual(
        flows.map(({ l7 }) => l7.type),
        ['REQUEST', 'RESPONSE', 'REQUEST', 'RESPONSE'],
      );
      const [question, answer, , fromWorld] = flows;
      const member = transport.toUpperCase();
      for (const flow of flows) {
        assert.deepEqual([flow.Type, flow.event_type.type, flow.verdict], ['L7', 129, 'FORWARDED']);
        assert.deepEqual([flow.traffic_direction, flow.l7.dns.query], ['EGRESS', `${name}.`]);
        assert.equal(flow.IP.ipVersion, family === 'ipv4' ? 'IPv4' : 'IPv6');
        assert.ok((flow.l4[member] as Loose | null) !== null);
      }
      assert.match(question.source.pod_name ?? '', /^shop/);
      assert.match(question.destination.pod_name ?? '', /^dns/);
      assert.equal(question.Summary, `DNS Query ${name}. ${type}`);
      assert.match(answer.source.pod_name ?? '', /^dns/);
      assert.deepEqual(answer.is_reply, { value: true });
      assert.equal(fromWorld.source.identity, 2);
      const address = bank[type === 'A' ? 'ipv4' : 'ipv6'];
      for (const { l7 } of [answer, fromWorld]) {
        assert.deepEqual([l7.dns.ips, l7.dns.ttl, l7.dns.rrtypes], [[address], 60, [type]]);
        assert.ok(Number(l7.latency_ns) > 0 && Number(l7.latency_ns) < 3e9, l7.latency_ns);
      }
    });
  }

  it('about a name that does not exist say so', async () => {
    const name = 'none.example';
    assert.deepEqual(await ask([{ transport: 'udp', server: localServer.ipv4, name, type: 'A' }]), [
      'rcode 3',
    ]);
    const [, answer] = await dnsFlows(name, 2);
    assert.equal(answer.l7.dns.rcode, 3);
    assert.equal(answer.Summary, `DNS Answer RCode: Non-Existent Domain TTL: 0 (Proxy ${name}. A)`);
  });

  it('tell the aliases on the way', async () => {
    const name = 'alias.example';
    await ask([{ transport: 'udp', server: localServer.ipv4, name, type: 'A' }]);
    const [, answer] = await dnsFlows(name, 2);
    assert.deepEqual([answer.l7.dns.cnames, answer.l7.dns.ttl], [['cdn.example.net.'], 5]);
    assert.equal(
      answer.Summary,
      `DNS Answer "203.0.113.9" CNAMEs: "cdn.example.net." TTL: 5 (Proxy ${name}. A)`,
    );
  });

  it('longer than a packet holds are told as far as they are read', async () => {
    const name = 'many.example';
    const before = (await report()).counters['dnsCut'];
    const one = { server: localServer.ipv4, name, type: 'A' } as const;
    await ask([
      { ...one, transport: 'udp' },
      { ...one, transport: 'tcp' },
    ]);
    const [, cut, , answer] = await dnsFlows(name, 4);
    assert.deepEqual(cut.l7.dns.ips ?? [], []);
    const { ips = [] } = answer.l7.dns;
    assert.ok(ips.length > 30 && ips.length < MANY_ADDRESSES, `${ips.length} of ${MANY_ADDRESSES} addresses`);
    assert.deepEqual(
      ips,
      ips.map((_, i) => `203.0.113.${i}`),
    );
    const until = Date.now() + WITHIN_MS;
    while (Number((await report()).counters['dnsCut']) < Number(before ?? 0) + 2)
      assert.ok(Date.now() < until);
  });

  it('against the rules become no flow, and are counted', async () => {
    const name = 'broken.example';
    await ask([{ transport: 'udp', server: localServer.ipv4, name, type: 'A' }]);
    const until = Date.now() + WITHIN_MS;
    while ((await report()).counters['dnsMalformed'] !== '1') assert.ok(Date.now() < until);
    const [question] = await dnsFlows(name, 1);
    assert.equal(question.l7.type, 'REQUEST');
  });

  it('are found by what clients filter for', async () => {
    const all = await read({ whitelist: [{ protocol: ['dns'] }] });
    assert.ok(all.length >= 20);
    assert.ok(all.every(({ Type }) => Type === 'L7'));
    assert.equal((await read({ whitelist: [{ event_type: [{ type: 129 }] }] })).length, all.length);
    assert.equal(
      (await read({ whitelist: [{ protocol: ['dns'], reply: [true] }] })).length,
      all.length / 2 - 0.5,
    );
  });

  it('come beside the flows of their packets', async () => {
    const packets = await read({
      whitelist: [{ protocol: ['udp'], destination_port: ['53'], event_type: [{ type: 4 }] }],
    });
    assert.ok(packets.length > 0);
    assert.ok(packets.every(({ Type }) => Type === 'L3_L4'));
  });
});

describe('addresses of the outside world', () => {
  it('have the names by which the pod that speaks to them asked for them', async () => {
    await ask([{ transport: 'udp', server: worldServer.ipv4, name: 'Bank.example', type: 'A' }]);
    await dnsFlows('bank.example', 2);
    for (const pod of [shop, localServer]) {
      assert.equal(await askFromPod(pod, 'tcp', bank.ipv4, 443, 100), 'echoed');
    }
    const until = Date.now() + WITHIN_MS;
    let named: DnsFlow[] = [];
    let ofOther: DnsFlow[] = [];
    while ((named.length < 4 || ofOther.length === 0) && Date.now() < until) {
      named = await read({
        whitelist: [{ destination_fqdn: ['bank.*'] }, { source_fqdn: ['bank.example.'] }],
      });
      ofOther = await read({ whitelist: [{ source_pod: ['travel/dns'], destination_port: ['443'] }] });
    }
    const isShop = ({ pod_name: name = '' }: SeenFlow['source']): boolean => name.startsWith('shop');
    const [there, back] = [
      named.filter(({ source }) => isShop(source)),
      named.filter(({ destination }) => isShop(destination)),
    ];
    assert.ok(there.length > 0 && back.length > 0 && there.length + back.length === named.length);
    for (const flow of there) {
      assert.ok(flow.destination_names?.includes('bank.example'));
      assert.deepEqual(flow.source_names ?? [], []);
    }
    for (const flow of back) {
      assert.ok(flow.source_names?.includes('bank.example'));
      assert.deepEqual(flow.destination_names ?? [], []);
    }
    assert.ok(ofOther.length > 0);
    for (const flow of ofOther) assert.deepEqual(flow.destination_names ?? [], []);
  });
});

describe('a flood of DNS questions', () => {
  it('is read up to its bound, the rest counted and told, and the accounts stay even', async () => {
    const before = await evenAccounts(agent);
    await runInPod(shop, inNode('flood', bank.ipv4, String(FLOOD)));
    const until = Date.now() + WITHIN_MS;
    for (;;) {
      const { counters, problems } = await report();
      if (Number(counters['dnsLimited'] ?? 0) > 0 && problems.some(({ where }) => where === 'DNS')) break;
      assert.ok(Date.now() < until, JSON.stringify({ counters, problems }));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { delivered, losses } = await evenAccounts(agent);
    assert.ok(delivered - before.delivered < FLOOD);
    assert.deepEqual(losses, before.losses, 'nothing that was told got lost');
    while ((await report()).problems.length > 0) assert.ok(Date.now() < until + WITHIN_MS, 'it passes');
  });
});

describe('an agent that is told not to read DNS', () => {
  it('has flows of packets alone', async () => {
    observer.close();
    await agent.end('SIGTERM');
    agent = await home.start({ dns: false });
    observer = agent.client('observer/observer.proto', 'observer.Observer');
    await ask([{ transport: 'udp', server: localServer.ipv4, name: 'a.example', type: 'A' }]);
    const until = Date.now() + WITHIN_MS;
    while ((await read({ whitelist: [{ source_port: ['53'] }] })).length === 0) assert.ok(Date.now() < until);
    assert.deepEqual(await read({ whitelist: [{ protocol: ['dns'] }] }), []);
  });
});
