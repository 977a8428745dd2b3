import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentOptions } from '../../agent/index.ts';
import { createTwoNodes, type TestNode, type TwoNodes } from '../../bench/support/two-nodes.ts';
import { runInPod } from '../bpf/support/pod-process.ts';
import type { Loose } from '../support/grpc-client.ts';
import { evenAccounts, flowsOf, lostOf, readAccounts } from './support/agent-flows.ts';
import { type AgentHome, type AgentProcess, createAgentHome } from './support/agent-process.ts';
import { namespaceManifest, nodeManifest, podManifest } from './support/manifests.ts';

/** Every packet at every point, so that traffic makes as many events as a test needs. */
const everyPacket: Partial<AgentOptions> = { aggregation: 'none' };

let nodes: TwoNodes;
let node: TestNode;
let home: AgentHome;

before(() => {
  nodes = createTwoNodes('agtl', 2);
  [node] = nodes.nodes;
});
after(() => nodes.remove());
afterEach(() => home.remove());

async function startAgent(options: Partial<AgentOptions>): Promise<AgentProcess> {
  home = createAgentHome(node);
  home.write('cluster.yaml', namespaceManifest('travel'), nodeManifest(node, 'node1'));
  home.write(
    'pods.yaml',
    podManifest(node.pods[0], 'search', 'node1'),
    podManifest(node.pods[1], 'fares', 'node1'),
  );
  return home.start({ ...everyPacket, ...options });
}

/** Datagrams from pod to pod: two events each, at least. */
function burst(count: number): Promise<string> {
  const program = `${import.meta.dirname}/support/burst.ts`;
  return runInPod(node.pods[0], [process.execPath, program, node.pods[1].ipv4, '9', String(count)]);
}

/** All that is in history now. */
async function readHistory(agent: AgentProcess): Promise<Loose[]> {
  const client = agent.client('observer/observer.proto', 'observer.Observer');
  const messages: Loose[] = [];
  for await (const message of client.stream('GetFlows', { first: true })) messages.push(message as Loose);
  client.close();
  return messages;
}

describe('an event that is lost', () => {
  it('because its ring is full is counted and told', async () => {
    const agent = await startAgent({ ringBytesPerCpu: 4096 });
    agent.child.kill('SIGSTOP');
    await burst(500);
    agent.child.kill('SIGCONT');
    const { emitted, losses } = await evenAccounts(agent);
    assert.ok(emitted >= 1000, `${emitted} events`);
    assert.ok(losses.PERF_RING_FULL > 0);
    await sleep(1000);
    assert.equal(lostOf(await readHistory(agent)).PERF_EVENT_RING_BUFFER, losses.PERF_RING_FULL);
  });

  it('because the agent was killed is told by the next one, and flows go on', async () => {
    const first = await startAgent({});
    await burst(50);
    const before = await evenAccounts(first);
    assert.ok(before.delivered > 0);
    await sleep(1100); // the last accounts are noted once a second
    assert.equal(await first.end('SIGKILL'), 'SIGKILL');
    await burst(100);
    const second = await home.start(everyPacket);
    const { emitted, losses } = await evenAccounts(second);
    assert.ok(losses.BPF_OUTPUT_FAILED >= 200, JSON.stringify(losses));
    assert.equal(lostOf(await readHistory(second)).PERF_EVENT_RING_BUFFER, losses.BPF_OUTPUT_FAILED);
    await burst(20);
    const later = await evenAccounts(second);
    assert.ok(later.delivered >= 40);
    assert.ok(later.emitted > emitted);
    assert.equal(later.losses.BPF_OUTPUT_FAILED, losses.BPF_OUTPUT_FAILED);
  });

  it('because the main thread stalled beyond the queue is counted and told', async () => {
    const agent = await startAgent({ maxQueuedBytes: 1 });
    agent.child.kill('SIGUSR2');
    while (!agent.log.includes('stalled')) await sleep(10);
    await burst(8000);
    const { emitted, losses } = await evenAccounts(agent);
    assert.ok(emitted >= 16_000);
    assert.ok(losses.WORKER_QUEUE_FULL > 0, JSON.stringify(losses));
    await sleep(1000);
    assert.equal(lostOf(await readHistory(agent)).OBSERVER_EVENTS_QUEUE, losses.WORKER_QUEUE_FULL);
  });

  it('does not come of a stall within the queue', async () => {
    // Rings that hold the whole burst: what is tested is the queue, and a busy machine may put the ring thread aside.
    const agent = await startAgent({ ringBytesPerCpu: 16 * 1024 * 1024 });
    agent.child.kill('SIGUSR2');
    while (!agent.log.includes('stalled')) await sleep(10);
    await burst(8000);
    const { emitted, delivered, losses } = await evenAccounts(agent);
    assert.ok(emitted >= 16_000);
    assert.deepEqual([delivered, losses], [emitted, {}]);
  });
});

describe('a flow that a reader misses', () => {
  /** Follows from now on, and gives what came once all that was emitted is either there or told as lost. */
  async function follow(
    agent: AgentProcess,
    isSlow: boolean,
    traffic: () => Promise<unknown>,
  ): Promise<Loose[]> {
    const client = agent.client('observer/observer.proto', 'observer.Observer');
    const start = await readAccounts(agent);
    const call = client.stream('GetFlows', { follow: true, number: '0' });
    call.on('error', () => {}); // the cancel below
    const messages: Loose[] = [];
    await new Promise((resolve) => call.once('metadata', resolve));
    if (!isSlow) call.on('data', (message: Loose) => messages.push(message));
    await traffic();
    if (isSlow) {
      await evenAccounts(agent);
      call.on('data', (message: Loose) => messages.push(message));
    }
    const until = Date.now() + 20_000;
    const accounted = (): number => flowsOf(messages).length + (lostOf(messages).HUBBLE_RING_BUFFER ?? 0);
    // A follower begins with the newest flow there is. Pods say something by themselves now and then, so that what is stored may still grow.
    const stored = async (): Promise<number> =>
      (await evenAccounts(agent)).delivered - start.delivered + (start.delivered > 0 ? 1 : 0);
    let expected = await stored();
    while (accounted() !== expected && Date.now() < until) {
      await sleep(50);
      expected = await stored();
    }
    assert.equal(accounted(), expected, 'received + lost = stored');
    call.cancel();
    client.close();
    return messages;
  }

  it('because history is too small for a burst is counted and told to that reader', async () => {
    const agent = await startAgent({ historyFlows: 100 });
    const messages = await follow(agent, false, async () => {
      agent.child.kill('SIGUSR2');
      while (!agent.log.includes('stalled')) await sleep(10);
      await burst(2000);
    });
    const { losses } = await readAccounts(agent);
    assert.ok(losses.HISTORY_OVERWRITTEN > 0, JSON.stringify(losses));
    assert.equal(
      lostOf(messages).HUBBLE_RING_BUFFER,
      losses.HISTORY_OVERWRITTEN + (losses.SUBSCRIBER_SLOW ?? 0),
    );
  });

  it('because it reads too slowly is counted and told to it', async () => {
    const agent = await startAgent({ historyFlows: 1000 });
    const messages = await follow(agent, true, async () => {
      // What the connection takes has to be full before the reader counts as slow: 1 MiB and the windows.
      for (let i = 0; i < 8; i++) await burst(500);
      await burst(15_000);
    });
    const { losses } = await readAccounts(agent);
    assert.ok(losses.SUBSCRIBER_SLOW > 0, JSON.stringify(losses));
    assert.equal(
      lostOf(messages).HUBBLE_RING_BUFFER,
      losses.SUBSCRIBER_SLOW + (losses.HISTORY_OVERWRITTEN ?? 0),
    );
  });
});
