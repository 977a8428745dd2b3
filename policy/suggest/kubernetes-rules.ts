import { POLICY_CLUSTER_LABEL, SERVICE_ACCOUNT_LABEL } from '../../cluster/security-labels.ts';
import type { Direction } from '../model.ts';
import { type CommentedRule, hostRange } from './cilium-rules.ts';
import { isWorld, type RuleNeeds } from './group-needs.ts';
import type { SuggestedPeer } from './needs.ts';
import type { PortItem } from './port-items.ts';
import type { WorkloadSelector } from './workload-selectors.ts';

/** The entries of `ingress` or `egress` of a NetworkPolicy. It has no words for nodes, nor for ICMP: such rules are wider than what was seen, and say so. */
export function kubernetesRules(direction: Direction, needs: RuleNeeds, namespace: string): CommentedRule[] {
  const { peers, l4, notes } = needs;
  const from = direction === 'ingress' ? 'from' : 'to';
  const isAnybody = needs.kind === 'entity' && !peers.some(isWorld);
  const hasOnlyPorts = !l4.all && l4.icmp.length === 0;
  const warnings = [
    ...(isAnybody ? ['a NetworkPolicy cannot name nodes and the like: this lets anybody through'] : []),
    ...(hasOnlyPorts ? [] : ['a NetworkPolicy cannot name ICMP and the like: this opens every port']),
  ];
  const rule = {
    ...(!isAnybody && { [from]: peers.flatMap((peer) => peerItems(peer, namespace)) }),
    ...(hasOnlyPorts && { ports: l4.ports.flatMap(portItems) }),
  };
  return [{ rule, notes, warning: warnings.join('; ') }];
}

/** `matchLabels` as a NetworkPolicy takes them. A service account is no label of a Pod. */
export function podLabels({ labels }: WorkloadSelector): object {
  const own = labels.filter(([key]) => key !== SERVICE_ACCOUNT_LABEL);
  return own.length === 0 ? {} : { matchLabels: Object.fromEntries(own) };
}

function peerItems(peer: SuggestedPeer, namespace: string): object[] {
  if (peer.kind === 'address') return [{ ipBlock: { cidr: hostRange(peer.address) } }];
  if (peer.kind === 'entity') return [{ ipBlock: { cidr: '0.0.0.0/0' } }, { ipBlock: { cidr: '::/0' } }];
  const { selector, cluster } = peer;
  const own: { matchLabels?: object } = podLabels(selector);
  const labels = { ...(cluster !== '' && { [POLICY_CLUSTER_LABEL]: cluster }), ...own.matchLabels };
  const podSelector = Object.keys(labels).length === 0 ? {} : { matchLabels: labels };
  if (selector.namespace === namespace) return [{ podSelector }];
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': selector.namespace } };
  return [{ namespaceSelector, podSelector }];
}

function portItems({ protocol, first, last }: PortItem): object[] {
  if (protocol === 'ANY') return ['UDP', 'TCP'].map((one) => ({ port: first, protocol: one }));
  if (first === 0 && last === 65_535) return [{ protocol }];
  return [{ port: first, ...(last > first && { endPort: last }), protocol }];
}
