import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { PodEndpoint } from '../../cluster/index.ts';
import {
  findTraceEnd,
  type NamedEnd,
  type NamedRule,
  type TracedVerdict,
  type TraceDirectory,
  type TraceEnd,
  TraceEndError,
  traceEnds,
  tracePolicy,
} from '../../policy/index.ts';
import {
  type TraceDecisionSchema,
  type TraceEndSchema,
  type TraceRequest,
  type TraceResult,
  TraceResultSchema,
  TraceVerdict,
} from '../../proto/gen/sluice/v1/policy_pb.ts';
import { verdictTogether } from '../../proto/policy/trace-verdict.ts';
import { ruleText } from './datapath-policy-rows.ts';
import type { NodeView } from './node-view.ts';
import { absoluteNodeName } from './peer-log.ts';

const MAX_RULES = 100;
const verdicts = {
  allow: TraceVerdict.ALLOWED,
  deny: TraceVerdict.DENIED,
  'default-deny': TraceVerdict.DEFAULT_DENIED,
} as const;

/**
 * Answers who reaches whom from the compiled policies of a node. What this node enforces is told as such; of ends elsewhere it tells what the policies that it knows come to.
 * Throws TraceEndError that names the end.
 */
export function traceOn(view: NodeView, nodeName: string, request: TraceRequest): TraceResult {
  const directory = directoryOf(view);
  const from = findNamed('from', request.from, directory);
  const to = findNamed('to', request.to, directory);
  const [source, destination] = traceEnds(from, to, directory);
  const { state } = view.policies;
  const trace = tracePolicy(state, source, destination, request.port, request.protocol);
  const egress = decisionOf(view, nodeName, from, trace.egress);
  const ingress = decisionOf(view, nodeName, to, trace.ingress);
  return create(TraceResultSchema, {
    verdict: verdictTogether([egress?.verdict, ingress?.verdict]),
    from: endOf(view, from, source),
    to: endOf(view, to, destination),
    ...(egress !== undefined && { egress }),
    ...(ingress !== undefined && { ingress }),
  });
}

function findNamed(field: 'from' | 'to', text: string, directory: TraceDirectory): NamedEnd {
  if (text === '') throw new TraceEndError(`${field} is missing: expected an end`, false);
  try {
    return findTraceEnd(text, directory);
  } catch (error) {
    if (!(error instanceof TraceEndError)) throw error;
    throw new TraceEndError(`${field} is "${text}": ${error.message}`, error.isUnknown);
  }
}

/** Names mean the own cluster first, then any other. */
function directoryOf(view: NodeView): TraceDirectory {
  const { clusterName } = view.options;
  const { policies } = view;
  const anyPod = (test: (pod: PodEndpoint) => boolean): PodEndpoint | undefined => {
    for (const pod of policies.allPods()) if (test(pod)) return pod;
    return undefined;
  };
  return {
    state: policies.state,
    pod: (namespace, name) =>
      policies.pod(clusterName, namespace, name) ??
      anyPod((pod) => pod.namespace === namespace && pod.podName === name),
    node: (name) =>
      view.nodes.get(`${clusterName}/${name}`) ?? [...view.nodes.values()].find((node) => node.name === name),
    owner: (address) => {
      const [kind, key = ''] = view.datapath.ownerOf(address)?.split(' ') ?? [];
      return kind === 'pod' ? view.podOf(key) : view.nodes.get(key);
    },
    labelled: (text, labels) => labelledPod(view, text, labels),
    identityOfNode: (node) => policies.identityOfNode(node),
  };
}

/** A pod that has all these labels: they have to mean one identity. */
function labelledPod(view: NodeView, text: string, stated: ReadonlyMap<string, string>): NamedEnd {
  const wanted = [...stated].map(([key, value]) => (value === '' ? `k8s:${key}` : `k8s:${key}=${value}`));
  const byIdentity = new Map<number, PodEndpoint>();
  for (const pod of view.policies.allPods()) {
    if (pod.cluster !== view.options.clusterName || byIdentity.has(pod.identity)) continue;
    if (wanted.every((label) => pod.labels.includes(label))) byIdentity.set(pod.identity, pod);
  }
  const pods = [...byIdentity.values()];
  if (pods.length === 1) return { kind: 'pod', name: text, pod: pods[0] };
  if (pods.length === 0) {
    throw new TraceEndError(
      'no pod has these labels; ask from files (-f, --state-dir) about pods that are not there yet',
      true,
    );
  }
  const names = pods.slice(0, 3).map(({ namespace, podName }) => `${namespace}/${podName}`);
  throw new TraceEndError(
    `pods with ${pods.length} different sets of labels have these; name one, such as ${names.join(' or ')}`,
    false,
  );
}

function endOf(view: NodeView, end: NamedEnd, seen: TraceEnd): MessageInitShape<typeof TraceEndSchema> {
  const { name } = end;
  const { identity } = seen;
  const known = view.policies.state.identities.identity(identity)?.labels.map(({ text }) => text) ?? [];
  if (end.kind === 'pod') {
    const { cluster, nodeName, labels } = end.pod;
    return { name, cluster, nodeName: absoluteNodeName(cluster, nodeName), identity, labels: [...labels] };
  }
  if (end.kind === 'node') {
    const { cluster } = end.node;
    return { name, cluster, nodeName: absoluteNodeName(cluster, end.node.name), identity, labels: known };
  }
  return { name, identity, labels: known };
}

function decisionOf(
  view: NodeView,
  nodeName: string,
  end: NamedEnd,
  found: TracedVerdict | null,
): MessageInitShape<typeof TraceDecisionSchema> | undefined {
  if (clusterOf(end) !== '' && clusterOf(end) !== view.options.clusterName) {
    return { verdict: TraceVerdict.UNKNOWN, matchType: 'none' };
  }
  if (found === null) return undefined;
  const isAudited = audits(view, end) && found.verdict !== 'allow';
  return {
    verdict: isAudited ? TraceVerdict.AUDITED : verdicts[found.verdict],
    isPoliced: found.isPoliced,
    matchType: found.matchType,
    rules: found.rules.slice(0, MAX_RULES).map(ruleOf),
    nodeName,
    isAuthoritative: isEnforcedHere(view, end),
  };
}

/** Empty outside. */
function clusterOf(end: NamedEnd): string {
  if (end.kind === 'pod') return end.pod.cluster;
  return end.kind === 'node' ? end.node.cluster : '';
}

function audits(view: NodeView, end: NamedEnd): boolean {
  return view.options.audits || (end.kind === 'pod' && end.pod.auditsPolicy === true);
}

function isEnforcedHere({ options }: NodeView, end: NamedEnd): boolean {
  const { clusterName, nodeName } = options;
  if (end.kind === 'pod') return end.pod.cluster === clusterName && end.pod.nodeName === nodeName;
  return end.kind === 'node' && end.node.cluster === clusterName && end.node.name === nodeName;
}

function ruleOf(rule: NamedRule): { address: string; text: string } {
  return rule.kind === '' ? { address: '', text: ruleText(rule) } : { address: ruleText(rule), text: '' };
}
