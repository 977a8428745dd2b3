import { setTimeout as sleep } from 'node:timers/promises';
import { type ChangeNotification, Peer } from '../../proto/gen/peer/peer_pb.ts';
import { type Address, callStream, type ClientTls, RpcConnection } from '../../rpc/index.ts';
import { Backoff } from '../../rpc/backoff.ts';

/** What a listener to the Peer service hears. */
export interface PeerServiceListener {
  readonly onNotice: (notice: ChangeNotification) => void;
  /** The list begins anew: every peer of the cluster is told once more. */
  readonly onUp: () => void;
  readonly onDown: (reason: string) => void;
}

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

/** Listens to an agent's Peer service for as long as it is not closed, calling again whenever the stream ends. */
export class PeerService {
  private readonly connection: RpcConnection;
  private readonly listener: PeerServiceListener;
  private readonly closing = new AbortController();
  private up = false;

  constructor(address: Address, tls: ClientTls | undefined, listener: PeerServiceListener) {
    this.connection = new RpcConnection(address, tls === undefined ? {} : { tls });
    this.listener = listener;
    void this.follow();
  }

  /** Whether the stream runs. */
  get isUp(): boolean {
    return this.up;
  }

  close(): void {
    this.closing.abort();
    this.connection.close();
  }

  private async follow(): Promise<void> {
    const backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
    const { signal } = this.closing;
    while (!signal.aborted) {
      const reason = await this.listen(backoff, signal);
      if (signal.aborted) return;
      this.up = false;
      this.listener.onDown(reason);
      await sleep(backoff.next(), undefined, { signal }).catch(() => {});
    }
  }

  /** Runs one stream. Returns why it ended. */
  private async listen(backoff: Backoff, signal: AbortSignal): Promise<string> {
    try {
      await callStream(this.connection, Peer.method.notify, {}, { signal }, (notice) => {
        if (!this.up) {
          backoff.reset();
          this.up = true;
          this.listener.onUp();
        }
        this.listener.onNotice(notice);
      });
      return 'the server ended the list';
    } catch (error) {
      return (error as Error).message;
    }
  }
}
