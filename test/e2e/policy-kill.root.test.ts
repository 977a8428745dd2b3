import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import { createTwoNodes, type Pod, type TwoNodes } from '../../bench/support/two-nodes.ts';
import { type AgentHome, type AgentProcess, createAgentHome } from './support/agent-process.ts';
import { namespaceManifest, nodeManifest, podManifest } from './support/manifests.ts';
import { Prober } from './support/prober.ts';

const PORT = 7200;
const UPDATES = 200;
const UPDATE_EVERY_MS = 25;
const KILLS = 3;
/** A datagram that is dropped is not sent again: what does not come back in this time was. */
const LOST_AFTER_MS = 3000;

let nodes: TwoNodes;
let home: AgentHome;
let agent: AgentProcess;
let client: Pod;
let server: Pod;
let remote: Pod;
const probers: Prober[] = [];

before(async () => {
  nodes = createTwoNodes('polk', 2);
  const [near, far] = nodes.nodes;
  [client, server] = near.pods;
  [remote] = far.pods;
  home = createAgentHome(near);
  home.write(
    'cluster.yaml',
    namespaceManifest('travel'),
    nodeManifest(near, 'node1'),
    nodeManifest(far, 'node2'),
    podManifest(client, 'client', 'node1'),
    podManifest(server, 'server', 'node1'),
    podManifest(remote, 'remote', 'node2'),
  );
  writePolicies(0);
  agent = await home.start();
  probers.push(new Prober(server), new Prober(client), new Prober(remote));
  for (const address of [server.ipv4, server.ipv6]) await probers[0].serve('udp', address, PORT);
});

after(async () => {
  for (const prober of probers) prober.end();
  await home?.remove();
  nodes?.remove();
});

/** Always the client alone, but each time by other rules: narrower, broader, one, two, with a deny for others beside it. */
function writePolicies(turn: number): void {
  const app = (name: string): object => ({ matchLabels: { app: name } });
  const ports = [
    [{ port: String(PORT), protocol: 'UDP' }],
    [{ port: String(PORT - 100), endPort: PORT + turn, protocol: 'UDP' }],
    [{ port: '0', protocol: 'UDP' }],
  ][turn % 3];
  const toPorts = [{ ports: [...ports, { port: String(9000 + turn), protocol: 'TCP' }] }];
  const allow = { fromEndpoints: [app('client')], toPorts };
  const deny = { fromEndpoints: [app('remote')], ...(turn % 2 === 0 && { toPorts }) };
  const policy = (name: string, spec: object): object => ({
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumNetworkPolicy',
    metadata: { name, namespace: 'travel' },
    spec: { endpointSelector: app('server'), ...spec },
  });
  // Replaced at once: an agent that starts must not find half a file.
  home.write(
    '.policy.new',
    policy('allow', { ingress: [allow] }),
    ...(turn % 5 < 3 ? [policy('deny', { ingressDeny: [deny] })] : []),
    ...(turn % 4 === 1 ? [policy('again', { ingress: [{ fromEndpoints: [app('client')] }] })] : []),
  );
  renameSync(join(home.stateDir, '.policy.new'), join(home.stateDir, 'policy.yaml'));
}

describe('an agent that is killed in the middle of policy updates under traffic', () => {
  it('lets nothing through that is denied, and drops nothing that is allowed', async () => {
    const [, fromClient, fromRemote] = probers;
    const allowed: Promise<string>[] = [];
    const denied: Promise<string>[] = [];
    let trial = 0;
    const traffic = setInterval(() => {
      const address = trial++ % 2 === 0 ? server.ipv4 : server.ipv6;
      allowed.push(fromClient.ask('udp', address, PORT, LOST_AFTER_MS));
      denied.push(fromRemote.ask('udp', address, PORT, 300));
    }, 10);
    const updates = (async () => {
      for (let turn = 1; turn <= UPDATES; turn++) {
        writePolicies(turn);
        await sleep(UPDATE_EVERY_MS);
      }
    })();
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(200 + 137 * kill);
      await agent.end('SIGKILL');
      agent = await home.start();
    }
    await updates;
    await sleep(300);
    clearInterval(traffic);
    const count = (answers: readonly string[], answer: string): number =>
      answers.filter((one) => one === answer).length;
    const [ofClient, ofRemote] = [await Promise.all(allowed), await Promise.all(denied)];
    assert.ok(ofClient.length > 200, `${ofClient.length} trials`);
    assert.deepEqual(
      [count(ofClient, 'echoed'), count(ofRemote, 'silence')],
      [ofClient.length, ofRemote.length],
    );
  });
});
