import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { RowClient } from '../../support/row-client.ts';
import { FakeAgent } from '../support/fake-agent.ts';
import { flowFrame, timestamp } from '../support/flow-bytes.ts';
import { Follower, type RequestInit } from '../support/follow.ts';
import { type RunningRelay, startRelay } from '../support/run-relay.ts';
import { Scratch } from '../support/scratch.ts';

const ALL = 2n ** 64n - 1n;
const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;
const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `f${from + i}`);

describe('a relay that keeps flows on disk', () => {
  const scratch = new Scratch();
  const directory = mkdtempSync(join(tmpdir(), 'sluice-relay-store-'));
  let agent: FakeAgent;
  let relay: RunningRelay;
  let startNs = 0n;
  /** Before this came the flows up to the 100th, behind it the others. */
  let settledNs = 0n;

  const put = (from: number, to: number, atNs: bigint): void =>
    agent.append(
      ...Array.from({ length: to - from }, (_, i) =>
        flowFrame('n1', atNs + BigInt(i) * 1000n, `f${from + i}`),
      ),
    );

  const start = async (): Promise<void> => {
    const store = { directory, maxBytes: 2 ** 26, maxAgeMs: 0 };
    relay = await startRelay(scratch.socket('relay'), [scratch.socket('agent')], { store });
  };

  const ask = async (request: RequestInit): Promise<string[]> => {
    const client = new Follower(relay.address, request);
    assert.equal(await client.ended, null);
    client.close();
    return client.flows;
  };

  /** Has the relay's store settle what came before, so that it answers for that. */
  const settle = (): Promise<unknown> => pause(2600);

  before(async () => {
    agent = scratch.keep(new FakeAgent({ address: scratch.socket('agent'), nodeName: 'n1' }));
    await agent.start();
    startNs = nowNs();
    put(0, 50, startNs - 60_000_000_000n);
    await start();
    await agent.asked();
    put(50, 100, nowNs());
    await settle();
    settledNs = nowNs() - 2_500_000_000n;
    put(100, 110, nowNs());
  });
  after(async () => {
    await relay.stop();
    await scratch.clear();
    rmSync(directory, { recursive: true });
  });

  it('tells everything once: what was before its time, what it has, and what has just happened', async () => {
    assert.deepEqual(await ask({ number: ALL }), numbers(0, 110));
    assert.deepEqual(await ask({ since: timestamp(startNs - 120_000_000_000n) }), numbers(0, 110));
    assert.deepEqual(await ask({ first: true, number: 60n }), numbers(0, 60));
  });

  it('asks its peers only for what it lacks', async () => {
    const before = agent.requests.length;
    const { since: fed } = agent.requests[0];
    const sinceNs = fed!.seconds * 1_000_000_000n + BigInt(fed!.nanos);
    assert.deepEqual(await ask({ since: fed! }), numbers(50, 110));
    assert.equal(agent.requests.length, before + 1);
    const { since } = agent.requests.at(-1)!;
    assert.ok(since!.seconds * 1_000_000_000n + BigInt(since!.nanos) > sinceNs);
  });

  it('does not ask them at all for what it has', async () => {
    const { since } = agent.requests[0];
    const before = agent.requests.length;
    assert.deepEqual(await ask({ since: since!, until: timestamp(settledNs) }), numbers(50, 100));
    assert.equal(agent.requests.length, before);
  });

  it('leaves it to its peers to count a number of flows, as each counts for itself', async () => {
    const before = agent.requests.length;
    assert.deepEqual(await ask({ number: 30n }), numbers(80, 110));
    assert.deepEqual(await ask({ number: 5n }), numbers(105, 110));
    assert.deepEqual(await ask({ number: 100n }), numbers(10, 110));
    assert.deepEqual(
      agent.requests.slice(before).map(({ number }) => number),
      [30n, 5n, 100n],
    );
  });

  it('counts what it has on disk, and has its peers count the rest', async () => {
    const count = async (...args: [RequestInit?]): Promise<Record<string, number>> => {
      const client = new RowClient(relay.address, ['verdict'], ...args);
      assert.equal(await client.ended, null);
      client.close();
      assert.equal(client.answers.length, 1);
      return client.flows;
    };
    const before = agent.rowRequests.length;
    const all = await count();
    assert.deepEqual(Object.values(all), [110]);
    assert.equal(agent.rowRequests.length, before + 2);
    const { since } = agent.requests[0];
    const until = timestamp(settledNs);
    assert.deepEqual(Object.values(await count({ since: since!, until })), [50]);
    assert.equal(agent.rowRequests.length, before + 2);
  });

  it('follows from the past into the future', async () => {
    const client = new Follower(relay.address, { follow: true, since: agent.requests[0].since! });
    await client.until(({ flows }) => flows.length >= 60);
    put(110, 120, nowNs());
    await client.until(({ flows }) => flows.length >= 70);
    client.close();
    assert.deepEqual(client.flows, numbers(50, 120));
  });

  it('has after a restart what it had before', async () => {
    await settle();
    await relay.stop();
    await start();
    assert.deepEqual(await ask({ number: ALL }), numbers(0, 120));
  });
});
