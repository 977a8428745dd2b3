/**
 * The relay with 16 subscribers, each with a filter of its own, while its 16 agents see 100,000 flows/s: nothing is shared, so that each filter is a stream of its own
 * to every agent. The baseline is one subscriber that wants everything.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { FlowFilterSchema } from '../proto/gen/flow/flow_pb.ts';
import type { Bench } from './report.ts';
import { measureRelay } from './support/measure-relay.ts';
import { reportPaced } from './support/report-paced.ts';

const FOR_MS = 8000;

/** Filters as people use them, over the flows of `support/sample-flows.ts`: from a 23rd of them to all. */
const filters: readonly MessageInitShape<typeof FlowFilterSchema>[] = [
  ...[1, 2, 3, 4, 5, 6].map((team) => ({ sourcePod: [`team-${team}/`] })),
  ...[7, 8, 9].map((team) => ({ destinationPod: [`team-${team}/`] })),
  { sourceLabel: ['version=v1'] },
  { destinationLabel: ['version in (v0, v2)'], sourceLabel: ['version=v2'] },
  { tcpFlags: [{ SYN: true }] },
  { reply: [true], sourcePod: ['team-10/'] },
  { destinationPort: ['8080'], sourceWorkload: [{ name: 'app-3', kind: 'Deployment' }] },
  { verdict: [2] },
  { trafficDirection: [1] },
];

export const run: Bench = async (report) => {
  const load = { peers: 16, size: 'large', flowsPerSecond: 100_000, forMs: FOR_MS } as const;
  const one = await measureRelay('raw-relay.ts', load);
  reportPaced(report, 'relay-filtered', '1 subscriber, no filter', one);
  const many = await measureRelay('raw-relay.ts', {
    ...load,
    requests: filters.map((filter) => ({ follow: true, whitelist: [filter] })),
  });
  reportPaced(report, 'relay-filtered', '16 subscribers, 16 filters', many);
  report({
    bench: 'relay-filtered',
    case: '16 subscribers, 16 filters',
    metric: 'CPU per million delivered',
    value: many.cpuPerMillion,
    unit: 's',
    baseline: '1 subscriber, no filter',
    ratio: many.cpuPerMillion / one.cpuPerMillion,
  });
};
