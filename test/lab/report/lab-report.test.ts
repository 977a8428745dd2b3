import assert from 'node:assert/strict';
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, it } from 'node:test';
import { FlowTally } from '../../../lab/report/flow-watch.ts';
import { makeReport } from '../../../lab/report/lab-report.ts';
import { frameMessage, FrameSplitter } from '../../../proto/flow/frame.ts';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { LossCause, NodeReportSchema } from '../../../proto/gen/sluice/v1/diagnostics_pb.ts';

const endpoint = (name: string) => ({
  clusterName: 'east',
  namespace: 'travel',
  podName: `${name}-0`,
  workloads: [{ name, kind: 'StatefulSet' }],
});

type Init = Parameters<typeof create<typeof GetFlowsResponseSchema>>[1];

function tallyOf(messages: readonly Init[]): FlowTally {
  const tally = new FlowTally();
  for (const message of messages) {
    const bytes = toBinary(GetFlowsResponseSchema, create(GetFlowsResponseSchema, message));
    const run = new FrameSplitter().push(frameMessage(bytes));
    if (run !== null) void tally.add(run);
  }
  return tally;
}

const flow = (source: object, destination: object, isReply?: boolean): Init => ({
  responseTypes: {
    case: 'flow',
    value: { nodeName: 'east/node1', source, destination, ...(isReply !== undefined && { isReply }) },
  },
});

describe('FlowTally', () => {
  const world = { identity: 2, labels: ['reserved:world'] };
  it('names a pair from who began, whichever way a packet goes', () => {
    const tally = tallyOf([
      flow(endpoint('search'), endpoint('fares'), false),
      flow(endpoint('fares'), endpoint('search'), true),
      flow(world, endpoint('frontend'), false),
    ]);
    assert.deepEqual(
      [...tally.pairs],
      ['east/travel/search -> east/travel/fares', 'world -> east/travel/frontend'],
    );
    assert.equal(tally.flows, 3);
    assert.deepEqual([...tally.pods].sort(), [
      'east/travel/fares-0',
      'east/travel/frontend-0',
      'east/travel/search-0',
    ]);
  });

  it('says of no pair who began where a flow does not tell', () => {
    const tally = tallyOf([flow(endpoint('search'), endpoint('fares'))]);
    assert.deepEqual([tally.flows, tally.pairs.size, tally.pods.size], [1, 0, 2]);
  });

  it('adds up what the stream tells as lost, which is no flow', () => {
    const lost: Init = { responseTypes: { case: 'lostEvents', value: { numEventsLost: 7n } } };
    const tally = tallyOf([lost, lost]);
    assert.deepEqual([tally.flows, tally.lostEvents], [0, 14]);
  });
});

describe('makeReport()', () => {
  it('adds losses by cause and costs by kind of process', () => {
    const tally = tallyOf([flow(endpoint('search'), endpoint('fares'), false)]);
    const report = (component: string, cpuSeconds: number, events: bigint) =>
      create(NodeReportSchema, {
        component,
        cpuSeconds,
        residentBytes: 1000n,
        endpoints: 5,
        losses: [{ cause: LossCause.PERF_RING_FULL, events }],
      });
    const diagnostics = [report('agent', 1.25, 3n), report('agent', 2, 4n), report('relay', 0.5, 0n)];
    const made = makeReport({ tally, diagnostics, seconds: 4, restarts: 2 });
    assert.deepEqual(made.cpuSeconds, { agents: 3.25, relays: 0.5 });
    assert.deepEqual(made.residentBytes, { agents: 2000, relays: 1000 });
    assert.equal(made.losses['PERF_RING_FULL'], 7);
    assert.equal(made.losses['PEER_UNAVAILABLE'], 0);
    assert.deepEqual(
      [made.clusters, made.nodes, made.pods, made.podsSeen, made.workloadPairs],
      [1, 1, 10, 2, 1],
    );
    assert.deepEqual([made.flows, made.flowsPerSecond, made.seconds, made.restarts], [1, 0.3, 4, 2]);
  });
});
