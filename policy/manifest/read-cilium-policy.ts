import type { Field, ReportField } from '../../cluster/manifest/field.ts';
import { readName, readNamespace } from '../../cluster/manifest/metadata.ts';
import { POD_NAMESPACE_LABEL } from '../../cluster/security-labels.ts';
import type { Direction, DirectionRules, Policy, Requirement, Rule, RuleSet, Subject } from '../model.ts';
import { checkFields, checkMapping, hasItems, isGiven, refuseField } from './policy-field.ts';
import { type PeerScope, peerFields, readCiliumPeers, requireNamespace } from './read-peers.ts';
import { readCiliumPorts } from './read-ports.ts';
import { ciliumKeys, readSelector } from './read-selector.ts';

const RULE_LISTS = ['ingress', 'ingressDeny', 'egress', 'egressDeny'] as const;
const MAX_LOG_CHARACTERS = 32;

/** Where problems and remarks about an object go. */
export interface Reports {
  /** What makes the object void. */
  readonly problem: ReportField;
  /** What the object says, but surely does not mean. */
  readonly note: ReportField;
}

/** Reads a CiliumNetworkPolicy, or a CiliumClusterwideNetworkPolicy. */
export function readCiliumPolicy(
  document: Field,
  kind: 'CiliumNetworkPolicy' | 'CiliumClusterwideNetworkPolicy',
  reports: Reports,
): Policy {
  const report = reports.problem;
  checkFields(document, { known: ['apiVersion', 'kind', 'metadata', 'spec', 'specs', 'status'] }, report);
  const metadata = document.get('metadata');
  const namespace = kind === 'CiliumNetworkPolicy' ? readNamespace(metadata) : '';
  const spec = document.get('spec');
  const specs = document.get('specs');
  if (!isGiven(spec) && !hasItems(specs)) refuseField(spec, 'is missing: expected spec or specs', report);
  const given = [...(isGiven(spec) ? [spec] : []), ...specs.items()];
  const name = readName(metadata);
  return {
    kind,
    namespace,
    name,
    flowName: name,
    uid: metadata.get('uid').string() ?? '',
    ruleSets: given.map((field) => readRuleSet(field, namespace, reports)),
  };
}

function readRuleSet(spec: Field, namespace: string, reports: Reports): RuleSet {
  const report = reports.problem;
  if (!checkMapping(spec)) {
    spec.refuse('a mapping');
  }
  checkFields(
    spec,
    {
      known: [
        'endpointSelector',
        'nodeSelector',
        ...RULE_LISTS,
        'enableDefaultDeny',
        'labels',
        'log',
        'description',
      ],
    },
    report,
  );
  const subject = readSubject(spec, namespace, reports);
  const scope: PeerScope = {
    namespace,
    isForInit: subject.selector.requirements.some(
      ({ source, key }) => source === 'reserved' && key === 'init',
    ),
  };
  if (!RULE_LISTS.some((list) => hasItems(spec.get(list)))) {
    refuseField(spec, `has no rule: expected at least one in ${RULE_LISTS.join(', ')}`, report);
  }
  const defaults = spec.get('enableDefaultDeny');
  checkMapping(defaults);
  checkFields(defaults, { known: ['ingress', 'egress'] }, report);
  return {
    subject,
    ingress: readDirection(spec, 'ingress', defaults.get('ingress').boolean(), scope, report),
    egress: readDirection(spec, 'egress', defaults.get('egress').boolean(), scope, report),
    labels: readOriginLabels(spec.get('labels'), report),
    log: readLog(spec.get('log'), report),
    description: spec.get('description').string() ?? '',
  };
}

function readSubject(spec: Field, namespace: string, reports: Reports): Subject {
  const endpoints = spec.get('endpointSelector');
  const nodes = spec.get('nodeSelector');
  if (isGiven(nodes)) {
    if (namespace !== '') {
      refuseField(nodes, 'is for CiliumClusterwideNetworkPolicy: nodes have no namespace', reports.problem);
    }
    if (isGiven(endpoints)) {
      refuseField(nodes, 'stands beside endpointSelector: expected one of the two', reports.problem);
    }
    const requirements = readSelector(nodes, ciliumKeys, reports.problem);
    return { kind: 'nodes', selector: { requirements, localCluster: false } };
  }
  if (!isGiven(endpoints)) {
    const expected = namespace === '' ? 'endpointSelector or nodeSelector' : 'endpointSelector';
    refuseField(endpoints, `is missing: expected ${expected}`, reports.problem);
  }
  const requirements = readSelector(endpoints, ciliumKeys, reports.problem);
  if (namespace === '') return { kind: 'endpoints', selector: { requirements, localCluster: false } };
  return {
    kind: 'endpoints',
    selector: {
      requirements: withOwnNamespace(endpoints, requirements, namespace, reports),
      localCluster: false,
    },
  };
}

/** The subject's selector with its namespace, which replaces a `k8s:` equality for another one, as in Cilium. */
function withOwnNamespace(
  field: Field,
  requirements: readonly Requirement[],
  namespace: string,
  reports: Reports,
): Requirement[] {
  const labelKey = `k8s:${POD_NAMESPACE_LABEL}`;
  const stated = field.get('matchLabels').stringMap();
  const own = Object.hasOwn(stated, labelKey) ? stated[labelKey] : undefined;
  if (own !== undefined && own !== namespace) {
    const label = field.get('matchLabels').get(labelKey);
    refuseField(
      label,
      `is ${own}, but selects pods of the policy's own namespace, ${namespace}`,
      reports.note,
    );
  }
  const isReplaced = (one: Requirement): boolean =>
    own !== undefined &&
    one.source === 'k8s' &&
    one.key === POD_NAMESPACE_LABEL &&
    one.operator === 'In' &&
    one.values.length === 1 &&
    one.values[0] === own;
  return [...requirements.filter((one) => !isReplaced(one)), requireNamespace(namespace)];
}

function readDirection(
  spec: Field,
  direction: Direction,
  defaultDeny: boolean | undefined,
  scope: PeerScope,
  report: ReportField,
): DirectionRules | null {
  const allow = spec.get(direction).items();
  const deny = spec.get(`${direction}Deny`).items();
  const rules = {
    allow: allow.map((entry, index) => readRule(entry, index, direction, true, scope, report)),
    deny: deny.map((entry, index) => readRule(entry, index, direction, false, scope, report)),
  };
  return allow.length + deny.length === 0 ? null : { defaultDeny: defaultDeny ?? true, ...rules };
}

function readRule(
  entry: Field,
  index: number,
  direction: Direction,
  isAllow: boolean,
  scope: PeerScope,
  report: ReportField,
): Rule {
  if (!checkMapping(entry)) {
    if (!isGiven(entry)) entry.refuse('a mapping');
    return { index, peers: [], ports: [] };
  }
  const prefix = direction === 'ingress' ? 'from' : 'to';
  const requires = `${prefix}Requires`;
  checkFields(
    entry,
    {
      known: [...peerFields(prefix), 'toPorts', 'icmps'],
      unsupported: [
        `${prefix}Groups`,
        requires,
        ...(isAllow ? ['authentication'] : []),
        ...(isAllow && direction === 'egress' ? ['toFQDNs'] : []),
      ],
    },
    report,
  );
  const peers = readCiliumPeers(entry, prefix, scope, report);
  const ports = readCiliumPorts(entry, report);
  // An entry that names neither peers nor ports selects nothing, yet puts its subject into default deny.
  return { index, peers: peers ?? (ports === 'all' ? [] : 'any'), ports };
}

/** `labels` of a rule as text. Their source is `unspec` where none is given. */
function readOriginLabels(list: Field, report: ReportField): string[] {
  return list.items().map((item) => {
    checkMapping(item);
    checkFields(item, { known: ['key', 'value', 'source'] }, report);
    const source = item.get('source').string() || 'unspec';
    const key = item.get('key').requiredString();
    const value = item.get('value').string() ?? '';
    return value === '' ? `${source}:${key}` : `${source}:${key}=${value}`;
  });
}

function readLog(field: Field, report: ReportField): string {
  checkMapping(field);
  checkFields(field, { known: ['value'] }, report);
  const value = field.get('value').string() ?? '';
  if (Array.from(value).length > MAX_LOG_CHARACTERS || /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(value)) {
    field.get('value').refuse(`at most ${MAX_LOG_CHARACTERS} printable characters`);
  }
  return value;
}
