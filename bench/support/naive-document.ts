import {
  FlowType,
  type Endpoint,
  type Flow,
  L7FlowType,
  TrafficDirection,
  Verdict,
} from '../../proto/gen/flow/flow_pb.ts';
import { enumName } from '../../proto/flow/text/enum-name.ts';
import type { GetFlowsResponse } from '../../proto/gen/observer/observer_pb.ts';

/** A flow as an object with the fields that our documents have, as one writes it who has the decoded message and a client that takes objects. */
export function naiveDocument({ nodeName, responseTypes }: GetFlowsResponse): object {
  const flow = responseTypes.value as Flow;
  const [cluster, node] = nodeName.split('/');
  const layer4 = flow.l4?.protocol.value;
  const hasPorts = layer4 !== undefined && 'sourcePort' in layer4;
  const record = flow.l7?.record;
  return {
    '@timestamp': new Date(Number(flow.time!.seconds) * 1000 + flow.time!.nanos / 1e6).toISOString(),
    source: {
      ip: flow.IP?.source,
      port: hasPorts ? layer4.sourcePort : undefined,
      domain: listOf(flow.sourceNames),
    },
    destination: {
      ip: flow.IP?.destination,
      port: hasPorts ? layer4.destinationPort : undefined,
      domain: listOf(flow.destinationNames),
    },
    network: {
      transport: flow.l4?.protocol.case?.toLowerCase(),
      type: flow.IP?.ipVersion === 2 ? 'ipv6' : 'ipv4',
      direction: enumName(TrafficDirection, flow.trafficDirection).toLowerCase(),
      protocol: record?.case,
    },
    dns:
      record?.case === 'dns'
        ? {
            question: { name: record.value.query, type: record.value.qtypes },
            type: flow.l7?.type === L7FlowType.RESPONSE ? 'answer' : 'query',
          }
        : undefined,
    http:
      record?.case === 'http'
        ? {
            request: { method: record.value.method },
            response: { status_code: record.value.code },
            version: record.value.protocol,
          }
        : undefined,
    url: record?.case === 'http' ? { original: record.value.url } : undefined,
    event: {
      action: String(flow.eventType?.type),
      type: ['connection', flow.verdict === Verdict.DROPPED ? 'denied' : 'allowed'],
      outcome: flow.verdict === Verdict.DROPPED ? 'failure' : 'success',
      reason: flow.dropReasonDesc === 0 ? undefined : String(flow.dropReasonDesc),
    },
    orchestrator: { cluster: { name: cluster } },
    observer: { name: node },
    sluice: {
      verdict: enumName(Verdict, flow.verdict),
      type: enumName(FlowType, flow.Type),
      reply: flow.isReply,
      tcp_flags: flow.l4?.protocol.case === 'TCP' ? flagsOf(flow.l4.protocol.value.flags) : undefined,
      interface: flow.interface?.name,
      source: endOf(flow.source),
      destination: endOf(flow.destination),
    },
  };
}

const listOf = (names: readonly string[]): readonly string[] | undefined =>
  names.length === 0 ? undefined : names;

function flagsOf(flags: object | undefined): string[] {
  return Object.entries(flags ?? {}).flatMap(([name, value]) => (value === true ? [name] : []));
}

function endOf(end: Endpoint | undefined): object | undefined {
  if (end === undefined) return undefined;
  const { clusterName, namespace, podName, workloads, identity, labels } = end;
  const [workload] = workloads;
  return {
    cluster: clusterName,
    namespace,
    pod: podName,
    workload: `${namespace}/${workload?.name ?? podName}`,
    kind: workload?.kind,
    identity,
    labels,
  };
}
