import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { type FlowBatch } from '../../proto/flow/flow-batch.ts';
import { withTimes } from '../../proto/flow/peek-flow.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import { NodeState } from '../../proto/gen/relay/relay_pb.ts';
import { RpcCode, type RpcError } from '../../rpc/index.ts';
import { type MergeSource, TimeMerge, type TimeMergeOptions } from '../merge/time-merge.ts';
import { type PeerDirectory, type PeerEvent } from '../peer/peer-directory.ts';
import { type PeerSession } from '../peer/peer-session.ts';
import { ErrorCoalescer } from './error-coalescer.ts';
import { statusBatch } from './status-frame.ts';

const GET_FLOWS = '/observer.Observer/GetFlows';
/** Bytes that one peer may have waiting before its stream is held. */
const PEER_BUFFER_BYTES = 4 * 1024 * 1024;

/** How soon a peer that ended or refused a request is asked again. */
const ASK_AGAIN_MS = 2000;

/** What an upstream needs to know. */
export interface UpstreamOptions extends TimeMergeOptions {
  readonly relayName: string;
  /** Counts flows received from peers and handed on. */
  readonly count: (received: number, late: number) => void;
}

/**
 * One request to all peers, merged. Peers that come back, or come anew, while the request follows get it too: from where they broke off, so that nothing is told
 * twice and, if the peer kept it, nothing is missing. Ends when all peers have ended, or with its signal.
 */
export class Upstream {
  private readonly directory: PeerDirectory;
  private readonly request: GetFlowsRequest;
  private readonly options: UpstreamOptions;
  private readonly signal: AbortSignal;
  private readonly merge: TimeMerge;
  private readonly open = new Map<string, { source: MergeSource; abort: AbortController }>();
  private readonly lastTimeUs = new Map<string, number>();
  private readonly errors: ErrorCoalescer;
  private readonly sink: (batch: FlowBatch) => boolean;
  private timer: NodeJS.Timeout | undefined;
  private scheduled = false;
  private held = false;
  private lateTold = 0;
  private finish: () => void = () => {};
  private stopEvents: () => void = () => {};

  /**
   * @param sink takes merged frames; false = no more until `release` is called
   */
  constructor(
    directory: PeerDirectory,
    request: GetFlowsRequest,
    options: UpstreamOptions,
    signal: AbortSignal,
    sink: (batch: FlowBatch) => boolean,
  ) {
    this.directory = directory;
    this.request = request;
    this.options = options;
    this.signal = signal;
    this.sink = sink;
    // A relay below has waited by its own delay before it sends: flows of its neighbours have to wait for that, too.
    const levels = directory.all.some((session) => session.isRelay) ? 2 : 1;
    this.merge = new TimeMerge(
      { ...options, delayMs: options.delayMs * levels + (levels - 1) * 100 },
      (batch) => {
        if (!this.sink(batch)) this.held = true;
      },
    );
    this.errors = new ErrorCoalescer((message, nodeNames) => {
      this.tell(statusBatch(options.relayName, NodeState.NODE_ERROR, nodeNames, message));
    });
  }

  /** Asks every ready peer and runs until the end. */
  async run(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.finish = resolve;
      this.signal.addEventListener('abort', () => resolve(), { once: true });
      if (this.signal.aborted) resolve();
    });
    const { all } = this.directory;
    const ready = all.filter((session) => session.isReady);
    const away = all.filter((session) => !session.isReady);
    this.tellState(NodeState.NODE_CONNECTED, namesOf(ready));
    this.tellState(NodeState.NODE_UNAVAILABLE, namesOf(away));
    if (this.request.follow) this.stopEvents = this.directory.onEvent((event) => this.onPeer(event));
    for (const session of ready) this.ask(session, this.requestBytes(this.request));
    this.endIfDone();
    await ended;
    this.stopEvents();
    clearTimeout(this.timer);
    for (const { abort } of this.open.values()) abort.abort();
    this.errors.flush();
  }

  /** The sink takes frames again. */
  release(): void {
    this.held = false;
    this.schedule();
  }

  private tell(batch: FlowBatch): void {
    this.sink(batch);
  }

  private tellState(state: NodeState, names: readonly string[], message = ''): void {
    if (names.length > 0) this.tell(statusBatch(this.options.relayName, state, names, message));
  }

  private onPeer(event: PeerEvent): void {
    const { session } = event;
    switch (event.kind) {
      case 'ready':
        this.tellState(NodeState.NODE_CONNECTED, namesOf([session]));
        this.ask(session, this.requestBytes(this.resumed(session)));
        return;
      case 'lost':
        this.tellState(NodeState.NODE_UNAVAILABLE, [session.name], event.reason);
        return;
      case 'gone':
        this.open.get(session.name)?.abort.abort();
        this.lastTimeUs.delete(session.name);
        this.tellState(NodeState.NODE_GONE, [session.name]);
    }
  }

  /** The request for a peer that joins late: a new one gets the whole request, one that was here before goes on behind what it had told. */
  private resumed(session: PeerSession): GetFlowsRequest {
    const lastUs = this.lastTimeUs.get(session.name);
    if (lastUs === undefined) return this.request;
    const since = create(TimestampSchema, {
      seconds: BigInt(Math.floor(lastUs / 1e6)),
      nanos: Math.floor(lastUs % 1e6) * 1000 + 1000,
    });
    if (since.nanos >= 1e9) Object.assign(since, timestampFromMs(lastUs / 1000 + 1));
    return create(GetFlowsRequestSchema, { ...this.request, number: 0n, first: false, since });
  }

  private requestBytes(request: GetFlowsRequest): Uint8Array {
    return toBinary(GetFlowsRequestSchema, request);
  }

  private ask(session: PeerSession, request: Uint8Array): void {
    if (this.open.has(session.name) || this.signal.aborted) return;
    const abort = new AbortController();
    const source = this.merge.add(session.name);
    this.open.set(session.name, { source, abort });
    session.connection
      .stream(GET_FLOWS, request, { signal: abort.signal }, (run) => this.receive(source, withTimes(run)))
      .then(
        () => this.peerEnded(session, source, null),
        (error: RpcError) => this.peerEnded(session, source, error),
      );
  }

  /** A promise holds the peer's stream until its buffer has room again. */
  private receive(source: MergeSource, batch: FlowBatch): void | Promise<void> {
    this.merge.push(source, batch, Date.now());
    this.options.count(batch.count, 0);
    this.schedule();
    if (source.bufferedBytes < PEER_BUFFER_BYTES) return undefined;
    return new Promise((resolve) => {
      const done = (): void => {
        if (source.bufferedBytes >= PEER_BUFFER_BYTES / 2 && !this.signal.aborted) return;
        source.onDrained = null;
        resolve();
      };
      source.onDrained = done;
      this.signal.addEventListener('abort', done, { once: true });
    });
  }

  private peerEnded(session: PeerSession, source: MergeSource, error: RpcError | null): void {
    this.open.delete(session.name);
    if (source.lastTimeUs > Number.NEGATIVE_INFINITY) this.lastTimeUs.set(session.name, lastBuffered(source));
    this.merge.end(source);
    // A lost connection is told by the session; a refusal is the peer's own word.
    if (error !== null && error.code !== RpcCode.Unavailable && error.code !== RpcCode.Cancelled) {
      const message = error.code === RpcCode.Unknown ? error.message : `code ${error.code}: ${error.message}`;
      this.errors.add(message, session.name);
    }
    this.schedule();
    if (this.request.follow && !this.signal.aborted) this.askAgainLater(session);
  }

  /** A peer that ended a request that follows, or refused it, is asked again for as long as it is connected. */
  private askAgainLater(session: PeerSession): void {
    setTimeout(() => {
      const isCurrent = this.directory.all.includes(session);
      if (isCurrent && session.isReady) this.ask(session, this.requestBytes(this.resumed(session)));
    }, ASK_AGAIN_MS);
  }

  private schedule(): void {
    if (this.scheduled || this.held) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.advance();
    });
  }

  private advance(): void {
    if (this.held || this.signal.aborted) return;
    clearTimeout(this.timer);
    const nowMs = Date.now();
    this.merge.advance(nowMs);
    const late = this.merge.lateFrames - this.lateTold;
    if (late > 0) {
      this.lateTold += late;
      this.options.count(0, late);
    }
    const waitMs = this.merge.waitMs(nowMs);
    if (waitMs !== null) this.timer = setTimeout(() => this.advance(), Math.max(1, waitMs));
    this.endIfDone();
  }

  private endIfDone(): void {
    // A request that follows outlives its peers: others may come, these may come back.
    if (this.open.size === 0 && this.merge.isDone && !this.request.follow) {
      this.errors.flush();
      this.finish();
    }
  }
}

/** Names to put into a status event: a relay tells of its own nodes itself. */
function namesOf(sessions: readonly PeerSession[]): string[] {
  return sessions.filter((session) => !session.isRelay).map((session) => session.name);
}

/** Time of the newest frame received from a source, taken already or still waiting. */
function lastBuffered(source: MergeSource): number {
  const last = source.batches.at(-1)?.batch;
  return last === undefined ? source.lastTimeUs : Math.max(source.lastTimeUs, last.timesUs[last.count - 1]);
}
