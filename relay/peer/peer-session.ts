import { Observer, type ServerStatusResponse } from '../../proto/gen/observer/observer_pb.ts';
import { Diagnostics } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { type Address, callUnary, type ClientTls, RpcConnection, type RpcError } from '../../rpc/index.ts';
import { Backoff } from '../../rpc/backoff.ts';
import type { ConnectGate } from './connect-gate.ts';

/**
 * `connecting` until the first success and after every break; `ready`; `unreachable`: there is nothing to connect to, and no attempt is made; `gone` for good.
 * `sinceMs` is the time of day.
 */
export type PeerState =
  | { readonly name: 'connecting'; readonly reason: string; readonly sinceMs: number }
  | { readonly name: 'ready'; readonly sinceMs: number }
  | { readonly name: 'unreachable'; readonly reason: string; readonly sinceMs: number }
  | { readonly name: 'gone' };

/** An agent, or a relay below this one. */
export interface PeerTarget {
  /** Unique key: the node's name, as the Peer service gives it; of a peer given by address alone, the address. */
  readonly name: string;
  /** Whether `name` is the node's own name. */
  readonly isNamed: boolean;
  /** Where it is; null when that is not known or of no use, for the reason in `problem`. */
  readonly address: Address | null;
  readonly problem?: string;
  readonly tls?: ClientTls;
}

/** How a session connects. */
export interface PeerSessionOptions {
  readonly gate: ConnectGate;
  /** Receive window of its stream, in bytes. */
  readonly windowBytes: number;
  /** Called at every change between ready and not ready. */
  readonly onChange: (session: PeerSession) => void;
  /** Called when the very first attempt fails. */
  readonly onFirstFailure: (session: PeerSession, reason: string) => void;
}

const NOT_TRIED = 'not tried yet';
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 60_000;
/** A connection that held for so long was a good one: after it breaks, attempts begin anew. */
const STABLE_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5000;
const STATUS_TIMEOUT_MS = 5000;
const NAME_TIMEOUT_MS = 2000;

/** The connection to one peer, kept up until `close`. */
export class PeerSession {
  readonly target: PeerTarget;
  private readonly options: PeerSessionOptions;
  private readonly rpc: RpcConnection | null;
  private readonly backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
  private readonly closing = new AbortController();
  private current: PeerState;
  private timer: NodeJS.Timeout | undefined;
  private relay = false;
  private ownName = '';
  private below: readonly string[] = [];
  private startMs = Number.NEGATIVE_INFINITY;

  constructor(target: PeerTarget, options: PeerSessionOptions) {
    this.target = target;
    this.options = options;
    const { address, tls, problem = '' } = target;
    if (address === null) {
      this.rpc = null;
      this.current = { name: 'unreachable', reason: problem, sinceMs: Date.now() };
      return;
    }
    this.current = { name: 'connecting', reason: NOT_TRIED, sinceMs: Date.now() };
    this.rpc = new RpcConnection(address, {
      windowBytes: options.windowBytes,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      ...(tls !== undefined && { tls }),
    });
    this.rpc.onState((state) => {
      if (state.name === 'failed' && this.current.name === 'ready') this.lost(state.reason);
    });
    void this.connect();
  }

  get state(): PeerState {
    return this.current;
  }

  get isReady(): boolean {
    return this.current.name === 'ready';
  }

  /** Whether the peer is a relay: it has nodes below it and tells of them itself. Known after the first connection. */
  get isRelay(): boolean {
    return this.relay;
  }

  /** The node's name; of a relay, or as long as nobody told, the address. */
  get nodeName(): string {
    return this.ownName === '' ? this.target.name : this.ownName;
  }

  /** Nodes that are reached through this peer: those last seen below a relay, or the one node. */
  get nodeNames(): readonly string[] {
    return this.relay && this.below.length > 0 ? this.below : [this.nodeName];
  }

  /** When the agent's process started, on the clock of `performance.now()`; long ago for a relay. */
  get startedMs(): number {
    return this.startMs;
  }

  /** The connection, for calls. Throws when there is nothing to connect to. */
  get connection(): RpcConnection {
    if (this.rpc === null) throw new Error(`peer ${this.target.name} has no address`);
    return this.rpc;
  }

  /** Remembers the nodes below a relay, so that they can be named when it is lost. */
  setNodesBelow(names: readonly string[]): void {
    this.below = names;
  }

  /** Ends the connection for good. */
  close(): void {
    clearTimeout(this.timer);
    this.current = { name: 'gone' };
    this.closing.abort();
    this.rpc?.close();
  }

  private async connect(): Promise<void> {
    try {
      await this.options.gate.run(() => this.introduce());
      if (this.current.name === 'gone') return;
      this.current = { name: 'ready', sinceMs: Date.now() };
      this.options.onChange(this);
    } catch (error) {
      if (this.current.name !== 'connecting') return;
      const { message } = error as RpcError;
      const isFirst = this.current.reason === NOT_TRIED;
      this.current = { ...this.current, reason: message };
      if (isFirst) this.options.onFirstFailure(this, message);
      this.retryLater();
    }
  }

  /** Learns who the peer is. Throws RpcError when it does not answer. */
  private async introduce(): Promise<void> {
    if (this.current.name === 'gone') return;
    const status = await this.askStatus();
    // Only a server with nodes below it counts them.
    this.relay = status.numConnectedNodes !== undefined;
    // A relay gives the longest uptime of its nodes (none yet, right after its own start), and keeps nothing that a restart could lose.
    if (!this.relay) this.startMs = performance.now() - Number(status.uptimeNs) / 1e6;
    if (this.relay) void this.learnNodesBelow();
    else if (!this.target.isNamed && this.ownName === '') await this.learnName();
  }

  private askStatus(): Promise<ServerStatusResponse> {
    const options = { timeoutMs: STATUS_TIMEOUT_MS, signal: this.closing.signal };
    return callUnary(this.connection, Observer.method.serverStatus, {}, options);
  }

  /** An agent given by address tells its name in its report; Hubble's have none, and stay known by their address. */
  private async learnName(): Promise<void> {
    const options = { timeoutMs: NAME_TIMEOUT_MS, signal: this.closing.signal };
    try {
      const { nodes } = await callUnary(this.connection, Diagnostics.method.getStatus, {}, options);
      this.ownName = nodes[0]?.nodeName ?? '';
    } catch {
      // a name is a convenience: the address does, too
    }
  }

  private async learnNodesBelow(): Promise<void> {
    const options = { timeoutMs: STATUS_TIMEOUT_MS, signal: this.closing.signal };
    try {
      const { nodes } = await callUnary(this.connection, Observer.method.getNodes, {}, options);
      this.setNodesBelow(nodes.map(({ name }) => name));
    } catch {
      // its nodes are named when they tell of themselves
    }
  }

  private lost(reason: string): void {
    if (this.current.name === 'ready' && Date.now() - this.current.sinceMs > STABLE_MS) this.backoff.reset();
    this.current = { name: 'connecting', reason, sinceMs: Date.now() };
    this.options.onChange(this);
    this.retryLater();
  }

  private retryLater(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.connect(), this.backoff.next());
  }
}
