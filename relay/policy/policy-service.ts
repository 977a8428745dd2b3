import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import {
  type GetPolicyRequest,
  type GetPolicyResponse,
  GetPolicyResponseSchema,
  type ListPoliciesRequest,
  type ListPoliciesResponse,
  ListPoliciesResponseSchema,
  type NodeAnswer,
  Policies,
  type PolicyDetail,
  PolicyDetailSchema,
  type TraceRequest,
  type TraceResponse,
  TraceResponseSchema,
} from '../../proto/gen/sluice/v1/policy_pb.ts';
import { cutManifests } from '../../proto/policy/cut-manifests.ts';
import { MAX_PAGE, pageOf, policyOrder } from '../../proto/policy/policy-page.ts';
import { callUnary } from '../../rpc/index.ts';
import type { PeerDirectory } from '../peer/peer-directory.ts';
import { askPeers, clusterOfNode, roundFor } from './ask-peers.ts';
import { MergedPolicy } from './merged-policy.ts';
import { TraceMerge } from './trace-merge.ts';

/** Registers what a relay tells of the policies below it. */
export function policyRoutes(router: ConnectRouter, directory: PeerDirectory): void {
  router.service(Policies, {
    listPolicies: (request, context) => listPolicies(directory, request, context),
    getPolicy: (request, context) => getPolicy(directory, request, context),
    trace: (request, context) => trace(directory, request, context),
  });
}

async function listPolicies(
  directory: PeerDirectory,
  request: ListPoliciesRequest,
  context: HandlerContext,
): Promise<ListPoliciesResponse> {
  if (request.limit > MAX_PAGE) {
    throw new ConnectError(`limit is ${request.limit}: expected at most ${MAX_PAGE}`, Code.InvalidArgument);
  }
  const round = roundFor(directory, request, context);
  const merged = new Map<string, MergedPolicy>();
  const nodes: NodeAnswer[] = [];
  let knownUpTo = '';
  const { nodes: silent } = await askPeers(
    round,
    ({ connection }, call) => callUnary(connection, Policies.method.listPolicies, request, call),
    (answer) => {
      for (const policy of answer.policies) addTo(merged, policyOrder(policy)).add(policy);
      nodes.push(...answer.nodes);
      // What a peer has behind its page is not known yet.
      if (answer.next !== '' && (knownUpTo === '' || answer.next < knownUpTo)) knownUpTo = answer.next;
    },
  );
  nodes.push(...silent);
  const totals = nodesByCluster(nodes);
  const policies = [...merged].map(([place, one]) => one.message(totals.get(place.split('/')[0]) ?? 0));
  return create(ListPoliciesResponseSchema, {
    ...pageOf(policies, request.after, request.limit, knownUpTo),
    nodes,
  });
}

async function getPolicy(
  directory: PeerDirectory,
  request: GetPolicyRequest,
  context: HandlerContext,
): Promise<GetPolicyResponse> {
  const round = roundFor(directory, request, context);
  const merged = new Map<string, MergedPolicy>();
  const details = new Map<string, DetailChoice>();
  const nodes: NodeAnswer[] = [];
  const { nodes: silent, notFound } = await askPeers(
    round,
    ({ connection }, call) => callUnary(connection, Policies.method.getPolicy, request, call),
    (answer) => {
      nodes.push(...answer.nodes);
      for (const detail of answer.policies) {
        const place = policyOrder(detail.policy!);
        addTo(merged, place).add(detail.policy!);
        const choice = details.get(place) ?? new DetailChoice();
        details.set(place, choice);
        choice.add(detail);
      }
    },
  );
  if (merged.size === 0 && notFound !== null) throw new ConnectError(notFound.message, Code.NotFound);
  nodes.push(...silent);
  const totals = nodesByCluster(nodes);
  const policies = [...merged]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([place, one]) =>
      details.get(place)!.message(one.digest, one.message(totals.get(place.split('/')[0]) ?? 0)),
    );
  cutManifests(policies);
  return create(GetPolicyResponseSchema, { policies, nodes });
}

async function trace(
  directory: PeerDirectory,
  request: TraceRequest,
  context: HandlerContext,
): Promise<TraceResponse> {
  const round = roundFor(directory, request, context);
  const merge = new TraceMerge();
  const { nodes, notFound } = await askPeers(
    round,
    ({ connection }, call) => callUnary(connection, Policies.method.trace, request, call),
    ({ traces, nodes: below }) => {
      for (const result of traces) merge.add(result);
      // Those who answered are named beside what they said.
      for (const node of below) if (node.message !== '') merge.silent.push(node);
    },
  );
  const traces = merge.results();
  if (traces.length === 0 && notFound !== null) throw new ConnectError(notFound.message, Code.NotFound);
  return create(TraceResponseSchema, { traces, nodes: [...merge.silent, ...nodes] });
}

function addTo(merged: Map<string, MergedPolicy>, place: string): MergedPolicy {
  let one = merged.get(place);
  if (one === undefined) merged.set(place, (one = new MergedPolicy()));
  return one;
}

function nodesByCluster(nodes: readonly NodeAnswer[]): ReadonlyMap<string, number> {
  const totals = new Map<string, number>();
  for (const { nodeName } of nodes) {
    const cluster = clusterOfNode(nodeName);
    totals.set(cluster, (totals.get(cluster) ?? 0) + 1);
  }
  return totals;
}

/** Of what nodes tell of one policy: a manifest for each version, and the longest history. */
class DetailChoice {
  private readonly manifests = new Map<string, string>();
  private history: PolicyDetail | null = null;

  add(detail: PolicyDetail): void {
    const { digest } = detail.policy!;
    if (!this.manifests.get(digest)) this.manifests.set(digest, detail.manifest);
    if (this.history === null || lengthOf(detail) > lengthOf(this.history)) this.history = detail;
  }

  message(digest: string, policy: PolicyDetail['policy'] & object): PolicyDetail {
    const {
      revisions = [],
      revisionsNode = '',
      revisionsDropped = 0,
      manifestsCut = false,
    } = this.history ?? {};
    const manifest = this.manifests.get(digest) ?? '';
    return create(PolicyDetailSchema, {
      policy,
      manifest,
      revisions,
      revisionsNode,
      revisionsDropped,
      manifestsCut,
    });
  }
}

function lengthOf({ revisions, revisionsDropped }: PolicyDetail): number {
  return revisions.length + revisionsDropped;
}
