import { namingLabels } from '../../policy/suggest/stable-labels.ts';
import { type Flow, TrafficDirection } from '../../proto/gen/flow/flow_pb.ts';
import { type End, endsOf, matchLabels, nameOf, scalar } from '../table/policy-draft.ts';

/**
 * A NetworkPolicy that would allow the connection of a flow, on the side that told of it, as YAML to be read and changed by a person. Null where the kind has no words for it: peers
 * that are nodes, pods of other clusters, protocols without ports.
 */
export function draftNetworkPolicy(flow: Flow): string | null {
  const [client, server] = endsOf(flow);
  const isEgress = flow.trafficDirection === TrafficDirection.EGRESS;
  const [own, peer] = isEgress ? [client, server] : [server, client];
  const { namespace = '', podName = '' } = own.endpoint ?? {};
  const selector = namingLabels(own.endpoint?.labels ?? []);
  const protocol = flow.l4?.protocol.case;
  if (namespace === '' || podName === '' || selector.length === 0) return null;
  if (server.port === 0 || (protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP')) return null;
  const peerLines = linesOfPeer(peer, own);
  if (peerLines === null) return null;
  return [
    'apiVersion: networking.k8s.io/v1',
    'kind: NetworkPolicy',
    'metadata:',
    `  name: ${scalar(`${isEgress ? 'allow-to' : 'allow-from'}-${nameOf(peer)}`)}`,
    `  namespace: ${scalar(namespace)}`,
    'spec:',
    '  podSelector:',
    ...matchLabels(selector, '    '),
    '  policyTypes:',
    `    - ${isEgress ? 'Egress' : 'Ingress'}`,
    isEgress ? '  egress:' : '  ingress:',
    `    - ${isEgress ? 'to' : 'from'}:`,
    ...peerLines,
    '      ports:',
    `        - port: ${server.port}`,
    `          protocol: ${protocol}`,
    '',
  ].join('\n');
}

function linesOfPeer({ endpoint, ip }: End, own: End): string[] | null {
  if (endpoint !== undefined && endpoint.namespace !== '') {
    if (endpoint.clusterName !== own.endpoint?.clusterName) return null;
    const selector = namingLabels(endpoint.labels);
    if (selector.length === 0) return null;
    return [
      '        - podSelector:',
      ...matchLabels(selector, '            '),
      '          namespaceSelector:',
      ...matchLabels([['kubernetes.io/metadata.name', endpoint.namespace]], '            '),
    ];
  }
  // Ranges of addresses mean the outside world only: 2, 9 and 10 are its identities, larger ones those of ranges.
  const identity = endpoint?.identity ?? 0;
  const isOutside = identity === 2 || identity === 9 || identity === 10 || identity >= 256;
  if (ip === '' || !isOutside) return null;
  return ['        - ipBlock:', `            cidr: ${scalar(`${ip}/${ip.includes(':') ? 128 : 32}`)}`];
}
