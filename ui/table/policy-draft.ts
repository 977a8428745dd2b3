import { namingLabels } from '../../policy/suggest/stable-labels.ts';
import { type Endpoint, type Flow, TrafficDirection } from '../../proto/gen/flow/flow_pb.ts';
import { portsOf } from '../../proto/flow/text/host-text.ts';
import { reservedName } from './flow-words.ts';

const NAMESPACE_LABEL = 'k8s:io.kubernetes.pod.namespace';
const CLUSTER_LABEL = 'k8s:io.cilium.k8s.policy.cluster';

/** One end of a connection, as a policy may speak of it. */
export interface End {
  readonly endpoint: Endpoint | undefined;
  readonly ip: string;
  readonly dnsName: string;
  readonly port: number;
}

/**
 * A CiliumNetworkPolicy that would allow the connection of a flow, on the side that told of it, as YAML to be read and changed by a person. Null where no
 * policy of a namespace can: an end that would have to be selected is no pod.
 */
export function draftPolicy(flow: Flow): string | null {
  const [client, server] = endsOf(flow);
  const isEgress =
    flow.trafficDirection === TrafficDirection.EGRESS ? flow.isReply !== true : flow.isReply === true;
  const [own, peer] = isEgress ? [client, server] : [server, client];
  const { namespace = '', podName = '' } = own.endpoint ?? {};
  const selector = namingLabels(own.endpoint?.labels ?? []);
  if (namespace === '' || podName === '' || selector.length === 0) return null;
  const name = [isEgress ? 'allow-to' : 'allow-from', nameOf(peer)].join('-');
  return [
    'apiVersion: cilium.io/v2',
    'kind: CiliumNetworkPolicy',
    'metadata:',
    `  name: ${scalar(name)}`,
    `  namespace: ${scalar(namespace)}`,
    'spec:',
    '  endpointSelector:',
    ...matchLabels(selector, '    '),
    isEgress ? '  egress:' : '  ingress:',
    ...peerLines(peer, own, isEgress ? 'to' : 'from'),
    ...portLines(flow, server.port),
    '',
  ].join('\n');
}

/** Who opened the connection of a flow, and who was called. */
export function endsOf(flow: Flow): readonly [client: End, server: End] {
  const [sourcePort, destinationPort] = portsOf(flow);
  const { source: sourceIp = '', destination: destinationIp = '' } = flow.IP ?? {};
  const source: End = {
    endpoint: flow.source,
    ip: sourceIp,
    dnsName: flow.sourceNames[0] ?? '',
    port: sourcePort,
  };
  const destination: End = {
    endpoint: flow.destination,
    ip: destinationIp,
    dnsName: flow.destinationNames[0] ?? '',
    port: destinationPort,
  };
  return flow.isReply === true ? [destination, source] : [source, destination];
}

function peerLines(peer: End, own: End, prefix: 'to' | 'from'): string[] {
  const { endpoint } = peer;
  const entity = reservedName(endpoint?.identity ?? 0);
  if (endpoint !== undefined && endpoint.namespace !== '') {
    const labels: (readonly [string, string])[] = [
      ...namingLabels(endpoint.labels),
      [NAMESPACE_LABEL, endpoint.namespace],
      ...(endpoint.clusterName === '' || endpoint.clusterName === own.endpoint?.clusterName
        ? []
        : [[CLUSTER_LABEL, endpoint.clusterName] as const]),
    ];
    return [`    - ${prefix}Endpoints:`, ...matchLabels(labels, '        ', '- ')];
  }
  if (entity !== '' && !entity.startsWith('world')) {
    return [`    - ${prefix}Entities:`, `        - ${scalar(entity)}`];
  }
  if (peer.ip === '') return [`    - ${prefix}Entities:`, '        - world'];
  const mask = peer.ip.includes(':') ? 128 : 32;
  // By its address: rules by DNS names are not enforced.
  const comment = /^[\w.-]+$/.test(peer.dnsName) ? ` # ${peer.dnsName}` : '';
  return [`    - ${prefix}CIDR:`, `        - ${scalar(`${peer.ip}/${mask}`)}${comment}`];
}

/** Lines that select by labels. */
export function matchLabels(
  labels: readonly (readonly [string, string])[],
  indent: string,
  bullet = '',
): string[] {
  const inner = indent + (bullet === '' ? '' : '  ');
  return [
    `${indent}${bullet}matchLabels:`,
    ...labels.map(([key, value]) => `${inner}  ${scalar(key)}: ${scalar(value)}`),
  ];
}

function portLines({ l4 }: Flow, port: number): string[] {
  const protocol = l4?.protocol.case;
  if (port === 0 || (protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP')) return [];
  return [
    '      toPorts:',
    '        - ports:',
    `            - port: "${port}"`,
    `              protocol: ${protocol}`,
  ];
}

/** How an end is called in the name of an object. */
export function nameOf({ endpoint, dnsName, ip }: End): string {
  const [workload] = endpoint?.workloads ?? [];
  const name =
    workload?.name ?? (endpoint?.podName || reservedName(endpoint?.identity ?? 0) || dnsName || ip);
  const clean = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return clean.slice(0, 48) || 'peer';
}

/** A text as YAML: in quotes unless it can be nothing but a text. */
export function scalar(text: string): string {
  const isPlain = /^[A-Za-z][\w./:-]*[\w]$/.test(text) && !text.includes(': ');
  const isWord = /^(?:true|false|yes|no|on|off|null|y|n)$/i.test(text);
  return isPlain && !isWord ? text : JSON.stringify(text);
}
