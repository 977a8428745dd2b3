import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FlowFilterSchema } from '../../proto/gen/flow/flow_pb.ts';
import { NodeState } from '../../proto/gen/relay/relay_pb.ts';
import { LossCause, Diagnostics } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { callUnary, parseAddress, RpcConnection } from '../../rpc/index.ts';
import { create } from '@bufbuild/protobuf';
import { FakeAgent } from '../relay/support/fake-agent.ts';
import { flowFrame } from '../relay/support/flow-bytes.ts';
import { Follower, type RequestInit } from '../relay/support/follow.ts';
import { startRelay } from '../relay/support/run-relay.ts';
import { Scratch } from '../relay/support/scratch.ts';

const { NODE_CONNECTED, NODE_UNAVAILABLE } = NodeState;
const NODES = 24;
const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

describe('a relay over a fleet', () => {
  let scratch: Scratch;
  let agents: FakeAgent[];
  let relay: string;
  beforeEach(async () => {
    scratch = new Scratch();
    agents = await Promise.all(
      Array.from({ length: NODES }, async (_, i) => {
        const agent = new FakeAgent({ address: scratch.socket(`n${i}`), nodeName: `n${i}` });
        return scratch.keep(await agent.start());
      }),
    );
    const addresses = agents.map(({ options }) => options.address);
    ({ address: relay } = scratch.keep(await startRelay(scratch.socket('relay'), addresses)));
  });
  afterEach(() => scratch.clear());

  const follow = (request: RequestInit = { follow: true }): Follower =>
    scratch.keep(new Follower(relay, request));
  const send = (agent: FakeAgent, word: string): void => {
    const { nodeName } = agent.options;
    agent.append(flowFrame(nodeName, nowNs(), `${nodeName} ${word}`));
  };

  it('survives the restart of every node, one after the other: every gap is told, and nothing else is missing', async () => {
    const client = follow();
    await Promise.all(agents.map((agent) => agent.asked()));
    for (const agent of agents) send(agent, 'before');
    await client.until(({ flows }) => flows.length === NODES);
    await Promise.all(
      agents.map(async (agent, i) => {
        const { nodeName } = agent.options;
        // A few are away at any time.
        if (i >= 4) await client.sees(`status ${NODE_CONNECTED} n${i - 4}`);
        await agent.stop();
        await client.sees(`status ${NODE_UNAVAILABLE} ${nodeName}`);
        await agent.start();
        send(agent, 'after');
        await client.sees(`status ${NODE_CONNECTED} ${nodeName}`);
      }),
    );
    await client.until(({ flows }) => flows.length === 2 * NODES);
    for (const { options, requests } of agents) {
      const { nodeName } = options;
      const story = client.words.filter((word) => word.split(' ').includes(nodeName));
      assert.deepEqual(
        story.toSorted(),
        [
          `${nodeName} after`,
          `${nodeName} before`,
          `status ${NODE_CONNECTED} ${nodeName}`,
          `status ${NODE_UNAVAILABLE} ${nodeName}`,
        ].toSorted(),
      );
      const at = (word: string): number => client.words.indexOf(word);
      assert.ok(at(`${nodeName} before`) < at(`status ${NODE_UNAVAILABLE} ${nodeName}`));
      assert.ok(at(`status ${NODE_UNAVAILABLE} ${nodeName}`) < at(`${nodeName} after`));
      assert.equal(requests.length, 2, 'asked once by each of its lives');
    }
    const connection = scratch.keep(new RpcConnection(parseAddress(relay)));
    const { nodes } = await callUnary(connection, Diagnostics.method.getStatus, {}, {});
    const told = nodes[0].losses.filter(({ cause }) => cause === LossCause.PEER_UNAVAILABLE);
    assert.deepEqual(
      told.map(({ detail, events }) => `${detail} ${events}`),
      agents.map(({ options }) => `${options.nodeName} 1`).toSorted(),
    );
    assert.equal(nodes[0].losses.length, told.length, 'and no other loss');
  });

  it('asks each node once for requests that are alike, with filter and mask, and apart for those that differ', async () => {
    const whitelist = [create(FlowFilterSchema, { sourcePod: ['team-1/'] })];
    const request: RequestInit = {
      follow: true,
      whitelist,
      fieldMask: { paths: ['time', 'node_name'] },
    };
    follow(request);
    await agents[0].asked();
    follow(request);
    follow({ follow: true, whitelist });
    await Promise.all(agents.map((agent) => agent.asked(2)));
    for (const { requests } of agents) {
      assert.deepEqual(
        requests.map((asked) => [asked.whitelist[0].sourcePod, asked.fieldMask?.paths ?? null]),
        [
          [['team-1/'], ['time', 'node_name']],
          [['team-1/'], null],
        ],
      );
    }
  });
});
