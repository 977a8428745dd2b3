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
import { callUnary, formatAddress } from '../../rpc/index.ts';
import { type PeerDirectory } from '../peer/peer-directory.ts';
import { type PeerSession } from '../peer/peer-session.ts';

const TIMEOUT_MS = 5000;
const MAX_UNAVAILABLE_NAMES = 10;

/** Asks all ready peers at once; a peer that fails gives null. */
async function askAll<T>(
  sessions: readonly PeerSession[],
  ask: (session: PeerSession) => Promise<T>,
): Promise<{ session: PeerSession; answer: T | null }[]> {
  return Promise.all(
    sessions.map(async (session) => {
      try {
        return { session, answer: session.isReady ? await ask(session) : null };
      } catch {
        return { session, answer: null }; // shown as a node that cannot be reached
      }
    }),
  );
}

const askStatus = (session: PeerSession): Promise<ServerStatusResponse> =>
  callUnary(session.connection, Observer.method.serverStatus, {}, { timeoutMs: TIMEOUT_MS });

/** ServerStatus over all peers: sums, the longest uptime, and how many nodes answer. */
export async function aggregateStatus(
  directory: PeerDirectory,
  version: string,
): Promise<ServerStatusResponse> {
  const answers = await askAll(directory.all, askStatus);
  const total = create(ServerStatusResponseSchema, {
    numConnectedNodes: 0,
    numUnavailableNodes: 0,
    version: `sluice-relay v${version}`,
  });
  const unavailable: string[] = [];
  for (const { session, answer } of answers) {
    if (answer === null) {
      total.numUnavailableNodes = (total.numUnavailableNodes ?? 0) + 1;
      unavailable.push(session.name);
      continue;
    }
    total.numFlows += answer.numFlows;
    total.maxFlows += answer.maxFlows;
    total.seenFlows += answer.seenFlows;
    total.flowsRate += answer.flowsRate;
    if (answer.uptimeNs > total.uptimeNs) total.uptimeNs = answer.uptimeNs;
    // A relay below counts its own nodes; an agent is one.
    total.numConnectedNodes = (total.numConnectedNodes ?? 0) + (answer.numConnectedNodes ?? 1);
    total.numUnavailableNodes = (total.numUnavailableNodes ?? 0) + (answer.numUnavailableNodes ?? 0);
    unavailable.push(...answer.unavailableNodes);
  }
  total.unavailableNodes = unavailable.slice(0, MAX_UNAVAILABLE_NAMES);
  return total;
}

/** Every known node; of a relay below, the nodes behind it. */
export async function aggregateNodes(directory: PeerDirectory): Promise<Node[]> {
  const answers = await askAll(directory.all, async (session): Promise<Node[]> => {
    if (session.isRelay) {
      const { nodes } = await callUnary(
        session.connection,
        Observer.method.getNodes,
        {},
        { timeoutMs: TIMEOUT_MS },
      );
      return nodes;
    }
    const { version, uptimeNs, numFlows, maxFlows, seenFlows } = await askStatus(session);
    return [
      create(NodeSchema, {
        ...nodeOf(session, NodeState.NODE_CONNECTED),
        version,
        uptimeNs,
        numFlows,
        maxFlows,
        seenFlows,
      }),
    ];
  });
  return answers.flatMap(({ session, answer }) => {
    if (answer !== null) return answer;
    const state = session.isReady ? NodeState.NODE_ERROR : NodeState.NODE_UNAVAILABLE;
    return [create(NodeSchema, nodeOf(session, state))];
  });
}

function nodeOf(
  session: PeerSession,
  state: NodeState,
): {
  name: string;
  address: string;
  state: NodeState;
  tls: { enabled: boolean; serverName: string };
} {
  const { tls } = session.target;
  return {
    name: session.name,
    address: formatAddress(session.target.address),
    state,
    tls: { enabled: tls !== undefined, serverName: tls?.serverName ?? '' },
  };
}

/** Namespaces of all peers that answer, each once, by cluster, then name. */
export async function aggregateNamespaces(directory: PeerDirectory): Promise<Namespace[]> {
  const answers = await askAll(directory.all, (session) =>
    callUnary(session.connection, Observer.method.getNamespaces, {}, { timeoutMs: TIMEOUT_MS }),
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
export async function aggregateReports(directory: PeerDirectory): Promise<NodeReport[]> {
  const answers = await askAll(directory.all, (session) =>
    callUnary(session.connection, Diagnostics.method.getStatus, {}, { timeoutMs: TIMEOUT_MS }),
  );
  return answers.flatMap(({ answer }) => answer?.nodes ?? []);
}
