import { type FlowFilter, FlowFilterSchema } from '../../gen/flow/flow_pb.ts';
import { ENVELOPE_FLOW } from '../peek-flow.ts';
import { type FlowIndex } from '../flow-index.ts';
import { FilterError } from './filter-error.ts';
import { compileIpMatch } from './ip-match.ts';
import { compileFqdnMatch, compileNamePrefixMatch, compileNodeNameMatch } from './name-match.ts';
import { compilePortMatch, compileProtocolMatch, compileTcpFlagsMatch } from './protocol-match.ts';

/** Test of one flow through its lazy index. */
export type FlowMatch = (index: FlowIndex) => boolean;

/** Fields that a later version will know; until then a filter that uses one is refused, since ignoring it would show the wrong flows. */
const unsupportedFields = [
  'sourceLabel',
  'destinationLabel',
  'nodeLabels',
  'httpStatusCode',
  'httpMethod',
  'httpPath',
  'httpUrl',
  'httpHeader',
  'dnsQuery',
  'traceId',
  'ipTraceId',
  'experimental',
] as const;

const VERDICT_DROPPED = 2;

/** Field by field, cheap ones first: each yields a test, or nothing when the filter does not constrain it. */
const fieldCompilers: readonly ((filter: FlowFilter) => FlowMatch | null)[] = [
  ({ verdict }) => oneOf(verdict, (index) => index.verdict),
  ({ trafficDirection }) => oneOf(trafficDirection, (index) => index.trafficDirection),
  ({ ipVersion }) => oneOf(ipVersion, (index) => index.ipVersion),
  ({ encrypted }) => oneOf(encrypted, (index) => index.encrypted),
  ({ reply }) =>
    // A drop of unknown direction counts as no reply: what Hubble's UI relies on.
    oneOf(reply, (index) => index.isReply ?? (index.verdict === VERDICT_DROPPED ? false : undefined)),
  ({ dropReasonDesc }) =>
    oneOf(dropReasonDesc, (index) => (index.verdict === VERDICT_DROPPED ? index.dropReasonDesc : undefined)),
  ({ eventType }) =>
    either(eventType.length, (index) => {
      if (!index.hasEventType) return false;
      const type = index.eventType;
      const subType = index.eventSubType;
      return eventType.some(
        (entry) =>
          (entry.type === 0 || entry.type === type) && (!entry.matchSubType || entry.subType === subType),
      );
    }),
  ({ sourceIdentity }) =>
    oneOf(sourceIdentity, (index) => (index.hasSource ? index.sourceIdentity : undefined)),
  ({ destinationIdentity }) =>
    oneOf(destinationIdentity, (index) => (index.hasDestination ? index.destinationIdentity : undefined)),
  ({ protocol }) => (protocol.length > 0 ? compileProtocolMatch(protocol) : null),
  ({ sourcePort }) => (sourcePort.length > 0 ? compilePortMatch('source_port', sourcePort, 'first') : null),
  ({ destinationPort }) =>
    destinationPort.length > 0 ? compilePortMatch('destination_port', destinationPort, 'second') : null,
  ({ tcpFlags }) => (tcpFlags.length > 0 ? compileTcpFlagsMatch(tcpFlags) : null),
  ({ sourcePod }) => {
    if (sourcePod.length === 0) return null;
    const matches = compileNamePrefixMatch('source_pod', sourcePod);
    return (index) => matches(index.sourceNamespace, index.sourcePodName);
  },
  ({ destinationPod }) => {
    if (destinationPod.length === 0) return null;
    const matches = compileNamePrefixMatch('destination_pod', destinationPod);
    return (index) => matches(index.destinationNamespace, index.destinationPodName);
  },
  ({ sourceService }) => serviceMatch('source_service', sourceService, (index) => index.sourceService),
  ({ destinationService }) =>
    serviceMatch('destination_service', destinationService, (index) => index.destinationService),
  ({ sourceWorkload }) => workloadMatch(sourceWorkload, (index) => index.source.workloads),
  ({ destinationWorkload }) => workloadMatch(destinationWorkload, (index) => index.destination.workloads),
  ({ sourceClusterName }) =>
    clusterMatch('source_cluster_name', sourceClusterName, (index) => index.sourceClusterName),
  ({ destinationClusterName }) =>
    clusterMatch('destination_cluster_name', destinationClusterName, (index) => index.destinationClusterName),
  ({ sourceIp }) => ipMatch('source_ip', sourceIp, (index) => index.sourceIp),
  ({ destinationIp }) => ipMatch('destination_ip', destinationIp, (index) => index.destinationIp),
  ({ sourceIpXlated }) => ipMatch('source_ip_xlated', sourceIpXlated, (index) => index.sourceIpXlated),
  ({ nodeName }) => {
    if (nodeName.length === 0) return null;
    const matches = compileNodeNameMatch('node_name', nodeName);
    return (index) => matches(index.nodeName);
  },
  ({ sourceFqdn }) => fqdnMatch('source_fqdn', sourceFqdn, (index) => index.sourceNames),
  ({ destinationFqdn }) => fqdnMatch('destination_fqdn', destinationFqdn, (index) => index.destinationNames),
  ({ interface: interfaces }) =>
    either(
      interfaces.length,
      (index) =>
        index.hasInterface &&
        interfaces.some(
          (entry) =>
            (entry.index === 0 || entry.index === index.interfaceIndex) &&
            (entry.name === '' || entry.name === index.interfaceName),
        ),
    ),
  ({ uuid }) => oneOf(uuid, (index) => index.uuid),
];

function either(count: number, match: FlowMatch): FlowMatch | null {
  return count > 0 ? match : null;
}

/** Equality with any of the values; a flow that lacks the datum (undefined) never matches. */
function oneOf<T>(values: readonly T[], read: (index: FlowIndex) => T | undefined): FlowMatch | null {
  if (values.length === 0) return null;
  const wanted = new Set(values);
  return (index) => {
    const value = read(index);
    return value !== undefined && wanted.has(value);
  };
}

function ipMatch(
  field: string,
  values: readonly string[],
  read: (index: FlowIndex) => string,
): FlowMatch | null {
  if (values.length === 0) return null;
  const matches = compileIpMatch(field, values);
  return (index) => matches(read(index));
}

function fqdnMatch(
  field: string,
  values: readonly string[],
  read: (index: FlowIndex) => readonly string[],
): FlowMatch | null {
  if (values.length === 0) return null;
  const matches = compileFqdnMatch(field, values);
  return (index) => read(index).some(matches);
}

function serviceMatch(
  field: string,
  values: readonly string[],
  read: (index: FlowIndex) => { namespace: string; name: string } | null,
): FlowMatch | null {
  if (values.length === 0) return null;
  const matches = compileNamePrefixMatch(field, values);
  return (index) => {
    const service = read(index);
    return service !== null && matches(service.namespace, service.name);
  };
}

function workloadMatch(
  values: readonly { name: string; kind: string }[],
  read: (index: FlowIndex) => readonly { name: string; kind: string }[],
): FlowMatch | null {
  return either(values.length, (index) =>
    read(index).some((workload) =>
      values.some(
        (value) =>
          (value.name === '' || value.name === workload.name) &&
          (value.kind === '' || value.kind === workload.kind),
      ),
    ),
  );
}

function clusterMatch(
  field: string,
  values: readonly string[],
  read: (index: FlowIndex) => string,
): FlowMatch | null {
  if (values.includes('')) throw new FilterError(field, '', 'expected a cluster name');
  return oneOf(values, read);
}

/** Compiles one filter: the AND of its fields. A filter without fields matches every flow. Throws FilterError. */
export function compileFilter(filter: FlowFilter): FlowMatch {
  for (const name of unsupportedFields) {
    const value = filter[name];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    throw new FilterError(
      FlowFilterSchema.field[name].name,
      JSON.stringify(value),
      'this field is not supported yet',
    );
  }
  const matches = fieldCompilers.map((compile) => compile(filter)).filter((match) => match !== null);
  if (matches.length === 1) return matches[0];
  return (index) => matches.every((match) => match(index));
}

/**
 * Compiles the lists of a request: delivered is what any whitelist entry matches (everything, when there is none) and no blacklist entry does.
 * Returns null when nothing is constrained, so that callers can leave the index out. Throws FilterError; the whitelist is looked at first.
 * Only flows are to be tested: lost events and node status pass every filter.
 */
export function compileFlowFilters(
  whitelist: readonly FlowFilter[],
  blacklist: readonly FlowFilter[],
): FlowMatch | null {
  const allow = whitelist.map(compileFilter);
  const deny = blacklist.map(compileFilter);
  if (allow.length === 0 && deny.length === 0) return null;
  return (index) =>
    index.kind !== ENVELOPE_FLOW ||
    ((allow.length === 0 || allow.some((match) => match(index))) && !deny.some((match) => match(index)));
}
