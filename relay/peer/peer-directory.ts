import { type ChangeNotification, ChangeNotificationType as Type } from '../../proto/gen/peer/peer_pb.ts';
import { type Address, type ClientTls, formatAddress, parseAddress } from '../../rpc/index.ts';
import { ConnectGate } from './connect-gate.ts';
import { PeerService } from './peer-service.ts';
import { PeerSession, type PeerTarget } from './peer-session.ts';

/** Where peers come from. */
export interface PeerDirectoryOptions {
  readonly peerService?: Address;
  readonly peers: readonly Address[];
  readonly tls?: ClientTls;
  /** Expected on the certificate of the agent whose Peer service is asked; the host of its address when absent. */
  readonly peerServiceServerName?: string;
  readonly log: (level: 'info' | 'warn', message: string, fields: Record<string, string>) => void;
}

/** A peer that became ready, was lost, or left the cluster. */
export type PeerEvent =
  | { readonly kind: 'ready'; readonly session: PeerSession }
  | { readonly kind: 'lost'; readonly session: PeerSession; readonly reason: string }
  | { readonly kind: 'gone'; readonly session: PeerSession };

const MAX_CONNECTS_AT_ONCE = 64;
/** How long after its list began anew a Peer service may take to name a peer again, before one that cannot be reached either counts as gone. */
const FORGET_MS = 60_000;
/**
 * Receive windows of all peers together, in bytes; each gets its share, within bounds. With less, peers and relay wait for each other in turn as soon as the machine is
 * busy: what came late stays late.
 */
const WINDOWS_BYTES = 32 * 1024 * 1024;
const MIN_WINDOW_BYTES = 64 * 1024;
const MAX_WINDOW_BYTES = 1024 * 1024;

/** All peers of a relay and the connections to them, by name. Close it. */
export class PeerDirectory {
  private readonly options: PeerDirectoryOptions;
  private readonly gate = new ConnectGate(MAX_CONNECTS_AT_ONCE);
  private readonly sessions = new Map<string, PeerSession>();
  private readonly listeners = new Set<(event: PeerEvent) => void>();
  private readonly service: PeerService | null;
  /** Peers that the Peer service has named since its list began. */
  private readonly named = new Set<string>();
  private forgetTimer: NodeJS.Timeout | undefined;

  constructor(options: PeerDirectoryOptions) {
    this.options = options;
    const { peers, peerService, peerServiceServerName, tls } = options;
    for (const address of peers) {
      this.upsert({
        name: formatAddress(address),
        isNamed: false,
        address,
        ...(tls !== undefined && { tls }),
      });
    }
    this.service =
      peerService === undefined
        ? null
        : new PeerService(peerService, tlsOfService(tls, peerServiceServerName), {
            onNotice: (notice) => this.applyNotice(notice),
            onUp: () => this.listBegan(),
            onDown: (reason) => this.listBroke(reason),
          });
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
    return (this.service === null || this.service.isUp) && this.isAnyReady;
  }

  /** Without a list of all: this is asked at every change of each of thousands of peers. */
  private get isAnyReady(): boolean {
    for (const { isReady } of this.sessions.values()) if (isReady) return true;
    return false;
  }

  /** Calls `listener` with what happens to peers from now on; returns how to stop that. */
  onEvent(listener: (event: PeerEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    clearTimeout(this.forgetTimer);
    this.service?.close();
    for (const session of this.sessions.values()) session.close();
  }

  private emit(event: PeerEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  private listBegan(): void {
    this.options.log('info', 'peer service connected', {});
    this.named.clear();
    clearTimeout(this.forgetTimer);
    this.forgetTimer = setTimeout(() => this.forget(), FORGET_MS).unref();
  }

  /** A broken stream leaves the peers as they are: the list that comes again updates them. */
  private listBroke(reason: string): void {
    this.options.log('warn', 'peer service not reachable', { reason });
    clearTimeout(this.forgetTimer);
  }

  /** Drops peers that left while nobody listened: the new list does not name them, and they cannot be reached. There is no mark at the list's end to tell it by. */
  private forget(): void {
    for (const { target, isReady } of this.all) {
      if (target.isNamed && !this.named.has(target.name) && !isReady) this.remove(target.name);
    }
  }

  private applyNotice(notice: ChangeNotification): void {
    if (notice.type === Type.PEER_DELETED) {
      this.named.delete(notice.name);
      this.remove(notice.name);
      return;
    }
    this.named.add(notice.name);
    this.upsert(this.targetOf(notice));
  }

  private targetOf({ name, address, tls: told }: ChangeNotification): PeerTarget {
    const { tls } = this.options;
    const unusable = (problem: string): PeerTarget => ({ name, isNamed: true, address: null, problem });
    if (address === '') return unusable('the peer has no address');
    if (told !== undefined && tls === undefined) {
      return unusable('the peer wants TLS, and this relay was given no certificates for peers');
    }
    if (told === undefined && tls !== undefined && !address.startsWith('unix:')) {
      return unusable('the peer offers no TLS, and this relay was told to use it');
    }
    if (told?.serverName === '') return unusable('the peer wants TLS and tells no server name to verify');
    try {
      return {
        name,
        isNamed: true,
        address: parseAddress(address),
        ...(tls !== undefined && told !== undefined && { tls: { ...tls, serverName: told.serverName } }),
      };
    } catch (error) {
      return unusable((error as Error).message);
    }
  }

  private upsert(target: PeerTarget): void {
    const old = this.sessions.get(target.name);
    if (old !== undefined && placeOf(old.target) === placeOf(target)) return;
    const wasReady = old?.isReady === true;
    old?.close();
    const session = new PeerSession(target, {
      gate: this.gate,
      windowBytes: windowBytes(this.sessions.size + 1),
      onChange: (changed) => this.sessionChanged(changed),
      onFirstFailure: ({ nodeName }, reason) =>
        this.options.log('warn', 'peer not reachable', { peer: nodeName, reason }),
    });
    this.sessions.set(target.name, session);
    if (target.address === null)
      this.options.log('warn', `peer not connected: ${target.problem}`, { peer: target.name });
    if (old !== undefined && wasReady)
      this.emit({ kind: 'lost', session: old, reason: 'its address changed' });
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
      this.options.log('info', 'peer connected', { peer: session.nodeName });
      this.emit({ kind: 'ready', session });
    } else if (state.name === 'connecting') {
      this.options.log('warn', 'peer lost', { peer: session.nodeName, reason: state.reason });
      this.emit({ kind: 'lost', session, reason: state.reason });
    }
  }
}

/** Trust as for peers, but another name is expected. */
function tlsOfService(tls: ClientTls | undefined, serverName: string | undefined): ClientTls | undefined {
  if (tls === undefined) return undefined;
  const { serverName: _ofPeers, ...trust } = tls;
  return serverName === undefined ? trust : { ...trust, serverName };
}

/** What makes a target another one: where it is, and whom to expect there. */
function placeOf({ address, problem, tls }: PeerTarget): string {
  return address === null ? (problem ?? '') : `${formatAddress(address)} ${tls?.serverName ?? ''}`;
}

function windowBytes(peers: number): number {
  return Math.min(MAX_WINDOW_BYTES, Math.max(MIN_WINDOW_BYTES, Math.floor(WINDOWS_BYTES / peers)));
}
