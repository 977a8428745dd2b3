import { type Address, type ClientTls, type TlsFiles } from '../rpc/index.ts';

/** Everything a relay can be told. */
export interface RelayOptions {
  /** How the relay calls itself in status events and reports; default: the host's name. */
  readonly name: string;
  /** Default unix:///var/run/sluice/relay.sock and 127.0.0.1:4245 (Hubble's relay port). */
  readonly listen: readonly Address[];
  /** Certificates for TCP addresses. */
  readonly tls?: TlsFiles;
  /** Serve TCP in plaintext. */
  readonly insecure: boolean;
  /** An agent (any one of the cluster) whose Peer service tells all agents of the cluster. Absent: only `peers`. */
  readonly peerService?: Address;
  /** Agents or other relays to follow beside those that the Peer service tells. */
  readonly peers: readonly Address[];
  /** How this relay trusts peers and shows itself to them; absent = plaintext. */
  readonly peerTls?: ClientTls;
  /**
   * Longest time that a flow waits for older flows of other peers. Default 300 ms: more than the time in which agents flush; larger orders better over slow
   * networks, smaller shows flows sooner when some peer is silent. A relay above other relays waits twice as long and 100 ms, since those wait too. Hubble's relay
   * drains after 1 s.
   */
  readonly mergeDelayMs: number;
  /** Bytes that one merge may hold back at most; beyond, flows go out without waiting. Default 64 MiB. */
  readonly maxBufferedBytes: number;
  /** Flows that a live stream keeps for a subscriber that lags. Default 262,144 flows. */
  readonly liveBufferFlows: number;
  /** The same in bytes. Default 128 MiB. */
  readonly liveBufferBytes: number;
}

/** What a process room gets from whoever starts it. */
export interface ProcessIo {
  /** Aborts when the process shall end. */
  readonly signal: AbortSignal;
  /** Takes one log line, without a line break. */
  readonly log: (line: string) => void;
}
