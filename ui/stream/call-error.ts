/** Codes of gRPC that the UI tells apart. */
export const CallCode = {
  Ok: 0,
  Cancelled: 1,
  InvalidArgument: 3,
  PermissionDenied: 7,
  Unimplemented: 12,
  Unavailable: 14,
  Unauthenticated: 16,
} as const;

/** A call that did not end well: gRPC's code, and what the server said. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }

  /** Whether asking again, unchanged, may help. */
  get isPassing(): boolean {
    const { InvalidArgument, PermissionDenied, Unimplemented, Unauthenticated } = CallCode;
    return ![InvalidArgument, PermissionDenied, Unimplemented, Unauthenticated].some(
      (code) => code === this.code,
    );
  }
}

/** The status in trailers, `name: value` by line. Null when they hold none. */
export function parseTrailers(text: string): { readonly code: number; readonly message: string } | null {
  const fields = new Map<string, string>();
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return statusOf((name) => fields.get(name) ?? null);
}

/** The status in headers or trailers. Null when there is none. */
export function statusOf(
  get: (name: string) => string | null,
): { readonly code: number; readonly message: string } | null {
  const text = get('grpc-status');
  if (text === null || !/^\d{1,3}$/.test(text)) return null;
  const message = get('grpc-message') ?? '';
  try {
    return { code: Number(text), message: decodeURIComponent(message) };
  } catch {
    return { code: Number(text), message };
  }
}
