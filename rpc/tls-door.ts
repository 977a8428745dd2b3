import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { FollowedFiles } from './followed-files.ts';

/** What OpenSSL and node call a failed handshake, as a person would. Anything else is told by its code. */
const wordsOfHandshake: Readonly<Record<string, string>> = {
  ECONNRESET: 'hung up during the TLS handshake: it does not trust the certificate of this server, perhaps',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'did not finish the TLS handshake in time',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'speaks no TLS 1.3',
  ERR_SSL_NO_SHARED_CIPHER: 'has no cipher in common with this server',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'speaks neither HTTP/2 nor HTTP/1.1 (ALPN)',
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM: 'takes no signature that the key of this server can make',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'does not trust the CA of the certificate of this server',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'does not accept the certificate of this server: its name, perhaps',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'takes the certificate of this server for expired',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'does not accept the certificate of this server',
};

/** Why a client's certificate does not do, by the verification's result (X509_V_ERR_*). Anything else is told by its code. */
const wordsOfCertificate: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'the client certificate has expired',
  CERT_NOT_YET_VALID: 'the client certificate is not valid yet',
  INVALID_PURPOSE: 'the client certificate is not made for clients (extended key usage)',
  UNABLE_TO_GET_ISSUER_CERT: 'the client certificate is signed by a CA that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the client certificate is signed by a CA that is not trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the client certificate is signed by a CA that is not trusted here',
  SELF_SIGNED_CERT_IN_CHAIN: 'the client certificate is signed by a CA that is not trusted here',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the client certificate is signed by itself, which is not trusted here',
};

/** What becomes of a TLS connection. */
export interface TlsDoorListener {
  /** A client that may speak, its protocol by ALPN. */
  readonly onClient: (socket: TLSSocket, speech: 'http2' | 'http1') => void;
  /** A client whose certificate does not do. */
  readonly onUntrusted: (socket: TLSSocket, speech: 'http2' | 'http1', reason: string) => void;
  /** A handshake that failed, by the client's fault or its choice; the connection is gone. */
  readonly onFailure: (socket: Socket, reason: string) => void;
}

/** Does the TLS of one address: handshakes with the files as they are by then, and a look at the client's certificate. */
export class TlsDoor {
  private readonly server: Server;
  private readonly files: FollowedFiles;
  private generation: number;

  /** @param isMutual whether a client has to show a certificate of one of the CAs in `files` */
  constructor(
    files: FollowedFiles,
    isMutual: boolean,
    handshakeTimeoutMs: number,
    listener: TlsDoorListener,
  ) {
    this.files = files;
    this.generation = files.generation;
    this.server = createServer({
      ...files.current,
      handshakeTimeout: handshakeTimeoutMs,
      ALPNProtocols: ['h2', 'http/1.1'],
      // Refused here rather than by OpenSSL or node, which would hang up without a word on most faults.
      ...(isMutual && { requestCert: true, rejectUnauthorized: false }),
    });
    this.server.on('secureConnection', (socket) => {
      const speech = socket.alpnProtocol === 'h2' ? 'http2' : 'http1';
      const fault = isMutual ? clientFault(socket) : null;
      if (fault === null) listener.onClient(socket, speech);
      else listener.onUntrusted(socket, speech, fault);
    });
    this.server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const code = error.code ?? error.message;
      listener.onFailure(socket, wordsOfHandshake[code] ?? `failed in the TLS handshake: ${code}`);
      socket.destroy(); // of a handshake that is merely late node leaves the connection open
    });
  }

  /** Begins the handshake on a connection that has said TLS's first bytes. */
  take(socket: Socket): void {
    const { files } = this;
    if (files.generation !== this.generation) {
      this.generation = files.generation;
      // Running connections keep theirs; tickets of the old context are void with it.
      this.server.setSecureContext(files.current);
    }
    this.server.emit('connection', socket);
  }
}

/** Why a client must not be served; null for one that may. */
function clientFault(socket: TLSSocket): string | null {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return 'a client certificate is needed here, and none was shown';
  if (!socket.authorized) {
    const code = String(socket.authorizationError);
    return wordsOfCertificate[code] ?? `the client certificate cannot be verified: ${code}`;
  }
  // A resumed session was verified when it began; the certificate may have ended since.
  return certificate.validToDate.getTime() < Date.now() ? wordsOfCertificate['CERT_HAS_EXPIRED'] : null;
}
