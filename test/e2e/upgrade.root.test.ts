import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import { createTwoNodes, type Pod, type TestNode, type TwoNodes } from '../../bench/support/two-nodes.ts';
import { type AgentHome, type AgentProcess, createAgentHome } from './support/agent-process.ts';
import type { FreshAccount, LiveAccount, ServerAccount } from './support/load.ts';
import { LoadProcess } from './support/load-process.ts';
import { namespaceManifest, nodeManifest, podManifest } from './support/manifests.ts';

const PORT = 7400;
const LIVE = 1000;
const FRESH_PER_SECOND = 100;
const families = ['ipv4', 'ipv6'] as const;

let nodes: TwoNodes;
let near: TestNode;
/** A machine that knows nothing of pods: they are masqueraded towards it. */
let outside: TestNode;
let client: Pod;
let server: Pod;
let stranger: Pod;
let home: AgentHome;
let agent: AgentProcess;
const loads: LoadProcess<unknown>[] = [];

function load<Account>(
  netns: string,
  args: readonly (string | number)[],
  patienceMs?: number,
): LoadProcess<Account> {
  const process = new LoadProcess<Account>(netns, args, patienceMs);
  loads.push(process);
  return process;
}

before(async () => {
  nodes = createTwoNodes('upgr', 3);
  [near, outside] = nodes.nodes;
  [client, server, stranger] = near.pods;
  for (const pod of near.pods) {
    for (const address of [pod.ipv4, pod.ipv6])
      spawnSync('nsenter', [`--net=/run/netns/${outside.netns}`, 'ip', 'route', 'del', address]);
  }
  home = createAgentHome(near);
  home.write(
    'cluster.yaml',
    namespaceManifest('travel'),
    nodeManifest(near, 'node1'),
    podManifest(client, 'client', 'node1'),
    podManifest(server, 'server', 'node1'),
    podManifest(stranger, 'stranger', 'node1'),
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'only-client', namespace: 'travel' },
      spec: {
        podSelector: { matchLabels: { app: 'server' } },
        ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }], ports: [{ port: PORT }] }],
      },
    },
  );
  agent = await home.start({ masquerade: true });
});

after(async () => {
  for (const process of loads) process.kill();
  await home?.remove();
  nodes?.remove();
});

describe('an agent that is replaced under load', () => {
  it(`breaks none of ${LIVE} live connections and ${FRESH_PER_SECOND} new ones a second, and lets nobody in`, async () => {
    const servers = [server, outside].map((at) =>
      load<ServerAccount>(at.netns, ['serve', PORT, at.ipv4, at.ipv6]),
    );
    for (const one of servers) await one.ready();
    const targets = families.flatMap((family) => [server[family], outside[family]]);
    const live = targets.map((address) =>
      load<LiveAccount>(client.netns, ['live', LIVE / targets.length, PORT, address]),
    );
    for (const one of live) await one.ready();
    const fresh = targets.map((address) =>
      load<FreshAccount>(client.netns, ['fresh', FRESH_PER_SECOND / targets.length, PORT, address]),
    );
    const knocks = families.map((family) =>
      load<FreshAccount>(stranger.netns, ['fresh', FRESH_PER_SECOND / 2, PORT, server[family]], 100),
    );
    for (const one of [...fresh, ...knocks]) await one.ready();

    await sleep(1000);
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM'] as const) {
      await agent.end(signal);
      await sleep(300); // nobody there
      agent = await home.start({ masquerade: true });
      await sleep(700);
    }

    const knocked = await Promise.all(knocks.map((one) => one.account()));
    const served = await Promise.all(fresh.map((one) => one.account()));
    const lived = await Promise.all(live.map((one) => one.account()));
    const accounts = await Promise.all(servers.map((one) => one.account()));

    for (const { tried, served: through } of knocked) {
      assert.ok(tried > 50, `${tried} knocks`);
      assert.equal(through, 0);
    }
    for (const { tried, served: through, failed } of served) {
      assert.ok(tried > 50, `${tried} new connections`);
      assert.deepEqual([failed, through], [[], tried]);
    }
    for (const { open, broken, echoes } of lived) {
      assert.deepEqual([broken, open], [[], LIVE / targets.length]);
      assert.ok(echoes >= 2 * open, `${echoes} echoes`);
    }

    // The same from the other side.
    const [atServer, atOutside] = accounts;
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
    for (const [account, of, names] of [
      [atServer, 0, [client.ipv4, client.ipv6]],
      [atOutside, 1, [near.ipv4, near.ipv6]],
    ] as const) {
      const mine = <T>(all: readonly T[]): T[] => all.filter((_, i) => i % 2 === of);
      assert.deepEqual(Object.keys(account.bytesFrom).sort(compare), [...names].sort(compare), 'who got in');
      assert.equal(
        account.accepted,
        sum(mine(lived).map(({ open }) => open)) + sum(mine(served).map(({ tried }) => tried)),
      );
      assert.equal(account.open, sum(mine(lived).map(({ open }) => open)));
      const words = sum(mine(served).map(({ tried }) => 4 * tried));
      assert.equal(sum(Object.values(account.bytesFrom)), sum(mine(lived).map(({ bytes }) => bytes)) + words);
      assert.deepEqual(account.errors, []);
    }
  });
});

function compare(a: string, b: string): number {
  return a < b ? -1 : 1;
}
