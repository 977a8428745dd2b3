import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Diagnostics, LossCause, type NodeReport } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { callUnary, parseAddress, RpcCode, RpcConnection, RpcError } from '../../rpc/index.ts';
import { FakeAgent } from '../relay/support/fake-agent.ts';
import { flowFrame } from '../relay/support/flow-bytes.ts';
import { Follower, type RequestInit } from '../relay/support/follow.ts';
import { type RunningRelay, startRelay } from '../relay/support/run-relay.ts';
import { Scratch } from '../relay/support/scratch.ts';

const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;
/** Large enough that a few thousand flows fill every buffer on the way. */
const PADDING = 'x'.repeat(2000);

describe('a relay with slow readers', () => {
  let scratch: Scratch;
  let agent: FakeAgent;
  let relay: RunningRelay;
  let sent: number;

  beforeEach(async () => {
    scratch = new Scratch();
    sent = 0;
    const ring = { capacity: 4000, maxBytes: 64 * 1024 * 1024 };
    agent = scratch.keep(
      await new FakeAgent({ address: scratch.socket('agent'), nodeName: 'node', ring }).start(),
    );
    relay = scratch.keep(
      await startRelay(scratch.socket('relay'), [agent.options.address], {
        liveBufferFlows: 1000,
        maxBufferedBytes: 1024 * 1024,
        maxStreams: 3,
      }),
    );
  });
  afterEach(() => scratch.clear());

  const follow = (request: RequestInit = { follow: true }): Follower =>
    scratch.keep(new Follower(relay.address, request));

  /** Sends so many flows in steps, and no faster than `reader` takes them: half of the relay's buffer ahead at most. */
  async function send(count: number, reader?: Follower): Promise<void> {
    for (let i = 0; i < count; i += 50) {
      agent.append(...Array.from({ length: 50 }, () => flowFrame('node', nowNs(), `${sent++} ${PADDING}`)));
      await sleep(1);
      await reader?.until(({ responses }) => responses.length >= sent - 500);
    }
  }

  async function report(): Promise<NodeReport> {
    const connection = new RpcConnection(parseAddress(relay.address));
    const { nodes } = await callUnary(connection, Diagnostics.method.getStatus, {});
    connection.close();
    return nodes[0];
  }

  const numbers = (client: Follower): number[] =>
    client.flows.map((summary) => Number(summary.split(' ')[0]));

  it('lets a slow reader cost the others nothing, and tells it exactly what it lost', async () => {
    const [fast, slow] = [follow(), follow()];
    await agent.asked();
    await send(50);
    await Promise.all([fast, slow].map((client) => client.until(({ flows }) => flows.length === 50)));
    const goOn = slow.stall();
    await send(8000, fast);
    await fast.until(({ flows }) => flows.length === 8050);
    goOn();
    await slow.until((client) => client.flows.length + client.lost === 8050);
    assert.deepEqual(
      numbers(fast),
      Array.from({ length: 8050 }, (_, i) => i),
    );
    assert.equal(fast.lost, 0);
    assert.ok(slow.lost > 0);
    const got = numbers(slow);
    assert.deepEqual(
      got,
      [...got].sort((a, b) => a - b),
    );
    assert.equal(got.at(-1), 8049, 'what it missed is old, not new');
    const own = await report();
    const [full] = own.losses.filter(({ cause }) => cause === LossCause.RELAY_BUFFER_FULL);
    assert.equal(Number(full.events), slow.lost);
    assert.equal(own.counters['liveStreams'], 1n, 'one upstream for both');
    assert.equal(agent.requests.length, 1);
    assert.equal(Number(own.flowsEmitted), 8050);
    assert.equal(Number(own.flowsDelivered), 8050);
  });

  it('holds the agent when its only reader does not read: what is lost is lost there, and told', async () => {
    const slow = follow();
    await agent.asked();
    await send(50);
    await slow.until(({ flows }) => flows.length === 50);
    const goOn = slow.stall();
    await send(10_000);
    goOn();
    await slow.until((client) => client.flows.length + client.lost === 10_050);
    assert.ok(slow.lost > 0);
    assert.equal(
      agent.ledger.total(LossCause.SUBSCRIBER_SLOW) + agent.ledger.total(LossCause.HISTORY_OVERWRITTEN),
      slow.lost,
    );
    const own = await report();
    assert.deepEqual(
      own.losses.filter(({ cause }) => cause === LossCause.RELAY_BUFFER_FULL),
      [],
    );
    assert.equal(Number(own.flowsEmitted), slow.flows.length);
    assert.equal(Number(own.flowsDelivered), slow.flows.length);
  });

  it('is released by a reader that joins when the other has stopped', async () => {
    const stuck = follow();
    await agent.asked();
    await send(50);
    await stuck.until(({ flows }) => flows.length === 50);
    stuck.stall();
    await send(6000);
    const second = follow();
    await second.until(({ words }) => words.length > 0);
    await send(500);
    await second.until((client) => numbers(client).includes(6549));
  });

  it('gives all that is stored to a reader that stops and goes on, in order', async () => {
    await send(4000);
    const client = follow({});
    await client.until(({ flows }) => flows.length > 0);
    const goOn = client.stall();
    await sleep(50);
    goOn();
    assert.equal(await client.ended, null);
    assert.deepEqual(
      numbers(client),
      Array.from({ length: 4000 }, (_, i) => i),
    );
  });

  it('accounts for flows that nobody wanted any more', async () => {
    await send(4000);
    const client = follow({});
    await client.until(({ flows }) => flows.length > 0);
    client.stall();
    await sleep(50);
    client.close();
    for (;;) {
      const { flowsEmitted, flowsDelivered, counters } = await report();
      if (counters['clientStreams'] === 0n) {
        assert.equal(flowsEmitted, flowsDelivered + counters['discardedFlows']);
        break;
      }
      await sleep(5);
    }
  });

  it('refuses more streams than it was told to serve', async () => {
    const clients = [1, 2, 3].map(() => follow());
    await Promise.all(clients.map((client) => client.until(({ words }) => words.length > 0)));
    const error = await follow().ended;
    assert.ok(error instanceof RpcError);
    assert.equal(error.code, RpcCode.ResourceExhausted);
    assert.equal(error.message, '3 GetFlows calls are being served, the most this relay serves');
  });
});
