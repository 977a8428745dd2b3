import {
  type ChangeNotification,
  ChangeNotificationType as Type,
  Peer,
} from '../../proto/gen/peer/peer_pb.ts';
import {
  type Address,
  callStream,
  type ClientTls,
  formatAddress,
  parseAddress,
  RpcConnection,
} from '../../rpc/index.ts';
import { Backoff } from './backoff.ts';
import { ConnectGate } from './connect-gate.ts';
import { PeerSession, type PeerTarget } from './peer-session.ts';

/** Where peers come from. */
export interface PeerDirectoryOptions {
  readonly peerService?: Address;
  readonly peers: readonly Address[];
  readonly tls?: ClientTls;
  readonly log: (level: 'info' | 'warn', message: string, fields: Record<string, string>) => void;
}

/** A peer that became ready, was lost, or left the cluster. */
export type PeerEvent =
  | { readonly kind: 'ready'; readonly session: PeerSession }
  | { readonly kind: 'lost'; readonly session: PeerSession; readonly reason: string }
  | { readonly kind: 'gone'; readonly session: PeerSession };

const MAX_CONNECTS_AT_ONCE = 64;

/** All peers of a relay and the connections to them. Close it. */
export class PeerDirectory {
  private readonly options: PeerDirectoryOptions;
  private readonly gate = new ConnectGate(MAX_CONNECTS_AT_ONCE);
  private readonly sessions = new Map<string, PeerSession>();
  private readonly listeners = new Set<(event: PeerEvent) => void>();
  private readonly closing = new AbortController();
  private readonly service: RpcConnection | null;
  private notifying = false;

  constructor(options: PeerDirectoryOptions) {
    this.options = options;
    for (const address of options.peers) {
      this.upsert({ name: formatAddress(address), address, ...this.tls() });
    }
    this.service =
      options.peerService === undefined ? null : new RpcConnection(options.peerService, { ...this.tls() });
    if (this.service !== null) void this.followService(this.service);
  }

  /** Every known peer, reachable or not. */
  get all(): readonly PeerSession[] {
    return [...this.sessions.values()];
  }

  get ready(): readonly PeerSession[] {
    return this.all.filter((session) => session.isReady);
  }

  /** Whether this relay can do its work: it hears of changes, and at least one peer is there. */
  get isHealthy(): boolean {
    return (this.service === null || this.notifying) && this.ready.length > 0;
  }

  /** Calls `listener` with what happens to peers from now on; returns how to stop that. */
  onEvent(listener: (event: PeerEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    this.closing.abort();
    this.service?.close();
    for (const session of this.sessions.values()) session.close();
  }

  private tls(): { tls?: ClientTls } {
    return this.options.tls === undefined ? {} : { tls: this.options.tls };
  }

  private emit(event: PeerEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  /** Listens to the Peer service for ever. A broken stream leaves the peers as they are: the list that comes again updates them. */
  private async followService(service: RpcConnection): Promise<void> {
    const backoff = new Backoff(500, 30_000);
    const { signal } = this.closing;
    while (!signal.aborted) {
      try {
        await callStream(service, Peer.method.notify, {}, { signal }, (notice) => {
          backoff.reset();
          this.notifying = true;
          this.applyNotice(notice);
        });
        this.options.log('warn', 'peer service ended the list', {});
      } catch (error) {
        if (signal.aborted) return;
        this.options.log('warn', 'peer service not reachable', { reason: (error as Error).message });
      }
      this.notifying = false;
      await new Promise((resolve) => setTimeout(resolve, backoff.next()).unref());
    }
  }

  private applyNotice(notice: ChangeNotification): void {
    if (notice.type === Type.PEER_DELETED) {
      this.remove(notice.name);
      return;
    }
    let address: Address;
    try {
      address = parseAddress(notice.address);
    } catch (error) {
      this.options.log('warn', 'peer cannot be reached', {
        peer: notice.name,
        reason: (error as Error).message,
      });
      return;
    }
    const { tls } = this.options;
    const wantsTls = notice.tls !== undefined;
    if (wantsTls !== (tls !== undefined) || notice.tls?.serverName === '') {
      this.options.log('warn', 'peer and relay do not agree on TLS: not connected', { peer: notice.name });
      return;
    }
    this.upsert({
      name: notice.name,
      address,
      ...(tls !== undefined && { tls: { ...tls, serverName: notice.tls?.serverName ?? '' } }),
    });
  }

  private upsert(target: PeerTarget): void {
    const old = this.sessions.get(target.name);
    if (old !== undefined) {
      if (formatAddress(old.target.address) === formatAddress(target.address)) return;
      old.close();
      if (old.isReady) this.emit({ kind: 'lost', session: old, reason: 'address changed' });
    }
    const session = new PeerSession(target, this.gate, (changed) => this.sessionChanged(changed));
    this.sessions.set(target.name, session);
  }

  private remove(name: string): void {
    const session = this.sessions.get(name);
    if (session === undefined) return;
    this.sessions.delete(name);
    session.close();
    this.options.log('info', 'peer left the cluster', { peer: name });
    this.emit({ kind: 'gone', session });
  }

  private sessionChanged(session: PeerSession): void {
    const { state } = session;
    if (state.name === 'ready') {
      this.options.log('info', 'peer connected', { peer: session.name });
      this.emit({ kind: 'ready', session });
    } else if (state.name === 'connecting') {
      this.options.log('warn', 'peer lost', { peer: session.name, reason: state.reason });
      this.emit({ kind: 'lost', session, reason: state.reason });
    }
  }
}
