import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { NodeState } from '../../proto/gen/relay/relay_pb.ts';
import { Diagnostics } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { callUnary, parseAddress, RpcConnection } from '../../rpc/index.ts';
import { FakeAgent } from '../relay/support/fake-agent.ts';
import { flowFrame } from '../relay/support/flow-bytes.ts';
import { Follower, type RequestInit } from '../relay/support/follow.ts';
import { type RunningRelay, startRelay } from '../relay/support/run-relay.ts';
import { Scratch } from '../relay/support/scratch.ts';

const { NODE_CONNECTED, NODE_UNAVAILABLE } = NodeState;
const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

/** Two clusters of two agents, a relay each, and one above them. */
describe('a relay above relays', () => {
  let scratch: Scratch;
  let agents: Map<string, FakeAgent>;
  let relays: Map<string, RunningRelay>;
  let top: RunningRelay;
  let connection: RpcConnection;

  beforeEach(async () => {
    scratch = new Scratch();
    agents = new Map();
    relays = new Map();
    for (const cluster of ['east', 'west']) {
      const addresses: string[] = [];
      for (const node of ['n1', 'n2']) {
        const nodeName = `${cluster}/${node}`;
        const address = scratch.socket(`${cluster}-${node}`);
        addresses.push(address);
        const namespaces = [{ cluster, namespace: 'app' }];
        agents.set(nodeName, scratch.keep(await new FakeAgent({ address, nodeName, namespaces }).start()));
      }
      relays.set(
        cluster,
        scratch.keep(await startRelay(scratch.socket(cluster), addresses, { name: cluster })),
      );
    }
    top = scratch.keep(
      await startRelay(scratch.socket('top'), [scratch.socket('east'), scratch.socket('west')], {
        name: 'top',
      }),
    );
    connection = scratch.keep(new RpcConnection(parseAddress(top.address)));
  });
  afterEach(() => scratch.clear());

  const follow = (request: RequestInit = { follow: true }): Follower =>
    scratch.keep(new Follower(top.address, request));

  const connected = (follower: Follower): string[] =>
    follower.words
      .filter((word) => word.startsWith(`status ${NODE_CONNECTED} `))
      .flatMap((word) => word.split(' ')[2].split(','))
      .sort();

  it('merges what the nodes of all clusters stored, by time, and keeps their names', async () => {
    const base = nowNs() - 60_000_000_000n;
    const names = [...agents.keys()];
    for (let i = 0; i < 400; i++) {
      const name = names[((i * (i + 1)) / 2) % 4];
      agents.get(name)!.append(flowFrame(name, base + BigInt(i) * 1000n, String(i)));
    }
    const client = follow({});
    assert.equal(await client.ended, null);
    assert.deepEqual(
      client.flows,
      Array.from({ length: 400 }, (_, i) => String(i)),
    );
    const nodes = new Set(
      client.responses
        .filter(({ responseTypes }) => responseTypes.case === 'flow')
        .map(({ nodeName }) => nodeName),
    );
    assert.deepEqual([...nodes].sort(), names);
    assert.deepEqual(connected(client), names);
    const firstFlow = client.words.indexOf('0');
    assert.ok(
      client.words.slice(0, firstFlow).every((word) => word.startsWith('status')),
      'states come first',
    );
  });

  it('counts and lists the nodes below, not the relays', async () => {
    const status = await callUnary(connection, Observer.method.serverStatus, {});
    assert.equal(status.numConnectedNodes, 4);
    assert.equal(status.numUnavailableNodes, 0);
    const { nodes } = await callUnary(connection, Observer.method.getNodes, {});
    assert.deepEqual(nodes.map(({ name }) => name).sort(), ['east/n1', 'east/n2', 'west/n1', 'west/n2']);
    const { namespaces } = await callUnary(connection, Observer.method.getNamespaces, {});
    assert.deepEqual(
      namespaces.map(({ cluster, namespace }) => `${cluster}/${namespace}`),
      ['east/app', 'west/app'],
    );
    const report = await callUnary(connection, Diagnostics.method.getStatus, {});
    assert.deepEqual(
      report.nodes.map(({ component, nodeName }) => `${component} ${nodeName}`),
      [
        'relay top',
        'relay east',
        'agent east/n1',
        'agent east/n2',
        'relay west',
        'agent west/n1',
        'agent west/n2',
      ],
    );
  });

  it('tells when a node below is lost, and of all nodes behind a relay that is', async () => {
    const client = follow();
    await client.until((follower) => connected(follower).length === 4);
    await agents.get('east/n1')!.stop();
    await client.sees(`status ${NODE_UNAVAILABLE} east/n1`);
    await relays.get('west')!.stop();
    await client.sees(`status ${NODE_UNAVAILABLE} west/n1,west/n2`);
    const status = await callUnary(connection, Observer.method.serverStatus, {});
    assert.equal(status.numConnectedNodes, 1);
    assert.equal(status.numUnavailableNodes, 3);
    assert.deepEqual([...status.unavailableNodes].sort(), ['east/n1', 'west/n1', 'west/n2']);
    const { nodes } = await callUnary(connection, Observer.method.getNodes, {});
    assert.deepEqual(
      nodes
        .filter(({ state }) => state === NodeState.NODE_UNAVAILABLE)
        .map(({ name }) => name)
        .sort(),
      ['east/n1', 'west/n1', 'west/n2'],
    );
  });

  it('goes on where it broke off when a relay below was killed: nothing twice, nothing missing', async () => {
    const client = follow();
    const west = agents.get('west/n1')!;
    const east = agents.get('east/n1')!;
    await Promise.all([west.asked(), east.asked()]);
    west.append(flowFrame('west/n1', nowNs(), 'before'));
    await client.sees('before');
    await relays.get('west')!.stop();
    await client.until(({ words }) => words.some((word) => word.startsWith(`status ${NODE_UNAVAILABLE}`)));
    west.append(flowFrame('west/n1', nowNs(), 'meanwhile'));
    east.append(flowFrame('east/n1', nowNs(), 'elsewhere'));
    await client.sees('elsewhere');
    const addresses = ['n1', 'n2'].map((node) => scratch.socket(`west-${node}`));
    scratch.keep(await startRelay(scratch.socket('west'), addresses, { name: 'west' }));
    await client.sees('meanwhile');
    west.append(flowFrame('west/n1', nowNs(), 'after'));
    await client.sees('after');
    assert.deepEqual(
      client.flows.filter((word) => word !== 'elsewhere'),
      ['before', 'meanwhile', 'after'],
    );
  });

  it('tells a client that joins a running stream the states of all nodes as they are now', async () => {
    const first = follow();
    await first.until((follower) => connected(follower).length === 4);
    await agents.get('east/n2')!.stop();
    await first.sees(`status ${NODE_UNAVAILABLE} east/n2`);
    const second = follow();
    await second.sees(`status ${NODE_UNAVAILABLE} east/n2`);
    assert.deepEqual(connected(second), ['east/n1', 'west/n1', 'west/n2']);
    assert.equal(agents.get('west/n1')!.requests.length, 1, 'both share one stream');
  });
});
