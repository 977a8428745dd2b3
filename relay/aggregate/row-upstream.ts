import { fromBinary } from '@bufbuild/protobuf';
import { type AggregateQuery, countFrames, type RowStream } from '../../history/index.ts';
import { addRows, type DecodedRows } from '../../proto/flow/aggregate/decode-rows.ts';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { createFlowPeek, ENVELOPE_NODE_STATUS, peekFlow } from '../../proto/flow/peek-flow.ts';
import { NodeState, NodeStatusEventSchema } from '../../proto/gen/relay/relay_pb.ts';
import { RpcCode, type RpcError } from '../../rpc/index.ts';
import type { PeerDirectory, PeerEvent } from '../peer/peer-directory.ts';
import type { PeerSession } from '../peer/peer-session.ts';
import { ErrorCoalescer } from '../serve/error-coalescer.ts';
import { NodeBoard } from '../serve/node-board.ts';
import { statusBatch } from '../serve/status-frame.ts';
import { AnswerClock } from './answer-clock.ts';
import { PeerRows } from './peer-rows.ts';

/** One client's request, and where its answers go. */
export interface RowUpstreamOptions {
  readonly relayName: string;
  readonly directory: PeerDirectory;
  readonly query: AggregateQuery;
  /** Request metadata of the client, which peers get too. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly rows: RowStream;
  readonly signal: AbortSignal;
  /** A peer that says nothing for so long is told of; what is stored is then answered without it. */
  readonly silenceMs: number;
  /** Whether more is to be counted before there is an answer. */
  readonly isPart?: boolean;
}

interface Branch {
  readonly rows: PeerRows;
  isSilent: boolean;
}

/**
 * One request to all peers, their rows added up. Peers that come back, or come anew, while the request follows get it too. Ends when all peers have said all they will say,
 * or with its signal.
 */
export class RowUpstream {
  private readonly options: RowUpstreamOptions;
  private readonly board = new NodeBoard();
  private readonly branches = new Map<string, Branch>();
  private readonly clock: AnswerClock;
  private readonly errors: ErrorCoalescer;
  private readonly peek = createFlowPeek();
  private timer: NodeJS.Timeout | undefined;
  private hasEnded = false;
  private end: () => void = () => {};

  constructor(options: RowUpstreamOptions) {
    this.options = options;
    this.clock = new AnswerClock(options.query.intervalMs, performance.now());
    this.errors = new ErrorCoalescer((message, names) => this.tell(NodeState.NODE_ERROR, names, message));
    for (const session of options.directory.all) {
      // A relay below tells of its nodes itself, in its answer.
      if (session.isReady && session.isRelay) continue;
      const state = session.isReady ? NodeState.NODE_CONNECTED : NodeState.NODE_UNAVAILABLE;
      this.board.set(session.target.name, state, session.nodeNames);
    }
  }

  /** Asks every ready peer and runs until the end. */
  async run(): Promise<void> {
    const { directory, rows, signal } = this.options;
    const ended = new Promise<void>((resolve) => (this.end = resolve));
    const stop = (): void => this.end();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const stopEvents = this.isFollowing ? directory.onEvent((event) => this.onPeer(event)) : null;
    const look = setInterval(() => this.lookForSilence(), this.options.silenceMs / 10);
    for (const state of [NodeState.NODE_CONNECTED, NodeState.NODE_UNAVAILABLE]) {
      this.tell(state, this.board.inState(state));
    }
    for (const session of directory.ready) this.ask(session);
    this.schedule();
    await ended;
    this.hasEnded = true;
    signal.removeEventListener('abort', stop);
    stopEvents?.();
    clearInterval(look);
    clearTimeout(this.timer);
    for (const branch of this.branches.values()) branch.rows.close();
    this.errors.flush();
    if (!signal.aborted && this.options.isPart !== true) rows.answer(true);
  }

  private get isFollowing(): boolean {
    return this.options.query.flows.follow;
  }

  private tell(state: NodeState, names: readonly string[], message = ''): void {
    const { relayName, rows } = this.options;
    // The status of a node has the same place in both services' responses.
    if (names.length > 0) rows.tell(statusBatch(relayName, state, names, message).bytes);
  }

  private onPeer({ kind, session, ...event }: PeerEvent): void {
    const { name } = session.target;
    switch (kind) {
      case 'ready':
        if (session.nodeName !== name) this.board.set(name, NodeState.NODE_GONE, [name]);
        if (!session.isRelay) this.tellPeer(name, NodeState.NODE_CONNECTED, session.nodeNames);
        this.ask(session);
        return;
      case 'lost':
        this.clock.remove(name);
        this.tellPeer(
          name,
          NodeState.NODE_UNAVAILABLE,
          this.namesThrough(session.target.name, session.nodeNames),
          'reason' in event ? event.reason : '',
        );
        this.schedule();
        return;
      case 'gone':
        this.tellPeer(name, NodeState.NODE_GONE, this.namesThrough(name, session.nodeNames));
        this.drop(name);
    }
  }

  private tellPeer(peer: string, state: NodeState, names: readonly string[], message = ''): void {
    this.board.set(peer, state, names);
    this.tell(state, names, message);
  }

  private namesThrough(peer: string, otherwise: readonly string[] = [peer]): readonly string[] {
    const names = this.board.through(peer);
    return names.length > 0 ? names : otherwise;
  }

  private ask(session: PeerSession): void {
    if (this.hasEnded || this.options.signal.aborted) return;
    const { name } = session.target;
    let branch = this.branches.get(name);
    if (branch === undefined) {
      branch = { rows: this.createRows(name), isSilent: false };
      this.branches.set(name, branch);
    }
    branch.rows.ask(session);
    if (branch.rows.isCounting) this.clock.add(name);
  }

  private createRows(name: string): PeerRows {
    const { query, metadata, rows } = this.options;
    return new PeerRows(
      { request: query.request, flows: query.flows, metadata },
      {
        onAnswer: (pieces) => this.answered(name, pieces),
        onFlows: ({ bytes, offsets, count }) =>
          countFrames(bytes.subarray(offsets[0], offsets[count]), query.aggregator, rows.losses, name),
        onNotice: (frame) => this.noteNotice(name, frame),
        onEnded: (error) => this.branchEnded(name, error),
      },
    );
  }

  private answered(name: string, pieces: readonly DecodedRows[]): void {
    const { table } = this.options.query.aggregator;
    for (const piece of pieces) addRows(table, piece);
    this.clock.answered(name);
    this.schedule();
  }

  /** A loss below is summed up with others; a node's state goes on as it is. */
  private noteNotice(name: string, frame: Uint8Array): void {
    const { rows } = this.options;
    peekFlow(frame, FRAME_PREFIX_BYTES, frame.length, this.peek);
    if (this.peek.kind !== ENVELOPE_NODE_STATUS) {
      rows.losses.addMessage(frame, FRAME_PREFIX_BYTES, frame.length);
      return;
    }
    const member = frame.subarray(this.peek.memberStart, this.peek.memberEnd);
    const { stateChange, nodeNames } = fromBinary(NodeStatusEventSchema, member);
    if (stateChange !== NodeState.NODE_ERROR) this.board.set(name, stateChange, nodeNames);
    rows.tell(frame);
  }

  private branchEnded(name: string, error: RpcError | null): void {
    this.clock.remove(name);
    if (error !== null) {
      const message = error.code === RpcCode.Unknown ? error.message : `code ${error.code}: ${error.message}`;
      this.errors.add(message, this.namesThrough(name));
    }
    this.schedule();
  }

  private drop(name: string): void {
    this.branches.get(name)?.rows.close();
    this.branches.delete(name);
    this.clock.remove(name);
    this.schedule();
  }

  private lookForSilence(): void {
    const nowMs = performance.now();
    const { silenceMs } = this.options;
    const silent: string[] = [];
    for (const [name, branch] of this.branches) {
      // A peer that sends flows has nothing to say when there are none.
      const isExpected = branch.rows.isCounting || !this.isFollowing;
      const isSilent = isExpected && branch.rows.silentMs(nowMs) > silenceMs;
      if (isSilent === branch.isSilent) continue;
      branch.isSilent = isSilent;
      if (isSilent) silent.push(name);
      else if (branch.rows.isCounting) this.tell(NodeState.NODE_CONNECTED, this.namesThrough(name));
    }
    if (silent.length === 0) return;
    const names = silent.flatMap((name) => this.namesThrough(name));
    this.tell(NodeState.NODE_ERROR, names, `no answer for ${silenceMs / 1000} s: its rows are missing`);
    if (!this.isFollowing) for (const name of silent) this.drop(name);
  }

  /** Answers now if an answer is due, else looks again when it will be; ends when nobody has more to say. */
  private schedule(): void {
    if (this.hasEnded) return;
    if (this.isDone()) {
      this.end();
      return;
    }
    if (!this.isFollowing) return;
    const nowMs = performance.now();
    const waitMs = this.clock.waitMs(nowMs);
    clearTimeout(this.timer);
    if (waitMs <= 0) {
      this.options.rows.answer();
      this.clock.restart(nowMs);
    }
    this.timer = setTimeout(() => this.schedule(), Math.max(1, this.clock.waitMs(nowMs)));
  }

  private isDone(): boolean {
    const branches = [...this.branches.values()];
    if (branches.some(({ rows }) => !rows.isSettled)) return false;
    const { follow, until } = this.options.query.flows;
    // One that follows outlives its peers: others may come, and these come back.
    return !follow || (until !== undefined && branches.length > 0);
  }
}
