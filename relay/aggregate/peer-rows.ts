import { clone, create, toBinary } from '@bufbuild/protobuf';
import { FieldMaskSchema, TimestampSchema, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type DecodedRows, decodeRows } from '../../proto/flow/aggregate/decode-rows.ts';
import { maskOfKeys } from '../../proto/flow/aggregate/flow-aggregator.ts';
import { LAST_US, MEASURES } from '../../proto/flow/aggregate/row-measures.ts';
import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import { FRAME_PREFIX_BYTES, type FrameRun } from '../../proto/flow/frame.ts';
import { createFlowPeek, ENVELOPE_FLOW, peekFlow } from '../../proto/flow/peek-flow.ts';
import { WireError } from '../../proto/flow/wire.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import {
  type AggregateFlowsRequest,
  AggregateFlowsRequestSchema,
} from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import { RpcCode, RpcError } from '../../rpc/index.ts';
import { Backoff } from '../../rpc/backoff.ts';
import { PeerFlows } from '../peer/peer-flows.ts';
import type { PeerSession } from '../peer/peer-session.ts';

/** What happens to a peer's answer. */
export interface PeerRowsListener {
  /** A whole answer, in pieces: all of them are told at once. */
  readonly onAnswer: (pieces: readonly DecodedRows[]) => void;
  /** Flows of a peer that does not count them itself. A promise holds them back. */
  readonly onFlows: (batch: FlowBatch) => void | Promise<void>;
  /** A notice of loss or of a node's state, as a frame. */
  readonly onNotice: (frame: Uint8Array) => void;
  /** The call ended, with an error if that is news. Nothing comes until the peer was asked again, if it will be. */
  readonly onEnded: (error: RpcError | null) => void;
}

/** A client's request as it goes to peers. */
export interface RowsRequest {
  readonly request: AggregateFlowsRequest;
  readonly flows: GetFlowsRequest;
  readonly metadata: Readonly<Record<string, string>>;
}

const AGGREGATE_FLOWS = '/sluice.v1.Aggregation/AggregateFlows';
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;
/** Rows of one answer that are waited for; no answer has more. */
const MAX_PENDING_ROWS = 131_072;

/** Errors that asking again does not change. */
const FINAL: ReadonlySet<RpcCode> = new Set([
  RpcCode.InvalidArgument,
  RpcCode.Unauthenticated,
  RpcCode.PermissionDenied,
]);

/**
 * `waiting`: not reachable, or asked again when a timer ends; `open`: its stream runs; `flows`: it does not know of rows, and is asked for flows; `settled`: it has said all
 * that it will say; `closed`.
 */
type State =
  | { readonly name: 'waiting'; readonly timer: NodeJS.Timeout | undefined }
  | { readonly name: 'open'; readonly abort: AbortController }
  | { readonly name: 'flows'; readonly flows: PeerFlows }
  | { readonly name: 'settled' }
  | { readonly name: 'closed' };

/**
 * One peer's rows for one request. A request that follows is sent again after every break, from behind the newest flow that was counted: nothing counts twice, and
 * what the peer still has is counted late rather than never.
 */
export class PeerRows {
  private readonly rowsRequest: RowsRequest;
  private readonly listener: PeerRowsListener;
  private readonly backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
  private readonly peek = createFlowPeek();
  private state: State = { name: 'waiting', timer: undefined };
  private session: PeerSession | null = null;
  private pieces: DecodedRows[] = [];
  private lastError = '';
  /** When it was first asked, by the time of day; 0 = not yet. */
  private askedMs = 0;
  /** The newest time of a flow that it has counted. */
  private newestUs = 0;
  /** When it last said something, on the clock of `performance.now()`. */
  private spokeMs = 0;

  constructor(rowsRequest: RowsRequest, listener: PeerRowsListener) {
    this.rowsRequest = rowsRequest;
    this.listener = listener;
  }

  get isSettled(): boolean {
    return this.state.name === 'settled' || (this.state.name === 'flows' && this.state.flows.isSettled);
  }

  /** Whether it counts flows itself, and its stream runs: answers and signs of life are to be expected. */
  get isCounting(): boolean {
    return this.state.name === 'open';
  }

  /** How long it has been silent; 0 when nothing is to be expected of it. */
  silentMs(nowMs: number): number {
    const isAsked = this.state.name === 'open' || (this.state.name === 'flows' && !this.isSettled);
    return isAsked ? nowMs - this.spokeMs : 0;
  }

  /** Sends the request over a session that is ready, if it is not running already. */
  ask(session: PeerSession): void {
    this.session = session;
    const { state } = this;
    if (state.name === 'flows') state.flows.ask(session);
    if (state.name !== 'waiting') return;
    clearTimeout(state.timer);
    const abort = new AbortController();
    this.state = { name: 'open', abort };
    this.spokeMs = performance.now();
    const { metadata } = this.rowsRequest;
    const request = toBinary(AggregateFlowsRequestSchema, this.nextRequest());
    session.connection
      .stream(AGGREGATE_FLOWS, request, { signal: abort.signal, metadata }, (run) => {
        if (this.isRunning(abort)) this.receive(run);
      })
      .then(
        () => this.ended(abort, null),
        (error: RpcError) => this.ended(abort, error),
      );
  }

  /** Ends the stream, and asks no more. The listener hears nothing of that. */
  close(): void {
    const { state } = this;
    this.state = { name: 'closed' };
    if (state.name === 'open') state.abort.abort();
    if (state.name === 'flows') state.flows.close();
    if (state.name === 'waiting') clearTimeout(state.timer);
  }

  private isRunning(abort: AbortController): boolean {
    return this.state.name === 'open' && this.state.abort === abort;
  }

  private nextRequest(): AggregateFlowsRequest {
    const { request, flows } = this.rowsRequest;
    const isFirst = this.askedMs === 0;
    if (isFirst) this.askedMs = Date.now();
    if (isFirst || !flows.follow) return request;
    const isLive = flows.number === 0n && flows.since === undefined;
    if (this.newestUs === 0 && !isLive) return request;
    const changed = clone(AggregateFlowsRequestSchema, request);
    const resumed = clone(GetFlowsRequestSchema, flows);
    resumed.number = 0n;
    resumed.since = this.newestUs === 0 ? timestampFromMs(this.askedMs) : timestampFromUs(this.newestUs + 1);
    changed.flows = resumed;
    return changed;
  }

  private receive({ bytes, offsets, count }: FrameRun): void {
    this.backoff.reset();
    this.lastError = '';
    this.spokeMs = performance.now();
    for (let i = 0; i < count; i++) {
      const start = offsets[i] + FRAME_PREFIX_BYTES;
      peekFlow(bytes, start, offsets[i + 1], this.peek);
      if (this.peek.kind === ENVELOPE_FLOW) this.receiveRows(bytes);
      else this.listener.onNotice(bytes.subarray(offsets[i], offsets[i + 1]));
    }
  }

  private receiveRows(bytes: Uint8Array): void {
    const { memberStart, memberEnd } = this.peek;
    const { keys } = this.rowsRequest.request;
    const piece = decodeRows(bytes, memberStart, memberEnd, keys.length);
    if (piece.rowCount > 0 || !piece.isUnfinished) this.pieces.push(piece);
    const pending = this.pieces.reduce((sum, { rowCount }) => sum + rowCount, 0);
    if (pending > MAX_PENDING_ROWS) {
      throw new WireError('too-large', `an answer of ${pending} rows, at most ${MAX_PENDING_ROWS} allowed`);
    }
    if (piece.isUnfinished) return;
    const { pieces } = this;
    this.pieces = [];
    for (const each of pieces) this.noteTimes(each);
    this.listener.onAnswer(pieces);
  }

  private noteTimes({ sums, others }: DecodedRows): void {
    for (let at = LAST_US; at < sums.length; at += MEASURES) {
      if (sums[at] > this.newestUs) this.newestUs = sums[at];
    }
    if (others[LAST_US] > this.newestUs) this.newestUs = others[LAST_US];
  }

  private ended(abort: AbortController, error: RpcError | null): void {
    if (!this.isRunning(abort)) return;
    this.pieces = [];
    if (error?.code === RpcCode.Unimplemented) {
      this.askForFlows();
      return;
    }
    const { follow, until } = this.rowsRequest.flows;
    const isFinal = !follow || (error === null ? until !== undefined : FINAL.has(error.code));
    this.state = isFinal ? { name: 'settled' } : { name: 'waiting', timer: this.retryLater() };
    const text = error === null ? '' : `${error.code} ${error.message}`;
    // A lost connection is told by the session, and mended by asking again; without that it leaves the answer incomplete.
    const isNews = error !== null && text !== this.lastError && !(follow && isBreak(error));
    this.lastError = text;
    this.listener.onEnded(isNews ? error : null);
  }

  /** The peer does not count flows (an agent of Cilium's): it sends them, without what is not looked at. */
  private askForFlows(): void {
    const { request, flows, metadata } = this.rowsRequest;
    const masked = clone(GetFlowsRequestSchema, flows);
    masked.fieldMask = create(FieldMaskSchema, { paths: maskOfKeys(request.keys) });
    const peerFlows = new PeerFlows(
      { request: masked, metadata },
      {
        onAsked: () => (this.spokeMs = performance.now()),
        onBatch: (batch) => {
          this.spokeMs = performance.now();
          return this.listener.onFlows(batch);
        },
        onEnded: (error) => this.listener.onEnded(error),
      },
    );
    this.state = { name: 'flows', flows: peerFlows };
    if (this.session !== null) peerFlows.ask(this.session);
    this.listener.onEnded(null); // its call for rows did
  }

  private retryLater(): NodeJS.Timeout {
    return setTimeout(() => {
      if (this.session?.isReady === true) this.ask(this.session);
    }, this.backoff.next());
  }
}

function isBreak({ code }: RpcError): boolean {
  return code === RpcCode.Unavailable || code === RpcCode.Cancelled;
}

function timestampFromUs(us: number) {
  const seconds = Math.floor(us / 1e6);
  return create(TimestampSchema, {
    seconds: BigInt(seconds),
    nanos: Math.round(us - seconds * 1e6) * 1000,
  });
}
