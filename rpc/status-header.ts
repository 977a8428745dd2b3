import type { OutgoingHttpHeaders } from 'node:http2';
import { RpcCode, RpcError } from './rpc-error.ts';

/** Percent-encodes a status message as grpc/PROTOCOL-HTTP2.md asks: space to tilde stay, `%` and the rest are encoded as UTF-8. */
export function encodeStatusMessage(message: string): string {
  return [...Buffer.from(message, 'utf8')]
    .map((byte) =>
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('');
}

/** Undoes `encodeStatusMessage`; text that is not well encoded is kept as it is. */
export function decodeStatusMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a peer that does not encode: better its raw words than none
  }
}

/** The trailers (or the headers of a trailers-only response) that end a call. */
export function statusHeaders(code: RpcCode, message: string): OutgoingHttpHeaders {
  return message === ''
    ? { 'grpc-status': String(code) }
    : { 'grpc-status': String(code), 'grpc-message': encodeStatusMessage(message) };
}

/** Codes for HTTP statuses of servers or proxies that do not speak gRPC (grpc/http-grpc-status-mapping.md). */
const codeOfHttpStatus: Readonly<Record<number, RpcCode>> = {
  400: RpcCode.Internal,
  401: RpcCode.Unauthenticated,
  403: RpcCode.PermissionDenied,
  404: RpcCode.Unimplemented,
  429: RpcCode.Unavailable,
  502: RpcCode.Unavailable,
  503: RpcCode.Unavailable,
  504: RpcCode.Unavailable,
};

/** The error that headers or trailers tell, or null for OK. Returns undefined when they carry no gRPC status. */
export function statusError(
  headers: Readonly<Record<string, string | string[] | number | undefined>>,
): RpcError | null | undefined {
  const status = headers['grpc-status'];
  if (status !== undefined) {
    const code = /^\d{1,2}$/.test(String(status)) ? Number(status) : RpcCode.Unknown;
    if (code === RpcCode.Ok) return null;
    const known = code <= RpcCode.Unauthenticated;
    return new RpcError(
      known ? (code as RpcCode) : RpcCode.Unknown,
      decodeStatusMessage(String(headers['grpc-message'] ?? '')),
    );
  }
  const http = Number(headers[':status'] ?? 200);
  if (http === 200) return undefined;
  return new RpcError(
    codeOfHttpStatus[http] ?? RpcCode.Unknown,
    `HTTP status ${http} instead of a gRPC answer`,
  );
}

const timeoutUnitsMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** Milliseconds of a `grpc-timeout` header; null when absent or not well formed (at most eight digits and a unit). */
export function parseGrpcTimeout(text: string | undefined): number | null {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text ?? '');
  return match === null ? null : Number(match[1]) * timeoutUnitsMs[match[2]];
}

/** A `grpc-timeout` header of at least one millisecond. */
export function formatGrpcTimeout(timeoutMs: number): string {
  const ms = Math.max(1, Math.ceil(timeoutMs));
  return ms < 1e8 ? `${ms}m` : `${Math.ceil(ms / 1000)}S`;
}
