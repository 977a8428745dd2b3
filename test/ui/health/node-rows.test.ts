import { create } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NodeSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { NodeState } from '../../../proto/gen/relay/relay_pb.ts';
import { LossCause, NodeReportSchema } from '../../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { nodeRows } from '../../../ui/health/node-rows.ts';
import { recentLosses } from '../../../ui/store/losses.ts';

const agent = create(NodeReportSchema, {
  nodeName: 'east/n1',
  component: 'agent',
  flowsDelivered: 500n,
  cpuSeconds: 3,
  uptimeNs: 60_000_000_000n,
  losses: [
    { cause: LossCause.PERF_RING_FULL, events: 7n, last: { seconds: 100n, nanos: 0 } },
    { cause: LossCause.RELAY_LATE, events: 9n, last: { seconds: 100n, nanos: 0 } },
    { cause: LossCause.PEER_UNAVAILABLE, events: 1n, last: { seconds: 50n, nanos: 0 } },
  ],
});
const relay = create(NodeReportSchema, { nodeName: 'all', component: 'relay' });
const node = create(NodeSchema, {
  name: 'east/n1',
  version: 'sluice v1',
  state: NodeState.NODE_CONNECTED,
  numFlows: 100n,
  maxFlows: 200n,
  seenFlows: 400n,
});
const away = create(NodeSchema, { name: 'east/n2', state: NodeState.NODE_UNAVAILABLE });

describe('the rows of nodes', () => {
  it('join what the relay says with what each process says, relays first, the absent among them', () => {
    const rows = nodeRows([away, node], [agent, relay], null);
    assert.deepEqual(
      rows.map(({ name, state }) => [name, state]),
      [
        ['all', NodeState.NODE_CONNECTED],
        ['east/n1', NodeState.NODE_CONNECTED],
        ['east/n2', NodeState.NODE_UNAVAILABLE],
      ],
    );
    const [, row] = rows;
    assert.deepEqual([row.reachMs, row.lost, row.flowsPerSecond], [15_000, 7, null]);
  });

  it('have rates from two answers', () => {
    const last = { atMs: 1000, flows: new Map([['east/n1', 300]]), cpu: new Map([['east/n1', 2.5]]) };
    const [row] = nodeRows([node], [agent], last, 3000);
    assert.deepEqual([row.flowsPerSecond, row.cpuShare], [100, 0.25]);
  });
});

describe('recent losses', () => {
  it('are those after which something is missing, since a time; what is not counted is said', () => {
    assert.deepEqual(
      recentLosses([agent], 0).map(({ cause, isCounted }) => [cause, isCounted]),
      [
        ['PERF_RING_FULL', true],
        ['PEER_UNAVAILABLE', false],
      ],
    );
    assert.deepEqual(
      recentLosses([agent], 60_000).map(({ events }) => events),
      [7],
    );
  });
});
