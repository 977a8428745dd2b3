import type { Field, ReportField } from '../../cluster/manifest/field.ts';
import { readName, readNamespace } from '../../cluster/manifest/metadata.ts';
import { NAMESPACE_LABELS_PREFIX, POLICY_CLUSTER_LABEL } from '../../cluster/security-labels.ts';
import type { Direction, DirectionRules, Peer, Policy, Rule } from '../model.ts';
import { checkFields, checkMapping, hasItems, isGiven, refuseField } from './policy-field.ts';
import type { Reports } from './read-cilium-policy.ts';
import { namespaceExists, readCidrWithExcept, requireNamespace } from './read-peers.ts';
import { readNetworkPolicyPorts } from './read-ports.ts';
import { type KeyStyle, names, podKeys, readSelector } from './read-selector.ts';

const namespaceKeys: KeyStyle = { ...podKeys, keyPrefix: NAMESPACE_LABELS_PREFIX };
/** With this annotation Cilium names the policy otherwise than its object is named. */
const NAME_ANNOTATION = 'policy.cilium.io/name';

/** Reads a Kubernetes NetworkPolicy (networking.k8s.io/v1). */
export function readNetworkPolicy(document: Field, { problem: report, note }: Reports): Policy {
  checkFields(document, { known: ['apiVersion', 'kind', 'metadata', 'spec', 'status'] }, report);
  const metadata = document.get('metadata');
  const namespace = readNamespace(metadata);
  const spec = document.get('spec');
  checkMapping(spec);
  checkFields(spec, { known: ['podSelector', 'policyTypes', 'ingress', 'egress'] }, report);
  const types = readPolicyTypes(spec);
  const direction = (name: Direction): DirectionRules | null => {
    const rules = spec.get(name);
    const allow = rules.items().map((entry, index) => readRule(entry, index, name, namespace, report));
    if (types.has(name)) return { defaultDeny: true, allow, deny: [] };
    if (allow.length > 0) refuseField(rules, 'has no effect: policyTypes does not list its direction', note);
    return null;
  };
  const name = readName(metadata);
  return {
    kind: 'NetworkPolicy',
    namespace,
    name,
    flowName: metadata.get('annotations').get(NAME_ANNOTATION).string() || name,
    uid: metadata.get('uid').string() ?? '',
    ruleSets: [
      {
        subject: {
          kind: 'endpoints',
          selector: {
            requirements: [
              ...readSelector(spec.get('podSelector'), podKeys, report),
              requireNamespace(namespace),
            ],
            localCluster: false,
          },
        },
        ingress: direction('ingress'),
        egress: direction('egress'),
        labels: [],
        log: '',
        description: '',
      },
    ],
  };
}

/** The directions that the policy isolates; without `policyTypes` ingress, and egress if it has rules for it. */
function readPolicyTypes(spec: Field): ReadonlySet<Direction> {
  const field = spec.get('policyTypes');
  const items = field.items();
  if (items.length === 0) {
    return new Set<Direction>(hasItems(spec.get('egress')) ? ['ingress', 'egress'] : ['ingress']);
  }
  return new Set(
    items.flatMap((item): Direction[] => {
      if (item.value === 'Ingress') return ['ingress'];
      if (item.value === 'Egress') return ['egress'];
      item.refuse('Ingress or Egress');
      return [];
    }),
  );
}

function readRule(
  entry: Field,
  index: number,
  direction: Direction,
  namespace: string,
  report: ReportField,
): Rule {
  checkMapping(entry);
  const list = direction === 'ingress' ? 'from' : 'to';
  checkFields(entry, { known: [list, 'ports'] }, report);
  const peers = entry.get(list);
  return {
    index,
    peers: hasItems(peers) ? peers.items().flatMap((peer) => readPeer(peer, namespace, report)) : 'any',
    ports: readNetworkPolicyPorts(entry.get('ports'), report),
  };
}

function readPeer(field: Field, namespace: string, report: ReportField): Peer[] {
  checkMapping(field);
  checkFields(field, { known: ['podSelector', 'namespaceSelector', 'ipBlock'] }, report);
  const pods = field.get('podSelector');
  const namespaces = field.get('namespaceSelector');
  const block = field.get('ipBlock');
  if (isGiven(block)) {
    if (isGiven(pods) || isGiven(namespaces)) {
      refuseField(block, 'stands beside a selector: a peer is one or the other', report);
    }
    checkMapping(block);
    checkFields(block, { known: ['cidr', 'except'] }, report);
    return readCidrWithExcept(block, false, report);
  }
  if (!isGiven(pods) && !isGiven(namespaces)) {
    refuseField(field, 'is empty: expected podSelector, namespaceSelector or ipBlock', report);
    return [];
  }
  const podRequirements = readSelector(pods, podKeys, report);
  // A selector of namespaces picks pods even where it only says which labels they must not have: nodes lack those too.
  const where = isGiven(namespaces)
    ? [...readSelector(namespaces, namespaceKeys, report), namespaceExists]
    : [requireNamespace(namespace)];
  const localCluster = !names(podRequirements, (key) => key === POLICY_CLUSTER_LABEL);
  const selector = { requirements: [...podRequirements, ...where], localCluster };
  return [{ kind: 'labels', selector }];
}
