import { type FlowFilter, FlowFilterSchema, Verdict } from '../../gen/flow/flow_pb.ts';
import { type FieldPath, fieldPath } from '../field-path.ts';
import type { FlowIndex, PairMatch, TextMatch } from '../flow-index.ts';
import { ENVELOPE_FLOW } from '../peek-flow.ts';
import { FilterError } from './filter-error.ts';
import {
  checkHttpEventTypes,
  compileHeaderMatch,
  compileMethodMatch,
  compileStatusCodeMatch,
} from './http-match.ts';
import { type CelFailure, compileCelMatch } from './cel/cel-match.ts';
import { FilterBudget } from './filter-budget.ts';
import { compileIpMatch } from './ip-match.ts';
import { compileLabelMatch } from './label-match.ts';
import { compileNamePrefixMatch, compileWorkloadMatch } from './name-match.ts';
import { compileFqdnMatch, compileNodeNameMatch } from './pattern-match.ts';
import {
  compilePortMatch,
  compileProtocolMatch,
  compileTcpFlagsMatch,
  destinationPortPaths,
  sourcePortPaths,
} from './protocol-match.ts';
import { compileDnsQueryMatch, compilePathMatch, compileUrlMatch } from './regex-match.ts';
import { compileExactMatch, equalsText } from './text-match.ts';

/** Test of one flow through its lazy index. */
export type FlowMatch = (index: FlowIndex) => boolean;

const verdict = fieldPath('verdict');
const isReply = fieldPath('is_reply');
const isReplyValue = fieldPath('is_reply.value');
const eventType = fieldPath('event_type');
const eventTypeNumber = fieldPath('event_type.type');
const eventSubType = fieldPath('event_type.sub_type');
const networkInterface = fieldPath('interface');
const interfaceIndex = fieldPath('interface.index');
const interfaceName = fieldPath('interface.name');

const utf8 = new TextEncoder();

/** Equality with any of some numbers. */
function numberMatch(values: readonly number[], path: FieldPath): FlowMatch {
  if (values.length === 1) return (index) => index.int32(path) === values[0];
  const wanted = new Set(values);
  return (index) => wanted.has(index.int32(path));
}

function identityMatch(values: readonly number[], side: string): FlowMatch {
  const endpoint = fieldPath(side);
  const identity = fieldPath(`${side}.identity`);
  const wanted = new Set(values);
  return (index) => index.has(endpoint) && wanted.has(index.uint32(identity));
}

function textMatch(match: TextMatch, path: FieldPath): FlowMatch {
  return (index) => index.matchText(path, match);
}

function anyTextMatch(match: TextMatch, path: FieldPath): FlowMatch {
  return (index) => index.someText(path, match);
}

function pairMatch(match: PairMatch, message: string, name1: string, name2: string): FlowMatch {
  const path1 = fieldPath(`${message}.${name1}`);
  const path2 = fieldPath(`${message}.${name2}`);
  return (index) => index.matchPair(path1, path2, match);
}

function anyPairMatch(match: PairMatch, path: FieldPath): FlowMatch {
  return (index) => index.somePair(path, match);
}

function clusterMatch(field: string, values: readonly string[], path: FieldPath): FlowMatch {
  if (values.includes('')) throw new FilterError(field, '', 'expected a cluster name');
  return textMatch(compileExactMatch(values), path);
}

/** A drop of unknown direction counts as no reply: what Hubble's UI relies on. */
function replyMatch(values: readonly boolean[]): FlowMatch {
  const wanted = new Set(values);
  return (index) =>
    index.has(isReply)
      ? wanted.has(index.bool(isReplyValue))
      : wanted.has(false) && index.int32(verdict) === Verdict.DROPPED;
}

function eventTypeMatch(values: FlowFilter['eventType']): FlowMatch {
  return (index) => {
    if (!index.has(eventType)) return false;
    const type = index.int32(eventTypeNumber);
    const subType = index.int32(eventSubType);
    return values.some(
      (entry) =>
        (entry.type === 0 || entry.type === type) && (!entry.matchSubType || entry.subType === subType),
    );
  };
}

function interfaceMatch(values: FlowFilter['interface']): FlowMatch {
  const wanted = values.map(({ index, name }) => ({ index, name: utf8.encode(name) }));
  return (index) =>
    index.has(networkInterface) &&
    wanted.some(
      (entry) =>
        (entry.index === 0 || entry.index === index.uint32(interfaceIndex)) &&
        (entry.name.length === 0 ||
          index.matchText(interfaceName, (bytes, start, end) => equalsText(bytes, start, end, entry.name))),
    );
}

/** Compiles the values of one field of a filter. Throws FilterError. */
type FieldCompiler<K extends keyof FlowFilter> = (values: FlowFilter[K], budget: FilterBudget) => FlowMatch;

/** How each repeated field is compiled, cheap tests first. */
const fieldCompilers: {
  readonly [K in Exclude<keyof FlowFilter, '$typeName' | '$unknown' | 'experimental'>]: FieldCompiler<K>;
} = {
  verdict: (values) => numberMatch(values, verdict),
  trafficDirection: (values) => numberMatch(values, fieldPath('traffic_direction')),
  dropReasonDesc: (values) => {
    const matches = numberMatch(values, fieldPath('drop_reason_desc'));
    return (index) => index.int32(verdict) === Verdict.DROPPED && matches(index);
  },
  eventType: eventTypeMatch,
  reply: replyMatch,
  ipVersion: (values) => numberMatch(values, fieldPath('IP.ipVersion')),
  encrypted: (values) => {
    const path = fieldPath('IP.encrypted');
    return (index) => values.includes(index.bool(path));
  },
  sourceIdentity: (values) => identityMatch(values, 'source'),
  destinationIdentity: (values) => identityMatch(values, 'destination'),
  protocol: compileProtocolMatch,
  sourcePort: (values) => compilePortMatch('source_port', values, sourcePortPaths),
  destinationPort: (values) => compilePortMatch('destination_port', values, destinationPortPaths),
  tcpFlags: compileTcpFlagsMatch,
  uuid: (values) => textMatch(compileExactMatch(values), fieldPath('uuid')),
  traceId: (values) => textMatch(compileExactMatch(values), fieldPath('trace_context.parent.trace_id')),
  ipTraceId: (values) => {
    const path = fieldPath('ip_trace_id.trace_id');
    const wanted = new Set(values);
    return (index) => wanted.has(index.uint64(path));
  },
  sourcePod: (values) =>
    pairMatch(compileNamePrefixMatch('source_pod', values), 'source', 'namespace', 'pod_name'),
  destinationPod: (values) =>
    pairMatch(compileNamePrefixMatch('destination_pod', values), 'destination', 'namespace', 'pod_name'),
  sourceService: (values) =>
    pairMatch(compileNamePrefixMatch('source_service', values), 'source_service', 'namespace', 'name'),
  destinationService: (values) =>
    pairMatch(
      compileNamePrefixMatch('destination_service', values),
      'destination_service',
      'namespace',
      'name',
    ),
  sourceClusterName: (values) =>
    clusterMatch('source_cluster_name', values, fieldPath('source.cluster_name')),
  destinationClusterName: (values) =>
    clusterMatch('destination_cluster_name', values, fieldPath('destination.cluster_name')),
  sourceIp: (values) => textMatch(compileIpMatch('source_ip', values), fieldPath('IP.source')),
  destinationIp: (values) => textMatch(compileIpMatch('destination_ip', values), fieldPath('IP.destination')),
  sourceIpXlated: (values) =>
    textMatch(compileIpMatch('source_ip_xlated', values), fieldPath('IP.source_xlated')),
  nodeName: (values) => textMatch(compileNodeNameMatch('node_name', values), fieldPath('node_name')),
  interface: interfaceMatch,
  sourceWorkload: (values) => anyPairMatch(compileWorkloadMatch(values), fieldPath('source.workloads')),
  destinationWorkload: (values) =>
    anyPairMatch(compileWorkloadMatch(values), fieldPath('destination.workloads')),
  sourceFqdn: (values) => anyTextMatch(compileFqdnMatch('source_fqdn', values), fieldPath('source_names')),
  destinationFqdn: (values) =>
    anyTextMatch(compileFqdnMatch('destination_fqdn', values), fieldPath('destination_names')),
  sourceLabel: (values) => compileLabelMatch('source_label', values, fieldPath('source.labels')),
  destinationLabel: (values) =>
    compileLabelMatch('destination_label', values, fieldPath('destination.labels')),
  nodeLabels: (values) => compileLabelMatch('node_labels', values, fieldPath('node_labels')),
  httpStatusCode: compileStatusCodeMatch,
  httpMethod: compileMethodMatch,
  httpHeader: compileHeaderMatch,
  httpPath: compilePathMatch,
  httpUrl: compileUrlMatch,
  dnsQuery: compileDnsQueryMatch,
};

const fieldNames = Object.keys(fieldCompilers) as (keyof typeof fieldCompilers)[];

/** The constraints of a filter, one for each field that has values. */
function compileFields(filter: FlowFilter, budget: FilterBudget): FlowMatch[] {
  return fieldNames
    .filter((name) => filter[name].length > 0)
    .map((name) => {
      budget.takeValues(FlowFilterSchema.field[name].name, filter[name]);
      return (fieldCompilers[name] as FieldCompiler<never>)(filter[name] as never, budget);
    });
}

/**
 * Compiles one filter: the AND of its fields. A filter without fields matches every flow. The filters of one request share a budget. Throws FilterError.
 */
export function compileFilter(
  filter: FlowFilter,
  budget = new FilterBudget(),
  onCelFailure?: CelFailure,
): FlowMatch {
  checkHttpEventTypes(filter);
  const expressions = filter.experimental?.celExpression ?? [];
  const matches = compileFields(filter, budget);
  // Last, being the dearest.
  if (expressions.length > 0) matches.push(compileCelMatch(expressions, budget, onCelFailure));
  if (matches.length === 1) return matches[0];
  return (index) => matches.every((match) => match(index));
}

/**
 * Compiles the lists of a request: delivered is what any whitelist entry matches (everything, when there is none) and no blacklist entry does.
 * Returns null when nothing is constrained, so that callers can leave the index out. Throws FilterError; the whitelist is looked at first.
 * Only flows are to be tested: lost events and node status pass every filter. `onCelFailure` is told of flows on which a CEL expression fails.
 */
export function compileFlowFilters(
  whitelist: readonly FlowFilter[],
  blacklist: readonly FlowFilter[],
  onCelFailure?: CelFailure,
): FlowMatch | null {
  const budget = new FilterBudget();
  const allow = whitelist.map((filter) => compileFilter(filter, budget, onCelFailure));
  const deny = blacklist.map((filter) => compileFilter(filter, budget, onCelFailure));
  if (allow.length === 0 && deny.length === 0) return null;
  return (index) =>
    index.kind !== ENVELOPE_FLOW ||
    ((allow.length === 0 || allow.some((match) => match(index))) && !deny.some((match) => match(index)));
}
