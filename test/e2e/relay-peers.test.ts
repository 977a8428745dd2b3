import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChangeNotificationType } from '../../proto/gen/peer/peer_pb.ts';
import { NodeState } from '../../proto/gen/relay/relay_pb.ts';
import { parseAddress, RpcCode, RpcError } from '../../rpc/index.ts';
import { FakeAgent, type FakeAgentOptions } from '../relay/support/fake-agent.ts';
import { batchOf, flowFrame, lostFrame, timestamp } from '../relay/support/flow-bytes.ts';
import { Follower, type RequestInit } from '../relay/support/follow.ts';
import { startRelay } from '../relay/support/run-relay.ts';
import { Scratch } from '../relay/support/scratch.ts';

const { NODE_CONNECTED, NODE_UNAVAILABLE, NODE_GONE, NODE_ERROR } = NodeState;
const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

describe('a relay over agents', () => {
  let scratch: Scratch;
  beforeEach(() => {
    scratch = new Scratch();
  });
  afterEach(() => scratch.clear());

  async function agent(name: string, options: Partial<FakeAgentOptions> = {}): Promise<FakeAgent> {
    const made = new FakeAgent({ address: scratch.socket(name), nodeName: name, ...options });
    return scratch.keep(await made.start());
  }

  async function relayOver(...agents: readonly FakeAgent[]): Promise<string> {
    const relay = await startRelay(
      scratch.socket('relay'),
      agents.map(({ options }) => options.address),
    );
    return scratch.keep(relay).address;
  }

  const follow = (address: string, request: RequestInit = { follow: true }): Follower =>
    scratch.keep(new Follower(address, request));

  it('merges what is stored on all of them exactly by time, and ends', async () => {
    const agents = await Promise.all(['n1', 'n2', 'n3'].map((name) => agent(name)));
    const base = nowNs() - 60_000_000_000n;
    for (let i = 0; i < 3000; i++) {
      const { nodeName } = agents[(i * i) % 3].options;
      agents[(i * i) % 3].append(flowFrame(nodeName, base + BigInt(i) * 1000n, String(i)));
    }
    const client = follow(await relayOver(...agents), {});
    assert.equal(await client.ended, null);
    assert.equal(client.words[0], `status ${NODE_CONNECTED} n1,n2,n3`, 'before any flow');
    assert.deepEqual(
      client.flows,
      Array.from({ length: 3000 }, (_, i) => String(i)),
    );
  });

  it('gives the newest N of each node, as each was asked', async () => {
    const agents = await Promise.all(['n1', 'n2'].map((name) => agent(name)));
    const base = nowNs() - 60_000_000_000n;
    for (let i = 0; i < 10; i++) {
      agents[0].append(flowFrame('n1', base + BigInt(2 * i), `a${i}`));
      agents[1].append(flowFrame('n2', base + BigInt(2 * i + 1), `b${i}`));
    }
    const client = follow(await relayOver(...agents), { number: 2n });
    assert.equal(await client.ended, null);
    assert.deepEqual(client.flows, ['a8', 'b8', 'a9', 'b9']);
    assert.deepEqual(
      agents.map(({ requests }) => requests.at(-1)?.number),
      [2n, 2n],
    );
  });

  it('passes live flows on while one of them is silent', async () => {
    const [talker, silent] = [await agent('talker'), await agent('silent')];
    const client = follow(await relayOver(talker, silent));
    await client.sees(`status ${NODE_CONNECTED} talker,silent`);
    for (let i = 0; i < 5; i++) {
      talker.append(flowFrame('talker', nowNs(), `live ${i}`));
      await client.sees(`live ${i}`);
    }
    silent.append(flowFrame('silent', nowNs(), 'at last'));
    await client.sees('at last');
  });

  it('tells of a node that dies and comes back, and goes on where it broke off: nothing twice, nothing missing', async () => {
    const [steady, frail] = [await agent('steady'), await agent('frail')];
    const client = follow(await relayOver(steady, frail));
    await frail.asked();
    const same = nowNs();
    frail.append(flowFrame('frail', same, 'f1'), flowFrame('frail', same, 'f2'));
    await client.sees('f2');
    // The connection breaks; the agent lives on and keeps what it saw.
    const kept = frail.ring;
    await frail.stop();
    await client.sees(`status ${NODE_UNAVAILABLE} frail`);
    kept.append(batchOf([flowFrame('frail', same, 'f3'), flowFrame('frail', nowNs(), 'f4')]));
    steady.append(flowFrame('steady', nowNs(), 's1'));
    await client.sees('s1');
    await frail.start(kept);
    await client.sees('f4');
    frail.append(flowFrame('frail', nowNs(), 'f5'));
    await client.sees('f5');
    assert.deepEqual(
      client.flows.filter((word) => word.startsWith('f')),
      ['f1', 'f2', 'f3', 'f4', 'f5'],
    );
    const states = client.words.filter((word) => word.startsWith('status'));
    assert.deepEqual(states, [
      `status ${NODE_CONNECTED} steady,frail`,
      `status ${NODE_UNAVAILABLE} frail`,
      `status ${NODE_CONNECTED} frail`,
    ]);
  });

  it('takes everything from an agent that was started anew, even if its clock went back', async () => {
    const restarted = await agent('node');
    const client = follow(await relayOver(restarted));
    restarted.append(flowFrame('node', nowNs() + 3_600_000_000_000n, 'an hour ahead'));
    await client.sees('an hour ahead');
    await restarted.stop();
    await client.sees(`status ${NODE_UNAVAILABLE} node`);
    await restarted.start();
    restarted.append(flowFrame('node', nowNs(), 'first'), flowFrame('node', nowNs() + 1000n, 'second'));
    await client.sees('second');
    assert.deepEqual(client.flows, ['an hour ahead', 'first', 'second']);
  });

  it('catches up with a node that had nothing to tell before it was lost', async () => {
    const quiet = await agent('quiet');
    const client = follow(await relayOver(quiet));
    await client.sees(`status ${NODE_CONNECTED} quiet`);
    await quiet.stop();
    await client.sees(`status ${NODE_UNAVAILABLE} quiet`);
    const kept = quiet.ring;
    kept.append(
      batchOf([
        flowFrame('quiet', nowNs() - 3_600_000_000_000n, 'long ago'),
        flowFrame('quiet', nowNs(), 'meanwhile'),
      ]),
    );
    await quiet.start(kept);
    await client.sees('meanwhile');
    assert.deepEqual(client.flows, ['meanwhile']);
  });

  it('keeps the order of good clocks while another is minutes ahead and one minutes behind', async () => {
    const names = ['good1', 'good2', 'ahead', 'behind'];
    const agents = await Promise.all(names.map((name) => agent(name)));
    const client = follow(await relayOver(...agents));
    await client.sees(`status ${NODE_CONNECTED} ${names.join(',')}`);
    const skews = [0n, 0n, 300_000_000_000n, -300_000_000_000n];
    for (let i = 0; i < 40; i++) {
      for (const [n, each] of agents.entries()) {
        if (n < 2 && i % 2 !== n) continue;
        each.append(flowFrame(names[n], nowNs() + skews[n], `${names[n]} ${i}`));
      }
      await sleep(10);
    }
    await client.until(({ flows }) => flows.length === 120);
    const good = client.flows
      .filter((word) => word.startsWith('good'))
      .map((word) => Number(word.split(' ')[1]));
    assert.deepEqual(
      good,
      Array.from({ length: 40 }, (_, i) => i),
    );
    for (const name of ['ahead', 'behind']) {
      assert.deepEqual(
        client.flows.filter((word) => word.startsWith(name)),
        Array.from({ length: 40 }, (_, i) => `${name} ${i}`),
      );
    }
  });

  it('passes notices of loss on at their place', async () => {
    const [lossy, other] = [await agent('lossy'), await agent('other')];
    const base = nowNs() - 60_000_000_000n;
    lossy.append(
      flowFrame('lossy', base, 'a'),
      lostFrame('lossy', nowNs(), 7),
      flowFrame('lossy', base + 20n, 'c'),
    );
    other.append(flowFrame('other', base + 10n, 'b'));
    const client = follow(await relayOver(lossy, other), {});
    assert.equal(await client.ended, null);
    assert.deepEqual(client.words.slice(1), ['a', 'lost 7', 'b', 'c']);
  });

  it('tells a node that refuses with its own word, and the others go on', async () => {
    const [good, bad] = [await agent('good'), await agent('bad')];
    bad.refusal = new RpcError(RpcCode.Unknown, 'no such filter');
    good.append(flowFrame('good', nowNs() - 1000n, 'fine'));
    const client = follow(await relayOver(good, bad), {});
    assert.equal(await client.ended, null, 'a peer never fails the call');
    assert.deepEqual(client.words, [`status ${NODE_CONNECTED} good,bad`, 'fine', `status ${NODE_ERROR} bad`]);
    const { responseTypes } = client.responses[2];
    assert.equal(responseTypes.case === 'nodeStatus' && responseTypes.value.message, 'no such filter');
  });

  it('asks a node again that broke off while its connection held', async () => {
    const node = await agent('node');
    node.refusal = new RpcError(RpcCode.Internal, 'not just now');
    const client = follow(await relayOver(node));
    await client.sees(`status ${NODE_CONNECTED} node`);
    await node.asked();
    node.refusal = null;
    node.append(flowFrame('node', nowNs(), 'after all'));
    await client.sees('after all');
  });

  it('ends a request that follows up to a time when every node has passed it', async () => {
    const agents = await Promise.all(['n1', 'n2'].map((name) => agent(name)));
    const until = nowNs() + 50_000_000n;
    const client = follow(await relayOver(...agents), { follow: true, until: timestamp(until) });
    await Promise.all(agents.map((each) => each.asked()));
    for (const each of agents) {
      const { nodeName } = each.options;
      each.append(flowFrame(nodeName, until, 'in time'), flowFrame(nodeName, until + 1n, 'too late'));
    }
    assert.equal(await client.ended, null);
    assert.deepEqual(client.flows, ['in time', 'in time']);
  });

  it('ends at once when nothing is stored anywhere because no node is there', async () => {
    const relay = await startRelay(scratch.socket('relay'), [scratch.socket('nobody')], {}, 0);
    const client = follow(scratch.keep(relay).address, {});
    assert.equal(await client.ended, null);
    assert.deepEqual(client.words, [`status ${NODE_UNAVAILABLE} ${scratch.socket('nobody')}`]);
  });

  it('waits for nodes when it follows, and gives the whole request to one that comes', async () => {
    const relay = await startRelay(scratch.socket('relay'), [scratch.socket('late')], {}, 0);
    const client = follow(scratch.keep(relay).address, { follow: true, number: 3n });
    await client.sees(`status ${NODE_UNAVAILABLE} ${scratch.socket('late')}`);
    const late = await agent('late');
    await client.sees(`status ${NODE_CONNECTED} late`);
    late.append(flowFrame('late', nowNs(), 'here'));
    await client.sees('here');
    assert.equal(late.requests[0].number, 3n);
  });

  it('finds agents by the Peer service, and tells when one leaves the cluster', async () => {
    const [first, second] = [await agent('first'), await agent('second')];
    first.tellPeer('first', first.options.address);
    first.tellPeer('second', second.options.address);
    first.tellPeer('nowhere', '');
    const relay = await startRelay(
      scratch.socket('relay'),
      [],
      { peerService: parseAddress(first.options.address) },
      2,
    );
    const client = follow(scratch.keep(relay).address);
    await client.sees(`status ${NODE_CONNECTED} first,second`);
    await client.sees(`status ${NODE_UNAVAILABLE} nowhere`);
    second.append(flowFrame('second', nowNs(), 'hello'));
    await client.sees('hello');
    first.tellPeer('second', '', ChangeNotificationType.PEER_DELETED);
    await client.sees(`status ${NODE_GONE} second`);
    const third = await agent('third');
    first.tellPeer('third', third.options.address);
    await client.sees(`status ${NODE_CONNECTED} third`);
    third.append(flowFrame('third', nowNs(), 'new here'));
    await client.sees('new here');
  });

  it('follows an agent to another address', async () => {
    const [first, old] = [await agent('first'), await agent('old')];
    first.tellPeer('mover', old.options.address);
    const relay = await startRelay(
      scratch.socket('relay'),
      [],
      { peerService: parseAddress(first.options.address) },
      1,
    );
    const client = follow(scratch.keep(relay).address);
    old.append(flowFrame('mover', nowNs(), 'from the old place'));
    await client.sees('from the old place');
    const moved = await agent('new');
    first.tellPeer('mover', moved.options.address, ChangeNotificationType.PEER_UPDATED);
    await client.until(
      ({ words }) => words.filter((word) => word === `status ${NODE_CONNECTED} mover`).length === 2,
    );
    moved.append(flowFrame('mover', nowNs(), 'from the new place'));
    await client.sees('from the new place');
  });
});
