import { fromBinary } from '@bufbuild/protobuf';
import type { LossLedger } from '../../history/index.ts';
import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import { isFlowFrame } from '../../proto/flow/frame-kind.ts';
import { createFlowPeek, ENVELOPE_NODE_STATUS, peekFlow } from '../../proto/flow/peek-flow.ts';
import { NodeState, NodeStatusEventSchema } from '../../proto/gen/relay/relay_pb.ts';
import { LossCause } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { RpcCode, type RpcError } from '../../rpc/index.ts';
import type { MergeOutput } from '../merge/merge-output.ts';
import type { MergeSource } from '../merge/merge-source.ts';
import { TimeMerge } from '../merge/time-merge.ts';
import type { PeerDirectory, PeerEvent } from '../peer/peer-directory.ts';
import { PeerFlows, type PeerRequest } from '../peer/peer-flows.ts';
import type { PeerSession } from '../peer/peer-session.ts';
import { ErrorCoalescer } from './error-coalescer.ts';
import { NodeBoard } from './node-board.ts';
import type { RelayMeter } from './relay-meter.ts';
import { statusBatch } from './status-frame.ts';

/** What an upstream needs to know. */
export interface UpstreamOptions {
  readonly relayName: string;
  readonly directory: PeerDirectory;
  readonly ledger: LossLedger;
  readonly meter: RelayMeter;
  /** Longest wait of a live flow for older ones of agents; more where the peers are relays. */
  readonly mergeDelayMs: number;
  readonly maxBufferedBytes: number;
}

/** Where an upstream's frames go. */
export interface UpstreamSink {
  /** Takes merged frames. When its `send` says that it takes no more, that holds until the upstream's `release` is called. */
  readonly output: MergeOutput;
  /** Takes what the relay itself has to tell, at once. */
  readonly tell: (batch: FlowBatch) => void;
}

/** How long a request for what is stored waits for a peer that says nothing. */
const STORED_PATIENCE_MS = 10_000;
/** What relays below need beyond the delays of both levels: timers and the way. */
const RELAY_SLACK_MS = 100;

/** A batch of live flows is merged this long after it came, with what came meanwhile, or as soon as so much has come: each merge has its price, however little it does. */
const GATHER_MS = 5;
const GATHER_BYTES = 256 * 1024;
/** What a peer may have waiting while the client takes nothing. */
const HELD_BYTES = 64 * 1024;

const peek = createFlowPeek();

/** A peer's part in an upstream. */
interface Branch {
  readonly flows: PeerFlows;
  /** Its place in the merge while its stream runs. */
  source: MergeSource | null;
}

/**
 * One request to all peers, merged. Peers that come back, or come anew, while the request follows get it too: from where they broke off, so that nothing is told
 * twice and, if the peer kept it, nothing is missing. Ends when all peers have said all they will say, or with its signal.
 */
export class Upstream {
  private readonly peerRequest: PeerRequest;
  private readonly options: UpstreamOptions;
  private readonly signal: AbortSignal;
  private readonly sink: UpstreamSink;
  private readonly merge: TimeMerge;
  private readonly board = new NodeBoard();
  private readonly branches = new Map<string, Branch>();
  private readonly errors: ErrorCoalescer;
  private readonly told = { merged: 0, late: 0, ahead: 0 };
  private received = 0;
  private timer: NodeJS.Timeout | undefined;
  private timerDueMs = 0;
  private isScheduled = false;
  /** Bytes that came since the last advance. */
  private pushedBytes = 0;
  private isHeld = false;
  private hasEnded = false;
  private end: () => void = () => {};

  constructor(peerRequest: PeerRequest, options: UpstreamOptions, signal: AbortSignal, sink: UpstreamSink) {
    this.peerRequest = peerRequest;
    this.options = options;
    this.signal = signal;
    this.sink = sink;
    const { follow } = peerRequest.request;
    this.merge = new TimeMerge(
      {
        mode: follow ? 'live' : 'stored',
        delayMs: follow ? () => this.liveDelayMs : () => STORED_PATIENCE_MS,
        maxBufferedBytes: options.maxBufferedBytes,
      },
      {
        output: sink.output,
        onNotice: (source, bytes, start, end) => this.noteStatus(source, bytes, start, end),
        onPassedOver: ({ name }) => this.tellSilent(name),
      },
    );
    this.errors = new ErrorCoalescer((message, names) => this.tell(NodeState.NODE_ERROR, names, message));
    for (const session of options.directory.all) {
      // A relay below tells of its nodes itself, in its answer.
      if (session.isReady && session.isRelay) continue;
      const state = session.isReady ? NodeState.NODE_CONNECTED : NodeState.NODE_UNAVAILABLE;
      this.board.set(session.target.name, state, session.nodeNames);
    }
  }

  /** What a client is told before any flow: which nodes are asked, and which cannot be. */
  preamble(): FlowBatch[] {
    return [NodeState.NODE_CONNECTED, NodeState.NODE_UNAVAILABLE].flatMap((state) => {
      const names = this.board.inState(state);
      return names.length === 0 ? [] : [statusBatch(this.options.relayName, state, names)];
    });
  }

  /** Asks every ready peer and runs until the end. */
  async run(): Promise<void> {
    const { directory } = this.options;
    const ended = new Promise<void>((resolve) => (this.end = resolve));
    const stop = (): void => this.end();
    this.signal.addEventListener('abort', stop, { once: true });
    if (this.signal.aborted) stop();
    const stopEvents = this.peerRequest.request.follow
      ? directory.onEvent((event) => this.onPeer(event))
      : null;
    for (const session of directory.ready) this.ask(session);
    this.endIfDone();
    await ended;
    this.hasEnded = true;
    this.signal.removeEventListener('abort', stop);
    stopEvents?.();
    clearTimeout(this.timer);
    for (const { flows, source } of this.branches.values()) {
      flows.close();
      source?.onRoom?.();
    }
    this.errors.flush();
    this.count();
    this.options.meter.discarded += this.received - this.merge.mergedFlows;
  }

  /** The sink takes frames again. */
  release(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.advanceAtOnce();
  }

  private get liveDelayMs(): number {
    const { mergeDelayMs } = this.options;
    // A relay below has waited by its own delay before it sends: flows of its neighbours have to wait for that, too.
    return this.hasRelays ? 2 * mergeDelayMs + RELAY_SLACK_MS : mergeDelayMs;
  }

  private hasRelays = false;

  private tell(state: NodeState, names: readonly string[], message = ''): void {
    if (names.length > 0) this.sink.tell(statusBatch(this.options.relayName, state, names, message));
  }

  private onPeer(event: PeerEvent): void {
    const { session } = event;
    const { target, nodeNames } = session;
    switch (event.kind) {
      case 'ready':
        if (session.nodeName !== target.name) this.board.set(target.name, NodeState.NODE_GONE, [target.name]);
        if (!session.isRelay) this.tellPeer(session, NodeState.NODE_CONNECTED, nodeNames);
        this.ask(session);
        return;
      case 'lost':
        this.tellPeer(session, NodeState.NODE_UNAVAILABLE, this.namesThrough(session), event.reason);
        return;
      case 'gone':
        this.tellPeer(session, NodeState.NODE_GONE, this.namesThrough(session));
        this.drop(target.name);
    }
  }

  private tellPeer(session: PeerSession, state: NodeState, names: readonly string[], message = ''): void {
    this.board.set(session.target.name, state, names);
    this.tell(state, names, message);
  }

  private namesThrough(session: PeerSession): readonly string[] {
    const names = this.board.through(session.target.name);
    return names.length > 0 ? names : session.nodeNames;
  }

  private tellSilent(peer: string): void {
    const names = this.board.through(peer);
    const message = `no answer for ${STORED_PATIENCE_MS / 1000} s: flows that still come may be out of order`;
    this.errors.add(message, names.length > 0 ? names : [peer]);
  }

  /** A status event of a relay below, on its way through. */
  private noteStatus(source: MergeSource, bytes: Uint8Array, start: number, end: number): void {
    peekFlow(bytes, start, end, peek);
    if (peek.kind !== ENVELOPE_NODE_STATUS) return;
    const { stateChange, nodeNames } = fromBinary(
      NodeStatusEventSchema,
      bytes.subarray(peek.memberStart, peek.memberEnd),
    );
    if (stateChange !== NodeState.NODE_ERROR) this.board.set(source.name, stateChange, nodeNames);
  }

  private ask(session: PeerSession): void {
    if (this.hasEnded || this.signal.aborted) return;
    const { name } = session.target;
    this.hasRelays ||= session.isRelay;
    let branch = this.branches.get(name);
    if (branch === undefined) {
      branch = this.createBranch(name);
      this.branches.set(name, branch);
    }
    branch.flows.ask(session);
  }

  private createBranch(name: string): Branch {
    const branch: Branch = {
      flows: new PeerFlows(this.peerRequest, {
        onAsked: () => {
          const { follow } = this.peerRequest.request;
          branch.source = this.merge.add(name, performance.now(), follow ? Date.now() * 1000 : 0);
        },
        onBatch: (batch) => this.receive(branch.source!, batch),
        onEnded: (error) => this.branchEnded(name, branch, error),
      }),
      source: null,
    };
    return branch;
  }

  /** Takes what a peer sends. A promise holds its stream until there is room for more. */
  private receive(source: MergeSource, batch: FlowBatch): void | Promise<void> {
    let flows = 0;
    for (let i = 0; i < batch.count; i++) if (isFlowFrame(batch.bytes, batch.offsets[i])) flows++;
    this.received += flows;
    this.options.meter.received += flows;
    this.pushedBytes += batch.bytes.length;
    this.merge.push(source, batch, performance.now(), Date.now() * 1000);
    this.schedule();
    // While nobody takes frames, more of them only cost memory, and reading them the time in which the client is written to.
    const isEnough = source.isFull || (this.isHeld && source.bufferedBytes >= HELD_BYTES);
    if (!isEnough) return undefined;
    return new Promise((resolve) => {
      source.onRoom = () => {
        source.onRoom = null;
        resolve();
      };
    });
  }

  private branchEnded(name: string, branch: Branch, error: RpcError | null): void {
    if (branch.source !== null) this.merge.end(branch.source);
    branch.source = null;
    if (error !== null) {
      const message = error.code === RpcCode.Unknown ? error.message : `code ${error.code}: ${error.message}`;
      const names = this.board.through(name);
      this.errors.add(message, names.length > 0 ? names : [name]);
    }
    this.schedule();
  }

  private drop(name: string): void {
    const branch = this.branches.get(name);
    if (branch === undefined) return;
    this.branches.delete(name);
    branch.flows.close();
    if (branch.source !== null) this.merge.end(branch.source);
    branch.source?.onRoom?.();
    this.schedule();
  }

  /** Sees to an advance soon: at once when there is much to merge, else in a few ms, together with what comes until then. */
  private schedule(): void {
    if (this.isHeld || this.hasEnded) return;
    if (this.pushedBytes >= GATHER_BYTES || !this.peerRequest.request.follow) this.advanceAtOnce();
    else this.wake(performance.now(), GATHER_MS);
  }

  /** Advances at the end of this turn of the event loop. */
  private advanceAtOnce(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.advance();
    });
  }

  private advance(): void {
    if (this.isHeld || this.hasEnded) return;
    this.pushedBytes = 0;
    const nowMs = performance.now();
    this.isHeld = !this.merge.advance(nowMs);
    this.count();
    const waitMs = this.merge.waitMs(nowMs);
    if (waitMs !== null && !this.isHeld) this.wake(nowMs, Math.max(1, waitMs));
    this.endIfDone();
  }

  /** Sees to an advance in `waitMs` at the latest. */
  private wake(nowMs: number, waitMs: number): void {
    const dueMs = nowMs + waitMs;
    if (this.timer !== undefined && this.timerDueMs <= dueMs) return;
    clearTimeout(this.timer);
    this.timerDueMs = dueMs;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      // Timers come before reads. When this process had no CPU for a while, older flows of other peers wait in its sockets: they are to be read first.
      this.advanceAtOnce();
    }, waitMs);
  }

  private count(): void {
    const { meter, ledger } = this.options;
    const { mergedFlows, lateFlows, aheadFlows } = this.merge;
    const late = lateFlows - this.told.late;
    meter.merged += mergedFlows - this.told.merged;
    meter.late += late;
    meter.ahead += aheadFlows - this.told.ahead;
    ledger.add(LossCause.RELAY_LATE, late, 'delivered out of order');
    Object.assign(this.told, { merged: mergedFlows, late: lateFlows, ahead: aheadFlows });
  }

  private endIfDone(): void {
    if (!this.merge.isDone || this.isHeld) return;
    const branches = [...this.branches.values()];
    if (branches.some(({ flows }) => !flows.isSettled)) return;
    const { follow, until } = this.peerRequest.request;
    // A request that follows outlives its peers, since others may come and these come back: unless all have said that they have no more to say.
    const mayGoOn =
      branches.length === 0 ||
      (until === undefined && !this.options.directory.all.every(({ isReady }) => isReady));
    if (!follow || !mayGoOn) this.end();
  }
}
