import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Flow, type FlowFilter, Verdict } from '../../proto/gen/flow/flow_pb.ts';
import { GetFlowsRequestSchema, GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { FlowEnd, GroupField } from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import { buildFilters, type FlowFilters } from '../filter/filter-words.ts';
import { toneOf } from '../map/graph.ts';
import { endWords } from '../model/selection-words.ts';
import { addCounts, type Counts, type Edge, noCounts } from '../model/service-map.ts';
import { nodeOf, type ServiceNode } from '../model/service-node.ts';
import { callStream } from '../stream/call-stream.ts';
import { type CountRow, countFlows } from '../stream/aggregate.ts';

/** A stretch of stored flows. */
export interface Stretch {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly isLive: boolean;
}

/** What one side of an edge said of a port. */
export interface Decision {
  readonly side: 'egress' | 'ingress';
  readonly outcome: 'allowed' | 'denied' | 'would deny';
  /** `kind/namespace/name`; none = no rule matched, where the default is to deny. */
  readonly policies: readonly string[];
  readonly reason: string;
  readonly port: string;
  readonly protocol: string;
  readonly flows: number;
}

/** What the server knows of an edge beyond its counters. */
export interface EdgeFacts {
  readonly decisions: readonly Decision[];
  /** By verdict over time, oldest first, `bucketMs` each. */
  readonly history: readonly Counts[];
  readonly bucketMs: number;
  readonly lastFlow: Flow | null;
}

const BUCKETS = 60;
const { CLUSTER, WORKLOAD, DNS_NAME, NAME, DIRECTION, VERDICT, POLICY, DROP_REASON, PORT, PROTOCOL, TIME } =
  GroupField;
const { CLIENT, SERVER } = FlowEnd;

/** Asks for all that is stored of an edge. Throws CallError. */
export async function loadEdgeFacts(edge: Edge, stretch: Stretch, signal: AbortSignal): Promise<EdgeFacts> {
  const filters = edgeFilters(edge);
  const { sinceMs, untilMs } = stretch;
  const bucketMs = Math.max(1000, Math.ceil((untilMs - sinceMs) / BUCKETS / 1000) * 1000);
  const question = { filters, sinceMs, ...(!stretch.isLive && { untilMs }) };
  const name = edge.from.group === null ? DNS_NAME : NAME;
  const client = [
    { field: CLUSTER, end: CLIENT },
    { field: WORKLOAD, end: CLIENT },
  ];
  const [decided, timed, lastFlow] = await Promise.all([
    countFlows(
      {
        ...question,
        keys: [
          ...client,
          { field: DIRECTION },
          { field: VERDICT },
          { field: POLICY },
          { field: DROP_REASON },
          { field: PORT, end: SERVER },
          { field: PROTOCOL },
        ],
      },
      signal,
    ),
    countFlows(
      { ...question, keys: [...client, { field: name, end: CLIENT }, { field: TIME, bucketMs }] },
      signal,
    ),
    loadLastFlow(edge, stretch, signal),
  ]);
  return {
    decisions: decisionsOf(decided.filter(({ texts }) => isClient(edge.from, texts[0], texts[1]))),
    history: historyOf(
      timed.filter(({ texts }) => isClient(edge.from, texts[0], texts[1])),
      { sinceMs, bucketMs, count: Math.ceil((untilMs - sinceMs) / bucketMs) },
    ),
    bucketMs,
    lastFlow,
  };
}

/** The filters for both directions of an edge's connections. */
export function edgeFilters({ from, to }: Pick<Edge, 'from' | 'to'>): FlowFilters {
  const there = buildFilters([...endWords(from, 'from-'), ...endWords(to, 'to-')]).whitelist;
  const back = buildFilters([...endWords(to, 'from-'), ...endWords(from, 'to-')]).whitelist;
  return { whitelist: [...there, ...back] as FlowFilter[], blacklist: [] };
}

/** Whether the one that opened a connection is the edge's client: the filters let those of the other direction through, too. */
function isClient({ id, island, group }: ServiceNode, cluster: string, workload: string): boolean {
  const node = nodeOf({ cluster, workload, name: '' });
  return island.kind === 'outside' ? node.island.kind === 'outside' : node.id === (group?.id ?? id);
}

/** What each side said, denials first. Rows that neither name a policy nor deny say nothing: they are of packets that no policy was asked about. */
export function decisionsOf(rows: readonly Pick<CountRow, 'texts' | 'counts'>[]): Decision[] {
  const decisions: Decision[] = [];
  for (const { texts, counts } of rows) {
    const [, , direction, verdict, policy, reason, port, protocol] = texts;
    if (direction !== 'egress' && direction !== 'ingress') continue;
    const outcome =
      verdict === 'DROPPED' || verdict === 'ERROR'
        ? 'denied'
        : verdict === 'AUDIT'
          ? 'would deny'
          : 'allowed';
    if (outcome === 'allowed' && policy === '') continue;
    const policies = policy === '' ? [] : policy.split(',').map((each) => each.trim());
    decisions.push({ side: direction, outcome, policies, reason, port, protocol, flows: counts.flows });
  }
  const weight = { denied: 0, 'would deny': 1, allowed: 2 } as const;
  return decisions.sort((a, b) => weight[a.outcome] - weight[b.outcome] || b.flows - a.flows);
}

/** Counts in equal steps of time; times that no row has are empty. */
export function historyOf(
  rows: readonly Pick<CountRow, 'texts' | 'counts'>[],
  {
    sinceMs,
    bucketMs,
    count,
  }: { readonly sinceMs: number; readonly bucketMs: number; readonly count: number },
): Counts[] {
  const first = Math.floor(sinceMs / bucketMs) * bucketMs;
  const steps = Array.from({ length: count + 1 }, noCounts);
  for (const { texts, counts } of rows) {
    const step = steps[Math.round((Date.parse(texts[3]) - first) / bucketMs)];
    if (step !== undefined) addCounts(step, counts);
  }
  return steps;
}

/** The newest flow of the worst that happened: of an edge that was denied, the newest that was. */
async function loadLastFlow(
  edge: Edge,
  { untilMs, isLive }: Stretch,
  signal: AbortSignal,
): Promise<Flow | null> {
  const verdicts = { dropped: [Verdict.DROPPED], error: [Verdict.ERROR], audit: [Verdict.AUDIT] };
  const tone = toneOf(edge.total);
  const verdict = tone in verdicts ? verdicts[tone as keyof typeof verdicts] : [];
  const request = create(GetFlowsRequestSchema, {
    whitelist: edgeFilters(edge).whitelist.map((filter) => ({ ...filter, verdict })),
    number: 1n,
    ...(!isLive && { until: timestampFromMs(untilMs) }),
  });
  let last: Flow | null = null;
  for await (const bytes of callStream(
    'observer.Observer/GetFlows',
    toBinary(GetFlowsRequestSchema, request),
    signal,
  )) {
    const { responseTypes } = fromBinary(GetFlowsResponseSchema, bytes);
    if (responseTypes.case === 'flow') last = responseTypes.value;
  }
  return last;
}
