/** Filtering encoded flows: compiled filters over the lazy index against decoding each flow and testing the object, in CPU time of one thread. */
import { celEnv, parse, plan } from '@bufbuild/cel';
import { create, createRegistry, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { compileFlowFilters } from '../proto/flow/filter/compile-filter.ts';
import { FlowIndex } from '../proto/flow/flow-index.ts';
import { type Flow, file_flow_flow, type FlowFilter, FlowFilterSchema } from '../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../proto/gen/observer/observer_pb.ts';
import { cpuSeconds, median, type Bench } from './report.ts';
import { mixedFlows } from './support/mixed-flows.ts';

const FLOWS = 2000;
const ROUNDS = 7;
const ROUND_SECONDS = 0.05;

type FilterInit = MessageInitShape<typeof FlowFilterSchema>;

interface Case {
  readonly name: string;
  readonly allow?: readonly FilterInit[];
  readonly deny?: readonly FilterInit[];
  /** The same over a decoded flow, as one would write it for this filter alone. */
  readonly plain: (flow: Flow) => boolean;
}

const labelOf = (labels: readonly string[] | undefined, key: string): string | undefined =>
  labels?.find((label) => label.startsWith(`k8s:${key}=`))?.slice(key.length + 5);
const portOf = (flow: Flow): number | undefined => {
  const protocol = flow.l4?.protocol;
  return protocol?.case === 'TCP' || protocol?.case === 'UDP' ? protocol.value.destinationPort : undefined;
};
const httpOf = (flow: Flow) => (flow.l7?.record.case === 'http' ? flow.l7.record.value : undefined);

const EXPRESSION = '_flow.source.namespace == "team-1" && _flow.l4.TCP.destination_port == 8080u';
const evaluate = plan(
  celEnv({ namespace: 'flow', registry: createRegistry(file_flow_flow) }),
  parse(EXPRESSION),
);

const cases: readonly Case[] = [
  { name: 'verdict', allow: [{ verdict: [2] }], plain: (flow) => flow.verdict === 2 },
  {
    name: 'drop reason',
    allow: [{ dropReasonDesc: [133] }],
    plain: (flow) => flow.verdict === 2 && flow.dropReasonDesc === 133,
  },
  {
    name: 'event type and point',
    allow: [{ eventType: [{ type: 4, matchSubType: true, subType: 3 }] }],
    plain: ({ eventType }) => eventType?.type === 4 && eventType.subType === 3,
  },
  {
    name: 'namespace',
    allow: [{ sourcePod: ['team-1/'] }],
    plain: (flow) => flow.source?.namespace === 'team-1',
  },
  {
    name: 'pod, either end',
    allow: [{ sourcePod: ['team-2/app-2'] }, { destinationPod: ['team-2/app-2'] }],
    plain: (flow) =>
      [flow.source, flow.destination].some(
        (end) => end?.namespace === 'team-2' && end.podName.startsWith('app-2'),
      ),
  },
  {
    name: 'pod and port',
    allow: [{ destinationPod: ['team-1/'], destinationPort: ['8080'] }],
    plain: (flow) => flow.destination?.namespace === 'team-1' && portOf(flow) === 8080,
  },
  {
    name: 'label',
    allow: [{ sourceLabel: ['k8s:app=app-7'] }],
    plain: (flow) => labelOf(flow.source?.labels, 'app') === 'app-7',
  },
  {
    name: 'label set',
    allow: [{ destinationLabel: ['app in (app-1,app-2),version!=v0'] }],
    plain: (flow) =>
      ['app-1', 'app-2'].includes(labelOf(flow.destination?.labels, 'app') ?? '') &&
      labelOf(flow.destination?.labels, 'version') !== 'v0',
  },
  {
    name: 'identity',
    allow: [{ sourceIdentity: [65_540, 65_541] }],
    plain: (flow) => flow.source !== undefined && [65_540, 65_541].includes(flow.source.identity),
  },
  {
    name: 'address range',
    allow: [{ destinationIp: ['10.2.16.0/20'] }],
    plain: (flow) => {
      const [a, b, c] = (flow.IP?.destination ?? '').split('.').map(Number);
      return a === 10 && b === 2 && c >> 4 === 1;
    },
  },
  {
    name: 'DNS name',
    allow: [{ destinationFqdn: ['*.example.org'] }],
    plain: (flow) => flow.destinationNames.some((name) => /^[-a-z0-9.]*\.example\.org$/.test(name)),
  },
  {
    name: 'TCP flags',
    allow: [{ protocol: ['tcp'], tcpFlags: [{ SYN: true }] }],
    plain: ({ l4 }) => l4?.protocol.case === 'TCP' && l4.protocol.value.flags?.SYN === true,
  },
  {
    name: 'all but DNS and replies',
    deny: [{ destinationPort: ['53'] }, { reply: [true] }],
    plain: (flow) => portOf(flow) !== 53 && flow.isReply !== true,
  },
  {
    name: 'HTTP status',
    allow: [{ httpStatusCode: ['5+'] }],
    plain: (flow) => String(httpOf(flow)?.code ?? 0).startsWith('5'),
  },
  {
    name: 'HTTP path, regular expression',
    allow: [{ httpPath: ['^/api/v[12]/orders'] }],
    plain: (flow) => {
      const url = httpOf(flow)?.url ?? '';
      return url !== '' && /^\/api\/v[12]\/orders/.test(new URL(url).pathname);
    },
  },
  {
    name: 'CEL',
    allow: [{ experimental: { celExpression: [EXPRESSION] } }],
    plain: (flow) => evaluate({ _flow: flow }) === true,
  },
];

function nsPerFlow(work: () => void): number {
  const start = cpuSeconds();
  let passes = 0;
  do {
    work();
    passes++;
  } while (cpuSeconds() - start < ROUND_SECONDS);
  return ((cpuSeconds() - start) * 1e9) / (passes * FLOWS);
}

export const run: Bench = async (report) => {
  const frames = mixedFlows(FLOWS);
  const index = new FlowIndex();
  const filter = (init: FilterInit): FlowFilter => create(FlowFilterSchema, init);
  const measured = cases.map(({ name, allow = [], deny = [], plain }) => {
    const match = compileFlowFilters(allow.map(filter), deny.map(filter));
    let lazyMatches = 0;
    let plainMatches = 0;
    const lazy = (): void => {
      lazyMatches = 0;
      for (const frame of frames) {
        index.reset(frame, 0, frame.length);
        if (match?.(index) === true) lazyMatches++;
      }
    };
    const decoded = (): void => {
      plainMatches = 0;
      for (const frame of frames) {
        const { responseTypes } = fromBinary(GetFlowsResponseSchema, frame);
        if (responseTypes.case === 'flow' && plain(responseTypes.value)) plainMatches++;
      }
    };
    lazy();
    decoded();
    if (lazyMatches !== plainMatches || lazyMatches === 0) {
      throw new Error(`filter "${name}" matches ${lazyMatches} flows, decoded ones ${plainMatches}`);
    }
    return { name, lazy, decoded, lazyNs: [] as number[], decodedNs: [] as number[] };
  });
  for (let round = 0; round < ROUNDS; round++) {
    for (const { lazy, decoded, lazyNs, decodedNs } of measured) {
      lazyNs.push(nsPerFlow(lazy));
      decodedNs.push(nsPerFlow(decoded));
    }
  }
  const row = { bench: 'filters', metric: 'CPU per flow', unit: 'ns' };
  const sums = { lazy: 0, decoded: 0 };
  for (const { name, lazyNs, decodedNs } of measured) {
    const lazy = median(lazyNs);
    const decoded = median(decodedNs);
    sums.lazy += lazy;
    sums.decoded += decoded;
    report({ ...row, case: name, value: lazy, baseline: 'decode, then filter', ratio: lazy / decoded });
  }
  report({
    ...row,
    case: `mean of ${measured.length} filters`,
    value: sums.lazy / measured.length,
    baseline: 'decode, then filter',
    ratio: sums.lazy / sums.decoded,
  });
  report({
    ...row,
    case: 'decode, then filter',
    value: sums.decoded / measured.length,
    baseline: null,
    ratio: null,
  });
};
