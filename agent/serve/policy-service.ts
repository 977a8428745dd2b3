import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { policyKey, TraceEndError } from '../../policy/index.ts';
import {
  type GetPolicyRequest,
  type ListPoliciesRequest,
  NodeAnswerState,
  Policies,
  type PolicyDetail,
  PolicyDetailSchema,
  type PolicyRevisionSchema,
  PolicyState,
  RevisionChange,
  type TraceRequest,
  type TraceResult,
} from '../../proto/gen/sluice/v1/policy_pb.ts';
import { cutManifests } from '../../proto/policy/cut-manifests.ts';
import { compileNodeChoice } from '../../proto/policy/node-choice.ts';
import { MAX_PAGE, pageOf, policyOrder } from '../../proto/policy/policy-page.ts';
import { tooLarge } from '../../proto/policy/request-bounds.ts';
import type { BookedPolicy, PolicyRevision } from '../policy/policy-book.ts';
import type { NodeView } from './node-view.ts';
import { PolicyList } from './policy-list.ts';
import { traceOn } from './policy-trace.ts';

const MAX_REVISIONS = 20;
const changes = {
  added: RevisionChange.ADDED,
  changed: RevisionChange.CHANGED,
  deleted: RevisionChange.DELETED,
} as const;

/** Registers what an agent tells of its policies. */
export function policyRoutes(router: ConnectRouter, view: NodeView, nodeName: string): void {
  router.service(Policies, {
    listPolicies: (request) => {
      check(request);
      if (request.limit > MAX_PAGE) {
        throw invalid(`limit is ${request.limit}: expected at most ${MAX_PAGE}`);
      }
      if (!isMeant(request.nodeNames, nodeName)) return {};
      const list = new PolicyList(view, nodeName);
      const wanted = list.list(request.withRemoved).filter(inNamespaces(request));
      return { ...pageOf(wanted, request.after, request.limit), nodes: [list.node] };
    },
    getPolicy: (request) => {
      check(request);
      if (request.revisions > MAX_REVISIONS) {
        throw invalid(`revisions is ${request.revisions}: expected at most ${MAX_REVISIONS}`);
      }
      if (!isMeant(request.nodeNames, nodeName)) return {};
      const list = new PolicyList(view, nodeName);
      const policies = detailsOf(view, nodeName, list, request);
      if (policies.length === 0) throw new ConnectError(unknownPolicy(request), Code.NotFound);
      cutManifests(policies);
      return { policies, nodes: [list.node] };
    },
    trace: (request) => {
      check(request);
      checkTrace(request);
      if (!isMeant(request.nodeNames, nodeName)) return {};
      return {
        traces: [trace(view, nodeName, request)],
        nodes: [{ nodeName, state: NodeAnswerState.ANSWERED }],
      };
    },
  });
}

function inNamespaces({ namespaces }: ListPoliciesRequest): (policy: { namespace: string }) => boolean {
  return ({ namespace }) => namespaces.length === 0 || namespaces.includes(namespace);
}

/** Whether an agent is meant by a request. Throws ConnectError. */
export function isMeant(patterns: readonly string[], nodeName: string): boolean {
  try {
    return compileNodeChoice(patterns)(nodeName);
  } catch (error) {
    throw invalid((error as Error).message);
  }
}

/** Throws ConnectError for a request that is larger than any sensible one. */
export function check(request: object): void {
  const problem = tooLarge(request as Readonly<Record<string, unknown>>);
  if (problem !== null) throw invalid(problem);
}

function invalid(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}

function unknownPolicy({ kind, namespace, name }: GetPolicyRequest): string {
  return `there is no ${kind || 'policy'} ${[namespace, name].filter((part) => part !== '').join('/')}`;
}

function detailsOf(
  view: NodeView,
  nodeName: string,
  list: PolicyList,
  { namespace, name, kind, cluster, revisions }: GetPolicyRequest,
): PolicyDetail[] {
  if (cluster !== '' && cluster !== view.options.clusterName) return [];
  const isWanted = (policy: { namespace: string; name: string; kind: string }): boolean =>
    policy.namespace === namespace && policy.name === name && (kind === '' || policy.kind === kind);
  return list
    .list(true)
    .filter(isWanted)
    .sort((a, b) => (policyOrder(a) < policyOrder(b) ? -1 : 1))
    .map((policy) => {
      const key = policyKey({ ...policy, kind: policy.kind as BookedPolicy['policy']['kind'] });
      const booked = view.book.get(key);
      const history = view.book.history(key);
      const isThere = booked !== undefined && policy.state !== PolicyState.REMOVED;
      return create(PolicyDetailSchema, {
        policy,
        manifest: isThere ? (view.sources.of(booked.policy).manifest ?? '') : '',
        revisions: history.revisions.slice(0, revisions).map(revisionOf),
        revisionsNode: nodeName,
        revisionsDropped: history.dropped,
      });
    });
}

function revisionOf(one: PolicyRevision): MessageInitShape<typeof PolicyRevisionSchema> {
  const { revision, timeMs, change, digest, manifest, line, changed } = one;
  return {
    revision: BigInt(revision),
    time: timestampFromMs(timeMs),
    change: changes[change],
    digest,
    manifest: manifest ?? '',
    line,
    changed: [...changed],
  };
}

const PROTOCOLS: ReadonlySet<number> = new Set([1, 6, 17, 58, 132]);

/** Throws ConnectError for a question that makes no sense. */
export function checkTrace({ port, protocol }: TraceRequest): void {
  if (!PROTOCOLS.has(protocol)) {
    throw invalid(`protocol is ${protocol}: expected 6 (TCP), 17 (UDP), 132 (SCTP), 1 (ICMP) or 58 (ICMPv6)`);
  }
  const most = protocol === 1 || protocol === 58 ? 255 : 65_535;
  if (port > most) throw invalid(`port is ${port}: expected 0 to ${most}`);
}

function trace(view: NodeView, nodeName: string, request: TraceRequest): TraceResult {
  try {
    return traceOn(view, nodeName, request);
  } catch (error) {
    if (!(error instanceof TraceEndError)) throw error;
    throw new ConnectError(error.message, error.isUnknown ? Code.NotFound : Code.InvalidArgument);
  }
}
