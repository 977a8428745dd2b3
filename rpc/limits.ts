/** What a server takes from its clients at most. */
export interface ServerLimits {
  /** Connections at once on each address; a further one is refused. Default 1000. Relays and tools keep one each. */
  readonly maxConnections: number;
  /** Calls at once on one connection; further ones are refused (REFUSED_STREAM). Default 1000, of which a relay above many users needs one for each of theirs. */
  readonly maxStreamsPerConnection: number;
  /** Bytes of one request's headers, as HTTP/2 counts them (RFC 9113 section 6.5.2). Default 64 KiB. */
  readonly maxHeaderBytes: number;
  /** Bytes of the requests of all streaming calls together, for as long as the calls run. Default 64 MiB; a request of many filters has some kilobytes. */
  readonly maxRequestBytesHeld: number;
  /** Time that a new connection has to say its first bytes, and a TLS handshake to be done. Default 10 s each. */
  readonly helloTimeoutMs: number;
  /** Time that a call has to send its request. Default 30 s. */
  readonly requestTimeoutMs: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  maxConnections: 1000,
  maxStreamsPerConnection: 1000,
  maxHeaderBytes: 64 * 1024,
  maxRequestBytesHeld: 64 * 1024 * 1024,
  helloTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
};
