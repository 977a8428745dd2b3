import { Observer, type ServerStatusResponse } from '../../proto/gen/observer/observer_pb.ts';
import { type Address, callUnary, type ClientTls, RpcConnection, type RpcError } from '../../rpc/index.ts';
import { Backoff } from './backoff.ts';
import { type ConnectGate } from './connect-gate.ts';

/** `connecting` until the first success and after every break; `ready`; `gone` for good. */
export type PeerState =
  | { readonly name: 'connecting'; readonly reason: string }
  | { readonly name: 'ready' }
  | { readonly name: 'gone' };

/** An agent, or a relay below this one. */
export interface PeerTarget {
  /** Unique key, as the Peer service gives it; of a peer given by address alone, the address. */
  readonly name: string;
  readonly address: Address;
  readonly tls?: ClientTls;
}

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 60_000;
const STATUS_TIMEOUT_MS = 5000;
/** Receive window of a peer's stream: twice what a busy agent sends between two flushes. */
const WINDOW_BYTES = 256 * 1024;

/** The connection to one peer, kept up until `close`. */
export class PeerSession {
  readonly target: PeerTarget;
  readonly connection: RpcConnection;
  private readonly gate: ConnectGate;
  private readonly onChange: (session: PeerSession) => void;
  private readonly backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
  private current: PeerState = { name: 'connecting', reason: 'not tried yet' };
  private timer: NodeJS.Timeout | undefined;
  private relay = false;

  /** @param onChange called at every change between ready and not ready */
  constructor(target: PeerTarget, gate: ConnectGate, onChange: (session: PeerSession) => void) {
    this.target = target;
    this.gate = gate;
    this.onChange = onChange;
    this.connection = new RpcConnection(target.address, {
      windowBytes: WINDOW_BYTES,
      ...(target.tls !== undefined && { tls: target.tls }),
    });
    this.connection.onState((state) => {
      if (state.name === 'failed' && this.current.name === 'ready') this.lost(state.reason);
    });
    void this.connect();
  }

  get name(): string {
    return this.target.name;
  }

  get state(): PeerState {
    return this.current;
  }

  get isReady(): boolean {
    return this.current.name === 'ready';
  }

  /** Whether the peer is a relay: it has nodes below it and tells of them itself. */
  get isRelay(): boolean {
    return this.relay;
  }

  /** Ends the connection for good. */
  close(): void {
    clearTimeout(this.timer);
    this.current = { name: 'gone' };
    this.connection.close();
  }

  private async connect(): Promise<void> {
    try {
      const status = await this.gate.run(() => this.askStatus());
      if (this.current.name === 'gone') return;
      // Only a server with nodes below it counts them.
      this.relay = status.numConnectedNodes !== undefined;
      this.backoff.reset();
      this.current = { name: 'ready' };
      this.onChange(this);
    } catch (error) {
      if (this.current.name === 'gone') return;
      this.current = { name: 'connecting', reason: (error as RpcError).message };
      this.retryLater();
    }
  }

  private askStatus(): Promise<ServerStatusResponse> {
    return callUnary(this.connection, Observer.method.serverStatus, {}, { timeoutMs: STATUS_TIMEOUT_MS });
  }

  private lost(reason: string): void {
    this.current = { name: 'connecting', reason };
    this.onChange(this);
    this.retryLater();
  }

  private retryLater(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.connect(), this.backoff.next());
  }
}
