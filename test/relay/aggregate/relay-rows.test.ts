import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { aggregateHandler } from '../../../relay/aggregate/aggregate-service.ts';
import { PeerDirectory } from '../../../relay/peer/peer-directory.ts';
import { createRpcServer, parseAddress, RpcCode, RpcError } from '../../../rpc/index.ts';
import { podFrame } from '../../support/build-frames.ts';
import { RowClient } from '../../support/row-client.ts';
import { FakeAgent } from '../support/fake-agent.ts';
import { lostFrame } from '../support/flow-bytes.ts';
import { startRelay } from '../support/run-relay.ts';
import { Scratch } from '../support/scratch.ts';

const KEYS = ['source-workload', 'destination-port'];

describe("a relay's AggregateFlows", () => {
  let scratch: Scratch;
  beforeEach(() => {
    scratch = new Scratch();
  });
  afterEach(() => scratch.clear());

  const agent = async (nodeName: string, isForeign = false): Promise<FakeAgent> =>
    scratch.keep(await new FakeAgent({ address: scratch.socket(nodeName), nodeName, isForeign }).start());
  const relay = async (name: string, peers: readonly { options: { address: string } }[]): Promise<string> => {
    const addresses = peers.map(({ options }) => options.address);
    const started = scratch.keep(await startRelay(scratch.socket(name), addresses, { name }));
    return started.address;
  };
  const ask = (...args: ConstructorParameters<typeof RowClient>) => scratch.keep(new RowClient(...args));

  it('adds up the rows of its peers, and of those that only send flows', async () => {
    const [a, b, foreign] = await Promise.all([agent('n1'), agent('n2'), agent('n3', true)]);
    a.append(podFrame('cart-1', 80), podFrame('pay-1', 443, 2));
    b.append(podFrame('cart-2', 80, 2), lostFrame('n2', 1n, 5), podFrame('cart-2', 81));
    foreign.append(podFrame('cart-3', 80), podFrame('pay-1', 443), lostFrame('n3', 1n, 2));
    const client = ask(await relay('relay', [a, b, foreign]), KEYS);
    assert.equal(await client.ended, null);
    assert.deepEqual(client.flows, { 'shop/cart 80': 3, 'shop/cart 81': 1, 'shop/pay 443': 2 });
    assert.equal(client.lost, 7);
    assert.equal(client.states[0].slice(0, 2), '1 ');
    assert.deepEqual([a.requests.length, a.rowRequests.length], [0, 1], 'rows travel, not flows');
    assert.deepEqual(foreign.requests[0].fieldMask?.paths.includes('source.workloads'), true);
    assert.equal(foreign.requests[0].fieldMask?.paths.includes('source.labels'), false);
  });

  it('passes filters and bounds on to its peers, and refuses what none could answer', async () => {
    const a = await agent('n1');
    a.append(podFrame('cart-1', 80), podFrame('pay-1', 443, 2));
    const address = await relay('relay', [a]);
    const client = ask(address, KEYS, { whitelist: [{ verdict: [2] }] }, { maxRows: 7, intervalMs: 250 });
    await client.ended;
    assert.deepEqual(client.flows, { 'shop/pay 443': 1 });
    const [{ maxRows, intervalMs, flows }] = a.rowRequests;
    assert.deepEqual([maxRows, intervalMs, flows?.whitelist[0].verdict], [7, 250, [2]]);
    const refused = ask(address, []);
    assert.equal((await refused.ended)?.message, 'number of keys 0: expected 1 to 8');
  });

  it('works above other relays', async () => {
    const [a, b] = await Promise.all([agent('n1'), agent('n2')]);
    a.append(podFrame('cart-1', 80));
    b.append(podFrame('cart-1', 80), podFrame('cart-1', 80));
    const below = [await relay('r1', [a]), await relay('r2', [b])];
    const top = await relay(
      'top',
      below.map((address) => ({ options: { address } })),
    );
    const stored = ask(top, KEYS);
    await stored.ended;
    assert.deepEqual(stored.flows, { 'shop/cart 80': 3 });
    assert.ok(stored.states.some((state) => state.startsWith('1 n1')));

    const live = ask(top, KEYS, { follow: true, since: { seconds: 0n, nanos: 0 } }, { intervalMs: 100 });
    await live.until(({ total }) => total === 3);
    a.append(podFrame('new-1', 80, 1, 50));
    await live.until(({ total }) => total === 4);
    assert.equal(live.flows['shop/new 80'], 1);
  });

  it('tells a peer that ends with an error, and answers without it', async () => {
    const [a, b] = await Promise.all([agent('n1'), agent('n2')]);
    a.append(podFrame('cart-1', 80));
    b.refusal = new RpcError(RpcCode.Internal, 'no memory');
    const client = ask(await relay('relay', [a, b]), KEYS);
    assert.equal(await client.ended, null);
    assert.deepEqual(client.flows, { 'shop/cart 80': 1 });
    assert.deepEqual(client.states.slice(1), ['4 n2 code 13: no memory']);
  });

  it('goes on without a peer that is mute, and without one that is gone until it is back', async () => {
    const [a, b, mute] = await Promise.all([agent('n1'), agent('n2'), agent('n3')]);
    mute.isMute = true;
    const client = ask(await relay('relay', [a, b, mute]), KEYS, { follow: true }, { intervalMs: 100 });
    await Promise.all([a.asked(0), b.asked(0), client.until(({ answers }) => answers.length > 1)]);
    a.append(podFrame('cart-1', 80));
    b.append(podFrame('cart-1', 80));
    await client.until(({ total }) => total === 2);

    await b.stop();
    await client.until(({ states }) => states.some((state) => state.startsWith('2 n2')));
    a.append(podFrame('cart-1', 80, 1, 10));
    await client.until(({ total }) => total === 3);

    // What it saw meanwhile is counted, what it had told before is not counted again.
    b.append(podFrame('late-1', 80, 1, 20));
    await b.start(b.ring);
    await client.until(({ total }) => total === 4);
    assert.deepEqual(client.flows, { 'shop/cart 80': 3, 'shop/late 80': 1 });
    assert.ok(client.states.filter((state) => state.startsWith('1 n2')).length >= 1);
  });

  /** A relay's handler that takes peers for silent after 200 ms, over peers that are connected. */
  const impatient = async (...peers: readonly FakeAgent[]): Promise<string> => {
    const address = scratch.socket('impatient');
    const directory = scratch.keep(
      new PeerDirectory({ peers: peers.map(({ options }) => parseAddress(options.address)), log: () => {} }),
    );
    while (directory.ready.length < peers.length)
      await new Promise<void>((resolve) => directory.onEvent(() => resolve()));
    const server = await createRpcServer({
      listen: [parseAddress(address)],
      rawStreams: new Map([
        ['/sluice.v1.Aggregation/AggregateFlows', aggregateHandler('impatient', directory, 200)],
      ]),
    });
    scratch.keep({ close: () => server.close(0) });
    return address;
  };

  it('answers without a peer that stays mute, and says so', async () => {
    const [a, mute] = await Promise.all([agent('n1'), agent('n2')]);
    a.append(podFrame('cart-1', 80));
    mute.isMute = true;
    const client = ask(await impatient(a, mute), KEYS);
    assert.equal(await client.ended, null);
    assert.deepEqual(client.flows, { 'shop/cart 80': 1 });
    assert.deepEqual(client.states.slice(1), ['4 n2 no answer for 0.2 s: its rows are missing']);
  });

  it('tells when a silent peer speaks again, and counts what it has', async () => {
    const mute = await agent('n1');
    mute.isMute = true;
    mute.append(podFrame('cart-1', 80));
    const client = ask(
      await impatient(mute),
      KEYS,
      { follow: true, since: { seconds: 0n, nanos: 0 } },
      { intervalMs: 100 },
    );
    await client.until(({ states }) => states.some((state) => state.startsWith('4 n1 no answer')));
    mute.unmute();
    await client.until(({ total }) => total === 1);
    await client.until(({ states }) => states.at(-1) === '1 n1');
  });

  it('ends at once without peers that could answer', async () => {
    const started = scratch.keep(
      await startRelay(scratch.socket('relay'), [scratch.socket('nobody')], {}, 0),
    );
    const client = ask(started.address, KEYS);
    assert.equal(await client.ended, null);
    assert.equal(client.total, 0);
    assert.match(client.states[0], /^2 .*nobody/);
  });
});
