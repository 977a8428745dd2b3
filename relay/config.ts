import type { StoreBounds } from '../history/index.ts';
import {
  type Address,
  type ClientTls,
  formatAddress,
  type PageOptions,
  type ServerLimits,
  type TlsFiles,
} from '../rpc/index.ts';

/** Everything a relay can be told. */
export interface RelayOptions {
  /** How the relay calls itself in status events and reports, not empty; default: the host's name. */
  readonly name: string;
  /** Where it serves, at least one address. Default unix:///var/run/sluice/relay.sock and 127.0.0.1:4245 (Hubble's relay port). */
  readonly listen: readonly Address[];
  /** Certificates for TCP addresses. */
  readonly tls?: TlsFiles;
  /** Serve TCP in plaintext, beside TLS where there are certificates, too. */
  readonly insecure: boolean;
  /** What clients may take; the defaults of `rpc/limits.ts` for what is left out. */
  readonly limits?: Partial<ServerLimits>;
  /** Origins whose web pages may call, such as https://ui.example.org. Default none but the server's own. */
  readonly allowedOrigins?: readonly string[];
  /** The page for browsers; absent: none. */
  readonly page?: PageOptions;
  /** An agent (any one of the cluster) whose Peer service tells all agents of the cluster. Absent: only `peers`. */
  readonly peerService?: Address;
  /** Agents or other relays to follow beside those that the Peer service tells. Never the relay's own address. */
  readonly peers: readonly Address[];
  /**
   * How this relay trusts peers and shows itself to them; absent = plaintext. Its `serverName` is expected of `peers`, the host of the address when absent; peers that the
   * Peer service tells come with theirs.
   */
  readonly peerTls?: ClientTls;
  /** Name on the certificate of the agent whose Peer service is asked, by Hubble `hubble-peer.<cluster>.hubble-grpc.cilium.io`; the host of its address when absent. */
  readonly peerServiceServerName?: string;
  /**
   * Longest time that a flow waits for older flows of other peers, 0 to 60,000 ms. Default 300 ms: more than the time in which agents flush; larger orders better over slow
   * networks, smaller shows flows sooner when some peer is silent. A relay above other relays waits twice as long and 100 ms, since those wait too. Hubble's relay
   * drains after 1 s.
   */
  readonly mergeDelayMs: number;
  /**
   * Bytes that one request's merge may hold back, 1 MiB or more; each peer may have its equal share waiting (64 KiB at least; 16 KiB of stored flows). Beyond, flows go out without waiting, or,
   * where the client does not keep up, the peers are held. Default 64 MiB.
   */
  readonly maxBufferedBytes: number;
  /** Flows that a live stream keeps for a subscriber that lags behind the fastest, 1 or more. Default 262,144 flows. */
  readonly liveBufferFlows: number;
  /** The same in bytes, 1 or more. Default 128 MiB. */
  readonly liveBufferBytes: number;
  /** Where flows are kept on disk, and how many; absent: none. The command line keeps 10 GiB and seven days. */
  readonly store?: StoreBounds;
  /** GetFlows calls served at once, 1 or more; a further one is refused with RESOURCE_EXHAUSTED. Default 1000. */
  readonly maxStreams?: number;
}

export const DEFAULT_MAX_STREAMS = 1000;

/** What a process room gets from whoever starts it. */
export interface ProcessIo {
  /** Aborts when the process shall end. */
  readonly signal: AbortSignal;
  /** Takes one log line, without a line break. */
  readonly log: (line: string) => void;
}

/** Throws RangeError that names the first option out of its range, its value, and the range. */
export function checkRelayOptions(options: RelayOptions): void {
  const { name, listen, peers, peerService, mergeDelayMs, maxBufferedBytes } = options;
  if (name === '') throw new RangeError('relay name is empty: expected a name');
  if (listen.length === 0) throw new RangeError('relay has nowhere to listen: expected an address');
  if (peers.length === 0 && peerService === undefined) {
    throw new RangeError('relay has no peers: expected a Peer service or peer addresses');
  }
  const served = new Set(listen.map(formatAddress));
  const loop = peers.map(formatAddress).find((address) => served.has(address));
  if (loop !== undefined) throw new RangeError(`relay cannot follow itself: ${loop} is its own address`);
  checkRange('merge delay', mergeDelayMs, 0, 60_000, 'ms');
  checkRange('merge buffer', maxBufferedBytes, 1024 * 1024, Number.MAX_SAFE_INTEGER, 'bytes');
  checkRange('live buffer', options.liveBufferFlows, 1, Number.MAX_SAFE_INTEGER, 'flows');
  checkRange('live buffer', options.liveBufferBytes, 1, Number.MAX_SAFE_INTEGER, 'bytes');
  checkRange('most streams', options.maxStreams ?? DEFAULT_MAX_STREAMS, 1, Number.MAX_SAFE_INTEGER, 'calls');
}

function checkRange(what: string, value: number, min: number, max: number, unit: string): void {
  if (value >= min && value <= max) return;
  const range = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`;
  throw new RangeError(`${what} of ${value} ${unit}: expected ${range}`);
}
