import { canonicalCidr, canonicalIp, isRangeInside } from '../../cluster/address.ts';
import type { Field, ReportField } from '../../cluster/manifest/field.ts';
import {
  NAMESPACE_LABELS_PREFIX,
  POD_NAMESPACE_LABEL,
  POLICY_CLUSTER_LABEL,
} from '../../cluster/security-labels.ts';
import { type Entity, entities, type LabelSelector, type Peer, type Requirement } from '../model.ts';
import { checkFields, checkMapping, isGiven, refuseField } from './policy-field.ts';
import { ciliumKeys, names, readSelector } from './read-selector.ts';

/** What selectors of peers are completed with; it depends on the policy that they stand in. */
export interface PeerScope {
  /** Namespace of the policy; empty for cluster-wide ones. */
  readonly namespace: string;
  /** Whether the subject's selector speaks of `reserved:init`: such endpoints have no namespace yet, nor need their peers one. */
  readonly isForInit: boolean;
}

const EXPECTED_CIDR = 'a range such as 10.0.0.0/8 or fd00::/8';

/** The fields of an entry that say who the peer is, by their names behind `from` and `to`. */
const suffixes = ['Endpoints', 'Entities', 'CIDR', 'CIDRSet', 'Nodes', 'Services'] as const;
type PeerField = (typeof suffixes)[number];

/** Names of the peer fields of an entry: `fromEndpoints`, … */
export function peerFields(prefix: 'from' | 'to'): string[] {
  return suffixes
    .filter((suffix) => prefix === 'to' || suffix !== 'Services')
    .map((suffix) => prefix + suffix);
}

const readers: Readonly<Record<PeerField, (item: Field, scope: PeerScope, report: ReportField) => Peer[]>> = {
  Endpoints: readEndpoints,
  Entities: readEntity,
  CIDR: readCidr,
  CIDRSet: readCidrSet,
  Nodes: readNodes,
  Services: readService,
};

/**
 * Who an entry of a Cilium rule speaks of. Undefined when it names nobody, neither by a list nor by an empty one (save `toServices`, where an empty list says
 * nothing). An empty list beside others makes the entry select nothing.
 */
export function readCiliumPeers(
  entry: Field,
  prefix: 'from' | 'to',
  scope: PeerScope,
  report: ReportField,
): Peer[] | undefined {
  const given = suffixes
    .filter((suffix) => prefix === 'to' || suffix !== 'Services')
    .map((suffix) => ({ suffix, field: entry.get(prefix + suffix) }))
    .filter(({ field, suffix }) => isGiven(field) && (suffix !== 'Services' || field.items().length > 0));
  if (given.length === 0) return undefined;
  const filled = given.filter(({ field }) => field.items().length > 0);
  for (const { field, suffix } of filled.slice(1)) {
    const message = `stands beside ${prefix}${filled[0].suffix}: combining ${prefix}${filled[0].suffix} and ${prefix}${suffix} is not supported`;
    refuseField(field, message, report);
  }
  const peers = filled.flatMap(({ suffix, field }) =>
    field.items().flatMap((item) => readers[suffix](item, scope, report)),
  );
  return given.length > filled.length ? [] : peers;
}

function readEndpoints(item: Field, scope: PeerScope, report: ReportField): Peer[] {
  if (item.value === undefined) item.refuse('a selector');
  const requirements = readSelector(item, ciliumKeys, report);
  return [{ kind: 'labels', selector: completePeer(requirements, scope) }];
}

/** Adds the namespace and the cluster that a peer's selector means without saying so. */
function completePeer(requirements: readonly Requirement[], scope: PeerScope): LabelSelector {
  if (requirements.some(({ source }) => source === 'reserved')) return { requirements, localCluster: false };
  const localCluster = !names(requirements, (key) => key === POLICY_CLUSTER_LABEL);
  const namespaced =
    names(requirements, (key) => key === POD_NAMESPACE_LABEL) ||
    (scope.namespace !== '' && names(requirements, (key) => key.startsWith(NAMESPACE_LABELS_PREFIX)));
  if (namespaced || (scope.namespace === '' && scope.isForInit)) return { requirements, localCluster };
  const namespace: Requirement = scope.namespace === '' ? namespaceExists : requireNamespace(scope.namespace);
  return { requirements: [...requirements, namespace], localCluster };
}

/** True of every pod, and of nothing else. */
export const namespaceExists: Requirement = {
  source: 'k8s',
  key: POD_NAMESPACE_LABEL,
  operator: 'Exists',
  values: [],
};

/** True of the pods of a namespace. */
export function requireNamespace(namespace: string): Requirement {
  return { source: 'k8s', key: POD_NAMESPACE_LABEL, operator: 'In', values: [namespace] };
}

function readEntity(item: Field): Peer[] {
  const text = item.requiredString();
  const entity = entities.find((known): known is Entity => known === text);
  if (entity === undefined && text !== '') item.refuse(`one of ${entities.join(', ')}`);
  return entity === undefined ? [] : [{ kind: 'entity', entity }];
}

function readCidr(item: Field): Peer[] {
  if (item.value === undefined) item.requiredString();
  const cidr = item.parsed(cidrOrIp, `${EXPECTED_CIDR}, or an address`);
  return cidr === undefined ? [] : [{ kind: 'cidr', cidr, except: [] }];
}

/** A plain address is the range that holds it alone. */
function cidrOrIp(text: string): string | null {
  const ip = text.includes('/') ? null : canonicalIp(text);
  return canonicalCidr(ip === null ? text : `${ip}/${ip.includes(':') ? 128 : 32}`);
}

function readCidrSet(item: Field, _scope: PeerScope, report: ReportField): Peer[] {
  checkMapping(item);
  checkFields(
    item,
    { known: ['cidr', 'cidrGroupRef', 'except'], unsupported: ['cidrGroupSelector'] },
    report,
  );
  if (isGiven(item.get('cidrGroupSelector'))) return [];
  const group = item.get('cidrGroupRef');
  if (!isGiven(group)) return readCidrWithExcept(item, true, report);
  if (isGiven(item.get('cidr'))) {
    refuseField(group, 'stands beside cidr: exactly one of cidr and cidrGroupRef is expected', report);
    return [];
  }
  const except = item
    .get('except')
    .items()
    .map((field) => field.parsed(canonicalCidr, EXPECTED_CIDR));
  const given = except.filter((cidr) => cidr !== undefined);
  return [{ kind: 'cidr-group', name: group.requiredString(), except: [...new Set(given)].sort() }];
}

/** `cidr` and `except` of a CIDR rule or ipBlock. `mayEqual`: an exception may be the whole range. */
export function readCidrWithExcept(field: Field, mayEqual: boolean, report: ReportField): Peer[] {
  const cidrField = field.get('cidr');
  if (cidrField.value === undefined) cidrField.requiredString();
  const cidr = cidrField.parsed(canonicalCidr, EXPECTED_CIDR);
  const except = field
    .get('except')
    .items()
    .flatMap((item) => {
      const inner = item.parsed(canonicalCidr, EXPECTED_CIDR);
      if (inner === undefined || cidr === undefined) return [];
      if (isRangeInside(inner, cidr) && (mayEqual || inner !== cidr)) return [inner];
      refuseField(item, `is ${inner}, which is not ${mayEqual ? '' : 'strictly '}inside ${cidr}`, report);
      return [];
    });
  return cidr === undefined ? [] : [{ kind: 'cidr', cidr, except: [...new Set(except)].sort() }];
}

/** Other nodes, never the node itself. */
function readNodes(item: Field, _scope: PeerScope, report: ReportField): Peer[] {
  if (item.value === undefined) item.refuse('a selector');
  const requirements = readSelector(item, ciliumKeys, report);
  const remote: Requirement = { source: 'reserved', key: 'remote-node', operator: 'Exists', values: [] };
  const localCluster = !names(requirements, (key) => key === POLICY_CLUSTER_LABEL);
  return [{ kind: 'labels', selector: { requirements: [...requirements, remote], localCluster } }];
}

function readService(item: Field, _scope: PeerScope, report: ReportField): Peer[] {
  checkMapping(item);
  checkFields(item, { known: ['k8sService', 'k8sServiceSelector'] }, report);
  const named = item.get('k8sService');
  const selected = item.get('k8sServiceSelector');
  if (isGiven(named) === isGiven(selected)) {
    refuseField(item, 'has to hold one of k8sService and k8sServiceSelector', report);
    return [];
  }
  if (isGiven(named)) {
    checkMapping(named);
    checkFields(named, { known: ['serviceName', 'namespace'] }, report);
    const name = named.get('serviceName').requiredString();
    return [{ kind: 'service', namespace: named.get('namespace').string() ?? '', name }];
  }
  checkMapping(selected);
  checkFields(selected, { known: ['selector', 'namespace'] }, report);
  if (!isGiven(selected.get('selector'))) selected.get('selector').refuse('a selector of service labels');
  const requirements = readSelector(selected.get('selector'), ciliumKeys, report);
  return [
    {
      kind: 'services',
      namespace: selected.get('namespace').string() ?? '',
      selector: { requirements, localCluster: false },
    },
  ];
}
