import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import {
  Datapath,
  type DumpRequest,
  type DumpResponse,
  DumpResponseSchema,
  type ListEndpointsRequest,
  type ListEndpointsResponse,
  ListEndpointsResponseSchema,
} from '../../proto/gen/sluice/v1/datapath_pb.ts';
import { type NodeAnswer, NodeAnswerState } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { callStream, type CallOptions, RpcCode, RpcError } from '../../rpc/index.ts';
import type { PeerDirectory } from '../peer/peer-directory.ts';
import type { PeerSession } from '../peer/peer-session.ts';
import { type PeerRound, reasonOf, roundFor, runLimited, silentNodes } from './ask-peers.ts';
import { Handover } from './handover.ts';

/** Agents that send at once. */
const MAX_AT_ONCE = 4;
const DEFAULT_ROWS = 10_000;
/** A peer that says nothing for so long is left. */
const SILENCE_MS = 10_000;
/** … and a relay, which waits for its own peers. */
const RELAY_SILENCE_MS = 30_000;
/** Dumps passed on at once. */
const MAX_CALLS = 16;

/** Registers what a relay tells of the endpoints and maps below it. */
export function datapathRoutes(router: ConnectRouter, directory: PeerDirectory): void {
  let calls = 0;
  const counted = async function* <T>(stream: AsyncIterable<T>): AsyncGenerator<T> {
    if (calls >= MAX_CALLS) {
      throw new ConnectError(
        `${calls} dumps are being passed on, the most this relay passes on`,
        Code.ResourceExhausted,
      );
    }
    calls++;
    try {
      yield* stream;
    } finally {
      calls--;
    }
  };
  router.service(Datapath, {
    listEndpoints: (request, context) => counted(passEndpoints(directory, request, context)),
    dump: (request, context) => counted(passDump(directory, request, context)),
  });
}

function passEndpoints(
  directory: PeerDirectory,
  request: ListEndpointsRequest,
  context: HandlerContext,
): AsyncGenerator<ListEndpointsResponse> {
  return passOn<ListEndpointsResponse>(
    roundFor(directory, request, context),
    request.limit,
    ({ connection }, limit, call, onMessage) =>
      callStream(connection, Datapath.method.listEndpoints, { ...request, limit }, call, onMessage),
    (message, room) => {
      const { endpoints } = message;
      if (endpoints.length > room)
        Object.assign(message, { endpoints: endpoints.slice(0, room), isCut: true });
      return message.endpoints.length;
    },
    (node, isCut) => create(ListEndpointsResponseSchema, { nodeName: node.nodeName, node, isCut }),
  );
}

function passDump(
  directory: PeerDirectory,
  request: DumpRequest,
  context: HandlerContext,
): AsyncGenerator<DumpResponse> {
  return passOn<DumpResponse>(
    roundFor(directory, request, context),
    request.limit,
    ({ connection }, limit, call, onMessage) =>
      callStream(connection, Datapath.method.dump, { ...request, limit }, call, onMessage),
    (message, room) => {
      // A message has rows of one kind.
      const lists = [message.ipcache, message.policy, message.conntrack, message.services, message.endpoints];
      const rows = lists.reduce((sum, list) => sum + list.length, 0);
      if (rows <= room) return rows;
      for (const list of lists) list.splice(room);
      message.isCut = true;
      return room;
    },
    (node, isCut) => create(DumpResponseSchema, { nodeName: node.nodeName, node, isCut }),
  );
}

/** Hands on the messages of all peers of a round as they come, until the rows are as many as were asked for; a reader that is slow holds the peers back. */
async function* passOn<T>(
  round: PeerRound,
  askedFor: number,
  ask: (
    session: PeerSession,
    limit: number,
    call: CallOptions,
    onMessage: (message: T) => Promise<void>,
  ) => Promise<void>,
  /** Takes away what is beyond the room that there is, says so in the message, and returns how many rows are left. */
  fit: (message: T, room: number) => number,
  tell: (node: NodeAnswer, isCut: boolean) => T,
): AsyncGenerator<T> {
  const handover = new Handover<T>();
  let left = askedFor || DEFAULT_ROWS;
  let refusal: RpcError | null = null;
  let answers = 0;
  const fail = async (session: PeerSession, state: NodeAnswerState, message: string): Promise<void> => {
    for (const node of silentNodes(session, round, state, message)) await handover.give(tell(node, false));
  };
  const askOne = async (session: PeerSession): Promise<void> => {
    if (!session.isReady) return fail(session, NodeAnswerState.UNAVAILABLE, reasonOf(session));
    if (left === 0) {
      const [node] = silentNodes(session, round, NodeAnswerState.ANSWERED, '');
      if (node !== undefined) await handover.give(tell(node, true));
      return;
    }
    const silence = new Silence(session.isRelay ? RELAY_SILENCE_MS : SILENCE_MS);
    const signal = AbortSignal.any([
      silence.signal,
      ...(round.call.signal === undefined ? [] : [round.call.signal]),
    ]);
    try {
      const metadata = round.call.metadata ?? {};
      await ask(session, left, { metadata, signal }, async (message) => {
        silence.stop();
        // Peers that send at once may have more together than were asked for.
        left -= fit(message, left);
        await handover.give(message);
        silence.start();
      });
      answers++;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (error.code === RpcCode.InvalidArgument) refusal = error;
      const isOld = error.code === RpcCode.Unimplemented;
      const message = silence.isOver ? 'said nothing for too long' : error.message;
      await fail(session, isOld ? NodeAnswerState.UNSUPPORTED : NodeAnswerState.FAILED, message);
    } finally {
      silence.stop();
    }
  };
  handover.follow(
    runLimited(round.sessions, MAX_AT_ONCE, askOne).then(() => {
      if (answers === 0 && refusal !== null) {
        throw new ConnectError(refusal.message, Code.InvalidArgument);
      }
    }),
  );
  yield* handover.take();
}

/** Aborts when a peer has been silent for too long. */
class Silence {
  isOver = false;
  private readonly abort = new AbortController();
  private readonly ms: number;
  private timer: NodeJS.Timeout | undefined;

  constructor(ms: number) {
    this.ms = ms;
    this.start();
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  start(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.isOver = true;
      this.abort.abort(new RpcError(RpcCode.DeadlineExceeded, `silent for ${this.ms} ms`));
    }, this.ms);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
