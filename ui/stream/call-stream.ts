import { CallCode, CallError, parseTrailers, statusOf } from './call-error.ts';
import { WebFrames } from './web-frames.ts';

/**
 * Calls a method by gRPC-web and gives the messages of its answer as they come. Throws CallError when the call does not end with OK; ends silently
 * when `signal` aborts.
 * @param path such as `observer.Observer/GetFlows`; served by where the page comes from
 */
export async function* callStream(
  path: string,
  request: Uint8Array,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* readAnswer(await post(path, request, signal));
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof CallError) throw error;
    throw new CallError(CallCode.Unavailable, `the connection broke off: ${(error as Error).message}`);
  }
}

/** The part of the page's address that is asked for here; tests check the types of this file without those of a browser. */
declare const location: { readonly origin: string; readonly pathname: string };

async function post(path: string, message: Uint8Array, signal: AbortSignal): Promise<Response> {
  const body = new Uint8Array(5 + message.length);
  new DataView(body.buffer).setUint32(1, message.length);
  body.set(message, 5);
  const headers = { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1' };
  const url = new URL(`./${path}`, location.origin + location.pathname.replace(/[^/]*$/, ''));
  return fetch(url, { method: 'POST', headers, body, signal });
}

async function* readAnswer(response: Response): AsyncGenerator<Uint8Array> {
  const early = statusOf((name) => response.headers.get(name));
  if (early !== null && early.code !== CallCode.Ok) throw new CallError(early.code, early.message);
  if (!response.ok || response.body === null) throw await refusal(response);
  const frames = new WebFrames();
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      for (const { isTrailers, bytes } of frames.push(value)) {
        if (!isTrailers) {
          yield bytes;
          continue;
        }
        const status = parseTrailers(new TextDecoder().decode(bytes));
        if (status?.code === CallCode.Ok) return;
        throw new CallError(status?.code ?? 2, status?.message ?? 'the answer ended without a status');
      }
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
  if (early !== null) return;
  throw new CallError(CallCode.Unavailable, 'the server went away in the middle of its answer');
}

async function refusal(response: Response): Promise<CallError> {
  const text = (await response.text()).trim().slice(0, 300);
  const code = response.status === 403 ? CallCode.PermissionDenied : CallCode.Unavailable;
  return new CallError(code, text === '' ? `the server answered ${response.status}` : text);
}
