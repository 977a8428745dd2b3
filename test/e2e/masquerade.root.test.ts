import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { createTwoNodes, type Pod, type TestNode, type TwoNodes } from '../../bench/support/two-nodes.ts';
import type { ForeignClient, Loose } from '../support/grpc-client.ts';
import { awaitFlows } from './support/agent-flows.ts';
import { type AgentHome, type AgentProcess, createAgentHome } from './support/agent-process.ts';
import { namespaceManifest, nodeManifest, podManifest } from './support/manifests.ts';
import { Prober } from './support/prober.ts';

const PORT = 7300;
const CLOSED_PORT = 7301;
const ECHO_PORT = 7302;
const families = ['ipv4', 'ipv6'] as const;

let nodes: TwoNodes;
/** The node, and a machine outside that knows nothing of its pods. */
let near: TestNode;
let outside: TestNode;
let pods: readonly Pod[];
let home: AgentHome;
let agent: AgentProcess;
let observer: ForeignClient;
let atOutside: Prober;
let atPods: readonly Prober[];

function inNetns(netns: string, ...command: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('nsenter', [`--net=/run/netns/${netns}`, ...command], {
    encoding: 'utf8',
  });
  return status === 0 ? stdout : `failed: ${stderr}`;
}

before(async () => {
  nodes = createTwoNodes('masq', 2);
  [near, outside] = nodes.nodes;
  pods = near.pods;
  for (const pod of pods) {
    inNetns(outside.netns, 'ip', 'route', 'del', pod.ipv4);
    inNetns(outside.netns, 'ip', '-6', 'route', 'del', pod.ipv6);
  }
  home = createAgentHome(near);
  home.write(
    'cluster.yaml',
    namespaceManifest('travel'),
    nodeManifest(near, 'node1'),
    ...pods.map((pod, i) => podManifest(pod, `pod${i}`, 'node1')),
  );
  atOutside = new Prober(outside);
  atPods = pods.map((pod) => new Prober(pod));
  for (const address of [outside.ipv4, outside.ipv6])
    for (const protocol of ['tcp', 'udp'] as const) await atOutside.serveNames(protocol, address, PORT);
  await atOutside.serve('tcp', outside.ipv4, ECHO_PORT);
  agent = await home.start({ masquerade: true });
  observer = agent.client('observer/observer.proto', 'observer.Observer');
});

after(async () => {
  observer?.close();
  for (const prober of [...(atPods ?? []), ...(atOutside ? [atOutside] : [])]) prober.end();
  await home?.remove();
  nodes?.remove();
});

describe('masqueraded pods', () => {
  for (const family of families) {
    for (const protocol of ['tcp', 'udp'] as const) {
      it(`are seen as the node by a world that knows no pods, ${protocol} over ${family}`, async () => {
        const seen = await Promise.all(
          atPods.map((prober) => prober.see(protocol, outside[family], PORT, 20_000)),
        );
        for (const answer of seen) assert.equal(answer.split(' ')[0], near[family], answer);
        assert.equal(new Set(seen).size, pods.length, `each has a port of its own: ${seen.join(', ')}`);
      });
    }

    it(`are answered when they ping, over ${family}`, () => {
      for (const pod of pods)
        assert.match(inNetns(pod.netns, 'ping', '-nqc3', '-i0.2', '-W5', outside[family]), / 0% packet loss/);
    });

    it(`learn of ports that are closed, over ${family}`, async () => {
      assert.equal(await atPods[0].ask('udp', outside[family], CLOSED_PORT), 'ECONNREFUSED');
      assert.equal(await atPods[0].ask('tcp', outside[family], CLOSED_PORT), 'ECONNREFUSED');
    });

    it(`send and get datagrams in fragments, over ${family}`, () => {
      const ping = inNetns(pods[0].netns, 'ping', '-nqc3', '-i0.2', '-W5', '-s4000', outside[family]);
      assert.match(ping, / 0% packet loss/);
    });

    it(`are themselves in flows, over ${family}`, async () => {
      const source = pods[0][family];
      const isOut = (flow: Parameters<Parameters<typeof awaitFlows>[1]>[0]): boolean =>
        flow.trace_observation_point === 'TO_NETWORK' &&
        flow.IP?.source === source &&
        flow.l4.TCP !== undefined;
      const [flow] = await awaitFlows(observer, isOut);
      assert.match(flow.source.pod_name ?? '', /^pod0-/);
      assert.equal((flow.IP as Loose)['source_xlated'], near[family]);
      const isBack = (one: typeof flow): boolean =>
        one.trace_observation_point === 'TO_ENDPOINT' &&
        one.IP?.source === outside[family] &&
        one.IP.destination === source;
      const [back] = await awaitFlows(observer, isBack);
      assert.deepEqual([back.trace_reason, back.is_reply?.value], ['REPLY', true]);
    });
  }

  it('carry bulk in both directions', () => {
    const script = (body: string): string[] => [process.execPath, '-e', body];
    const result = inNetns(
      pods[0].netns,
      ...script(`
        const { connect } = require('node:net');
        let got = 0;
        const socket = connect(${ECHO_PORT}, '${outside.ipv4}', () => socket.end(Buffer.alloc(8 << 20, 1)));
        socket.on('data', (bytes) => (got += bytes.length)).on('end', () => console.log(got));
        socket.on('error', (error) => console.log(error.code));
      `),
    );
    assert.equal(result.trim(), String(8 << 20));
  });
});
