import { type Address, formatAddress } from './address.ts';
import { RpcCode, RpcError } from './rpc-error.ts';

/** What a person can do about a system's or TLS library's error. Codes: errno(3), node's own, and OpenSSL's by X509_V_ERR_* and SSL_R_* names. */
const wordsOfCode: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: nothing listens there',
  ENOENT: 'no such socket: the server is not running, or listens elsewhere',
  EACCES: 'permission denied: the socket belongs to another user',
  ENOTFOUND: 'unknown host',
  EAI_AGAIN: 'unknown host (the name server does not answer)',
  ETIMEDOUT: 'no answer: the host is down, or a firewall drops the packets',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ECONNRESET: 'connection reset by the server',
  EPIPE: 'connection closed by the server',
  ERR_HTTP2_ERROR: 'the server does not speak HTTP/2 (TLS expected, perhaps)',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the server does not speak TLS',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'the server wants another version of TLS',
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is signed by itself and not trusted here",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate is signed by a CA that is not trusted here",
  UNABLE_TO_GET_ISSUER_CERT: "the server's certificate is signed by a CA that is not trusted here",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the server's certificate is signed by a CA that is not trusted here",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the server's certificate is signed by a CA that is not trusted here",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the server wants a client certificate',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the server does not trust the CA of the client certificate',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'the server refuses the client certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the client certificate has expired',
};

function reasonOf(error: Error): string {
  const { code, host, cert } = error as NodeJS.ErrnoException & {
    host?: string;
    cert?: { subjectaltname?: string };
  };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `the server's certificate is not for "${host}" but for ${cert?.subjectaltname ?? 'no name at all'}`;
  }
  return wordsOfCode[code ?? ''] ?? error.message;
}

/** The error of an attempt that the server refused in its own words. */
export function refusedError(words: string): Error {
  return new Error(`the server refuses this client: ${words}`);
}

/** The error of an attempt to connect: UNAVAILABLE, with the address and what to do about it. */
export function connectError(address: Address, error: Error): RpcError {
  return new RpcError(
    RpcCode.Unavailable,
    `cannot connect to ${formatAddress(address)}: ${reasonOf(error)}`,
    { cause: error },
  );
}
