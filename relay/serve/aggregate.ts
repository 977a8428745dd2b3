import { create } from '@bufbuild/protobuf';
import {
  type Namespace,
  type Node,
  NodeSchema,
  Observer,
  type ServerStatusResponse,
  ServerStatusResponseSchema,
} from '../../proto/gen/observer/observer_pb.ts';
import { NodeState } from '../../proto/gen/relay/relay_pb.ts';
import { Diagnostics, type NodeReport } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { type CallOptions, callUnary, formatAddress } from '../../rpc/index.ts';
import type { PeerDirectory } from '../peer/peer-directory.ts';
import type { PeerSession } from '../peer/peer-session.ts';

const MAX_UNAVAILABLE_NAMES = 10;

/** A unary question to all peers. */
export interface PeerQuestion {
  readonly directory: PeerDirectory;
  /** Time that a peer has to answer, and the client's metadata. */
  readonly call: CallOptions;
}

/** Asks all ready peers at once; a peer that fails gives null. */
async function askAll<T>(
  { directory }: PeerQuestion,
  ask: (session: PeerSession) => Promise<T>,
): Promise<{ session: PeerSession; answer: T | null }[]> {
  return Promise.all(
    directory.all.map(async (session) => {
      try {
        return { session, answer: session.isReady ? await ask(session) : null };
      } catch {
        return { session, answer: null }; // shown as a node that cannot be reached
      }
    }),
  );
}

const askStatus = ({ connection }: PeerSession, { call }: PeerQuestion): Promise<ServerStatusResponse> =>
  callUnary(connection, Observer.method.serverStatus, {}, call);

/** ServerStatus over all peers: sums, the longest uptime, and how many nodes answer. */
export async function aggregateStatus(
  question: PeerQuestion,
  version: string,
): Promise<ServerStatusResponse> {
  const answers = await askAll(question, (session) => askStatus(session, question));
  const total = create(ServerStatusResponseSchema, { version: `sluice-relay v${version}` });
  let connected = 0;
  const unavailable: string[] = [];
  /** Nodes that relays below count as unavailable, and of which they need not tell all names. */
  let unnamed = 0;
  for (const { session, answer } of answers) {
    if (answer === null) {
      unavailable.push(...session.nodeNames);
      continue;
    }
    total.numFlows += answer.numFlows;
    total.maxFlows += answer.maxFlows;
    total.seenFlows += answer.seenFlows;
    total.flowsRate += answer.flowsRate;
    if (answer.uptimeNs > total.uptimeNs) total.uptimeNs = answer.uptimeNs;
    // A relay below counts its own nodes; an agent is one.
    connected += answer.numConnectedNodes ?? 1;
    unavailable.push(...answer.unavailableNodes);
    unnamed += (answer.numUnavailableNodes ?? 0) - answer.unavailableNodes.length;
  }
  total.numConnectedNodes = connected;
  total.numUnavailableNodes = unavailable.length + Math.max(0, unnamed);
  total.unavailableNodes = unavailable.slice(0, MAX_UNAVAILABLE_NAMES);
  return total;
}

/** Every known node; of a relay below, the nodes behind it. */
export async function aggregateNodes(question: PeerQuestion): Promise<Node[]> {
  const answers = await askAll(question, (session) => nodesOf(session, question));
  return answers.flatMap(({ session, answer }) => {
    if (answer !== null) return answer;
    const state = session.isReady ? NodeState.NODE_ERROR : NodeState.NODE_UNAVAILABLE;
    return session.nodeNames.map((name) => describeNode(session, name, state));
  });
}

async function nodesOf(session: PeerSession, question: PeerQuestion): Promise<Node[]> {
  if (session.isRelay) {
    const { nodes } = await callUnary(session.connection, Observer.method.getNodes, {}, question.call);
    session.setNodesBelow(nodes.map(({ name }) => name));
    return nodes;
  }
  const { version, uptimeNs, numFlows, maxFlows, seenFlows } = await askStatus(session, question);
  const node = describeNode(session, session.nodeName, NodeState.NODE_CONNECTED);
  return [Object.assign(node, { version, uptimeNs, numFlows, maxFlows, seenFlows })];
}

function describeNode({ target }: PeerSession, name: string, state: NodeState): Node {
  const { address, tls } = target;
  return create(NodeSchema, {
    name,
    address: address === null ? '' : formatAddress(address),
    state,
    tls: { enabled: tls !== undefined, serverName: tls?.serverName ?? '' },
  });
}

/** Namespaces of all peers that answer, each once, by cluster, then name. */
export async function aggregateNamespaces(question: PeerQuestion): Promise<Namespace[]> {
  const answers = await askAll(question, ({ connection }) =>
    callUnary(connection, Observer.method.getNamespaces, {}, question.call),
  );
  const found = new Map<string, Namespace>();
  for (const { answer } of answers) {
    for (const namespace of answer?.namespaces ?? []) {
      found.set(`${namespace.cluster}/${namespace.namespace}`, namespace);
    }
  }
  const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  return [...found.values()].sort(
    (a, b) => compare(a.cluster, b.cluster) || compare(a.namespace, b.namespace),
  );
}

/** Reports of all peers that have them: Hubble's own agents do not. */
export async function aggregateReports(question: PeerQuestion): Promise<NodeReport[]> {
  const answers = await askAll(question, ({ connection }) =>
    callUnary(connection, Diagnostics.method.getStatus, {}, question.call),
  );
  return answers.flatMap(({ answer }) => answer?.nodes ?? []);
}
