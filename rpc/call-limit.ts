import { RpcCode, RpcError } from './rpc-error.ts';

/** What may end a call early, as one signal. */
export interface CallLimit {
  /** Its reason is the RpcError to tell. */
  readonly signal: AbortSignal;
  /** Stops the timer and lets go of the caller's signal. */
  release(): void;
}

/** Longest delay of a node timer, 24 days; a deadline beyond that is none. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Calls `expire` after a call's deadline, if it has one; returns how to stop that. */
export function startDeadline(timeoutMs: number | null, expire: () => void): () => void {
  if (timeoutMs === null || timeoutMs > MAX_TIMER_MS) return () => {};
  const timer = setTimeout(expire, timeoutMs);
  return () => clearTimeout(timer);
}

/** Joins a deadline and a caller's signal: DEADLINE_EXCEEDED after `timeoutMs`, CANCELLED with the signal. */
export function limitCall(timeoutMs: number | undefined, signal: AbortSignal | undefined): CallLimit {
  const abort = new AbortController();
  const cancel = (): void => abort.abort(new RpcError(RpcCode.Cancelled, 'cancelled by this side'));
  if (signal?.aborted === true) cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  const stopDeadline = startDeadline(timeoutMs ?? null, () =>
    abort.abort(new RpcError(RpcCode.DeadlineExceeded, `no answer within ${timeoutMs} ms`)),
  );
  return {
    signal: abort.signal,
    release: () => {
      stopDeadline();
      signal?.removeEventListener('abort', cancel);
    },
  };
}

/** Waits for a promise, but no longer than until the signal aborts: then throws its reason. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
