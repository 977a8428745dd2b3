import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { type NodeAnswer, NodeAnswerSchema, NodeAnswerState } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { compileNodeChoice } from '../../proto/policy/node-choice.ts';
import { tooLarge } from '../../proto/policy/request-bounds.ts';
import { type CallOptions, RpcCode, RpcError } from '../../rpc/index.ts';
import type { PeerDirectory } from '../peer/peer-directory.ts';
import type { PeerSession } from '../peer/peer-session.ts';
import { forwardedMetadata } from '../serve/forwarded-metadata.ts';

/** Peers asked at once: each answer may have some MiB. */
const MAX_AT_ONCE = 16;
const ANSWER_MS = 10_000;
/** Share of a client's deadline that peers get: what is left is for the answer. */
const PEER_SHARE = 0.8;

/** The peers that a request is about, and how they are called. */
export interface PeerRound {
  readonly sessions: readonly PeerSession[];
  readonly call: CallOptions;
  /** Whether a node is meant by the request. */
  readonly isMeant: (nodeName: string) => boolean;
}

/** Whom to ask for a request. Agents that are not meant are left out; a relay knows itself who is meant below it. Throws ConnectError INVALID_ARGUMENT. */
export function roundFor(
  directory: PeerDirectory,
  request: { readonly nodeNames: readonly string[] },
  context: Pick<HandlerContext, 'timeoutMs' | 'requestHeader' | 'signal'>,
): PeerRound {
  const problem = tooLarge(request);
  if (problem !== null) throw new ConnectError(problem, Code.InvalidArgument);
  let isMeant: PeerRound['isMeant'];
  try {
    isMeant = compileNodeChoice(request.nodeNames);
  } catch (error) {
    throw new ConnectError((error as Error).message, Code.InvalidArgument);
  }
  const timeoutMs = Math.min(ANSWER_MS, (context.timeoutMs() ?? Number.POSITIVE_INFINITY) * PEER_SHARE);
  return {
    sessions: directory.all.filter((session) => session.nodeNames.some(isMeant) || session.isRelay),
    isMeant,
    call: { timeoutMs, metadata: forwardedMetadata(context.requestHeader), signal: context.signal },
  };
}

/**
 * Asks all peers of a round, some at once, and hands on each answer as it comes. Returns the nodes that did not answer, and why; errors of NOT_FOUND are answers of that kind,
 * those of INVALID_ARGUMENT are thrown if no peer has another opinion.
 */
export async function askPeers<T>(
  round: PeerRound,
  ask: (session: PeerSession, call: CallOptions) => Promise<T>,
  onAnswer: (answer: T) => void,
): Promise<{ nodes: NodeAnswer[]; notFound: RpcError | null }> {
  const nodes: NodeAnswer[] = [];
  const refused: { notFound: RpcError | null; invalid: RpcError | null } = { notFound: null, invalid: null };
  let answers = 0;
  const askOne = async (session: PeerSession): Promise<void> => {
    if (!session.isReady) {
      nodes.push(...silentNodes(session, round, NodeAnswerState.UNAVAILABLE, reasonOf(session)));
      return;
    }
    try {
      onAnswer(await ask(session, round.call));
      answers++;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (error.code === RpcCode.NotFound) {
        refused.notFound = error;
        nodes.push(...silentNodes(session, round, NodeAnswerState.ANSWERED, ''));
      } else if (error.code === RpcCode.InvalidArgument) {
        refused.invalid = error;
        nodes.push(...silentNodes(session, round, NodeAnswerState.FAILED, error.message));
      } else {
        const isOld = error.code === RpcCode.Unimplemented;
        const state = isOld ? NodeAnswerState.UNSUPPORTED : NodeAnswerState.FAILED;
        nodes.push(...silentNodes(session, round, state, error.message));
      }
    }
  };
  await runLimited(round.sessions, MAX_AT_ONCE, askOne);
  if (answers === 0 && refused.invalid !== null) {
    throw new ConnectError(refused.invalid.message, Code.InvalidArgument);
  }
  return { nodes, notFound: refused.notFound };
}

/** The nodes behind a peer that gave no answer of their own. */
export function silentNodes(
  { nodeNames }: PeerSession,
  { isMeant }: PeerRound,
  state: NodeAnswerState,
  message: string,
): NodeAnswer[] {
  return nodeNames.filter(isMeant).map((nodeName) => create(NodeAnswerSchema, { nodeName, state, message }));
}

/** Why a peer is not there. */
export function reasonOf({ state }: PeerSession): string {
  return state.name === 'connecting' || state.name === 'unreachable' ? state.reason : '';
}

/** Works through a list, so many items at once. */
export async function runLimited<T>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  const worker = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
}

/** The cluster of a node by its name; nodes without one are of the cluster `default`. */
export function clusterOfNode(nodeName: string): string {
  const slash = nodeName.indexOf('/');
  return slash < 0 ? 'default' : nodeName.slice(0, slash);
}
