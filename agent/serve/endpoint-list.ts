import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { formatIp, type PodEndpoint } from '../../cluster/index.ts';
import { hostLabels } from '../../policy/index.ts';
import {
  DirectionEnforcement,
  type DirectionStateSchema,
  type Endpoint,
  EndpointSchema,
  EndpointState,
} from '../../proto/gen/sluice/v1/datapath_pb.ts';
import { type Problem, ProblemSchema } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { policyKey } from '../../policy/index.ts';
import type { AttachedEndpoint } from '../datapath/endpoint-manager.ts';
import { type EndpointState as Standing, NODE } from '../policy/policy-enforcement.ts';
import { policyAddress } from '../policy/rule-places.ts';
import { formatMac } from './datapath-tables.ts';
import type { NodeView } from './node-view.ts';

const IDENTITY_HOST = 1;
const MAX_POLICIES = 50;
const enforcements = {
  open: DirectionEnforcement.OPEN,
  enforced: DirectionEnforcement.ENFORCED,
  'allow-by-default': DirectionEnforcement.ALLOWS_BY_DEFAULT,
} as const;

/** Everybody whose traffic a node polices, or would: the node itself, its pods, and pods that have no interface yet. By number; those without one come last. */
export function listEndpoints(view: NodeView): Endpoint[] {
  const attached = new Map(
    view.datapath.endpoints.map((endpoint) => [
      `${endpoint.pod.namespace}/${endpoint.pod.podName}`,
      endpoint,
    ]),
  );
  const policies = policiesByEndpoint(view);
  const pods = new Map(view.policies.ownPods);
  // One whose pod is gone is served until its interface is.
  for (const [key, { pod }] of attached) if (!pods.has(key)) pods.set(key, pod);
  const found = [
    hostEndpoint(view, policies.get(NODE) ?? []),
    ...[...pods].map(([key, pod]) => podEndpoint(view, key, pod, attached.get(key), policies.get(key) ?? [])),
  ];
  const place = ({ id, state }: Endpoint): number =>
    state === EndpointState.WAITING ? Number.MAX_SAFE_INTEGER : id;
  return found.sort((a, b) => place(a) - place(b) || (a.podName < b.podName ? -1 : 1));
}

/** Addresses of the policies that select each endpoint. */
function policiesByEndpoint(view: NodeView): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { policy } of view.book.list(false)) {
    for (const endpoint of view.policies.state.selectedBy(policyKey(policy))) {
      const known = found.get(endpoint);
      if (known === undefined) found.set(endpoint, [policyAddress(policy)]);
      else known.push(policyAddress(policy));
    }
  }
  for (const policies of found.values()) policies.sort();
  return found;
}

function hostEndpoint(view: NodeView, policies: string[]): Endpoint {
  const standing = view.policies.endpointState(NODE);
  const node = view.ownNode;
  return create(EndpointSchema, {
    id: 0,
    podName: view.options.nodeName,
    labels: hostLabels(node?.labels ?? []),
    identity: IDENTITY_HOST,
    addresses: [...(node?.addresses ?? [])],
    state: stateOf(standing, true),
    ...directionsOf(view, standing),
    ...policyOf(view, NODE, standing),
    policies: policies.slice(0, MAX_POLICIES),
    policyCount: policies.length,
    problems: problemsOf(view, NODE, standing),
  });
}

function podEndpoint(
  view: NodeView,
  key: string,
  pod: PodEndpoint,
  attached: AttachedEndpoint | undefined,
  policies: string[],
): Endpoint {
  const standing = view.policies.endpointState(key);
  return create(EndpointSchema, {
    id: attached?.id ?? 0,
    namespace: pod.namespace,
    podName: pod.podName,
    labels: [...pod.labels],
    identity: pod.identity,
    addresses: attached === undefined ? [...pod.addresses] : attached.addresses.map(formatIp),
    interface: attached?.linkName ?? '',
    ifindex: attached?.ifindex ?? 0,
    podMac: attached === undefined ? '' : formatMac(attached.podMac),
    hostMac: attached === undefined ? '' : formatMac(attached.hostMac),
    state: stateOf(standing, attached !== undefined),
    ...directionsOf(view, standing),
    ...policyOf(view, key, standing),
    policies: policies.slice(0, MAX_POLICIES),
    policyCount: policies.length,
    problems: problemsOf(view, `pod ${key}`, standing),
    workloads: pod.workloads.map(({ kind, name }) => `${kind}/${name}`),
  });
}

function stateOf({ set }: Standing, isAttached: boolean): EndpointState {
  if (!isAttached) return EndpointState.WAITING;
  if (set?.isDenied === true) return EndpointState.CLOSED;
  return set === undefined || set.failure === null ? EndpointState.READY : EndpointState.POLICY_FAILED;
}

function directionsOf(
  view: NodeView,
  { policy, set }: Standing,
): {
  ingress: MessageInitShape<typeof DirectionStateSchema>;
  egress: MessageInitShape<typeof DirectionStateSchema>;
} {
  const stateIn = (direction: 'ingress' | 'egress'): MessageInitShape<typeof DirectionStateSchema> => {
    const enforcement = policy?.[direction].enforcement ?? 'open';
    const isOff = view.options.mode === 'never';
    return {
      enforcement: isOff ? DirectionEnforcement.SWITCHED_OFF : enforcements[enforcement],
      audits: enforcement !== 'open' && (set?.audits ?? view.options.audits),
    };
  };
  return { ingress: stateIn('ingress'), egress: stateIn('egress') };
}

function policyOf(
  view: NodeView,
  key: string,
  standing: Standing,
): { policyRevision: bigint; policyEntries: number; policySet: number } {
  return {
    policyRevision: BigInt(view.revisionOf(key, standing)),
    policyEntries: standing.set?.entryCount ?? 0,
    policySet: standing.set?.setId ?? 0,
  };
}

function problemsOf(view: NodeView, where: string, { set }: Standing): Problem[] {
  const told = [...view.problemsOf(where), ...view.problemsOf(`policy of ${where}`)].map((problem) =>
    create(ProblemSchema, {
      where: problem.where,
      message: problem.message,
      since: timestampFromMs(problem.sinceMs),
    }),
  );
  if (told.length > 0 || set === undefined || set.failure === null) return told;
  return [create(ProblemSchema, { where, message: set.failure })];
}
