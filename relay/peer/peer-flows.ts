import { toBinary } from '@bufbuild/protobuf';
import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import { withTimes } from '../../proto/flow/peek-flow.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import { RpcCode, RpcError } from '../../rpc/index.ts';
import { Backoff } from '../../rpc/backoff.ts';
import type { PeerSession } from './peer-session.ts';
import { ResumePoint } from './resume-point.ts';

/** What happens to a peer's answer. */
export interface PeerFlowsListener {
  /** The peer was asked: batches may come. */
  readonly onAsked: () => void;
  /** A promise holds the peer's stream back until it resolves. */
  readonly onBatch: (batch: FlowBatch) => void | Promise<void>;
  /** The stream ended: with OK (null), or with an error that is news. Nothing comes until the peer was asked again, if it will be. */
  readonly onEnded: (error: RpcError | null) => void;
}

/** A client's request as it goes to peers. */
export interface PeerRequest {
  readonly request: GetFlowsRequest;
  /** Request metadata of the client, which peers get too. */
  readonly metadata: Readonly<Record<string, string>>;
}

const GET_FLOWS = '/observer.Observer/GetFlows';
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;

/** Errors that asking again does not change. */
const FINAL: ReadonlySet<RpcCode> = new Set([
  RpcCode.InvalidArgument,
  RpcCode.Unimplemented,
  RpcCode.Unauthenticated,
  RpcCode.PermissionDenied,
]);

/**
 * One peer's answer to one request. When the request follows, it is asked again after every break, from where it broke off.
 *
 * `waiting`: not reachable, or asked again when a timer ends; `open`: its stream runs; `settled`: it has said all that it will say; `closed`.
 */
type State =
  | { readonly name: 'waiting'; readonly timer: NodeJS.Timeout | undefined }
  | { readonly name: 'open'; readonly abort: AbortController }
  | { readonly name: 'settled' }
  | { readonly name: 'closed' };

export class PeerFlows {
  private readonly peerRequest: PeerRequest;
  private readonly listener: PeerFlowsListener;
  private readonly resume: ResumePoint;
  private readonly backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
  private state: State = { name: 'waiting', timer: undefined };
  private session: PeerSession | null = null;
  private lastError = '';

  constructor(peerRequest: PeerRequest, listener: PeerFlowsListener) {
    this.peerRequest = peerRequest;
    this.listener = listener;
    this.resume = new ResumePoint(peerRequest.request);
  }

  get isSettled(): boolean {
    return this.state.name === 'settled';
  }

  /** Sends the request over a session that is ready, if it is not running already. */
  ask(session: PeerSession): void {
    this.session = session;
    if (this.state.name === 'open' || this.state.name === 'closed') return;
    if (this.state.name === 'waiting') clearTimeout(this.state.timer);
    const abort = new AbortController();
    this.state = { name: 'open', abort };
    const { metadata } = this.peerRequest;
    const request = toBinary(GetFlowsRequestSchema, this.resume.next(session.startedMs, Date.now()));
    this.listener.onAsked();
    session.connection
      .stream(GET_FLOWS, request, { signal: abort.signal, metadata }, (run) =>
        // What was held back comes even after the end: nobody waits for it then.
        this.isRunning(abort) ? this.receive(withTimes(run)) : undefined,
      )
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
    if (state.name === 'waiting') clearTimeout(state.timer);
  }

  private isRunning(abort: AbortController): boolean {
    return this.state.name === 'open' && this.state.abort === abort;
  }

  private receive(batch: FlowBatch): void | Promise<void> {
    this.backoff.reset();
    this.lastError = '';
    const fresh = this.peerRequest.request.follow ? this.resume.receive(batch, performance.now()) : batch;
    return fresh === null ? undefined : this.listener.onBatch(fresh);
  }

  private ended(abort: AbortController, error: RpcError | null): void {
    if (!this.isRunning(abort)) return;
    const { follow, until } = this.peerRequest.request;
    // A stream that follows ends by itself only at `until`, or with the peer's process.
    const isFinal = !follow || (error === null ? until !== undefined : FINAL.has(error.code));
    this.state = isFinal ? { name: 'settled' } : { name: 'waiting', timer: this.retryLater() };
    const text = error === null ? '' : `${error.code} ${error.message}`;
    // A lost connection is told by the session, and mended by asking again; without that it leaves the answer incomplete.
    const isNews = error !== null && text !== this.lastError && !(follow && isBreak(error));
    this.lastError = text;
    this.listener.onEnded(isNews ? error : null);
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
