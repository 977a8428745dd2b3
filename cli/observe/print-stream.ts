import { FRAME_PREFIX_BYTES, type FrameRun } from '../../proto/flow/frame.ts';
import { nothingPrinted, type PrintedText } from '../../proto/flow/text/print-options.ts';
import { RpcCode, RpcError } from '../../rpc/rpc-error.ts';
import { Output } from '../output.ts';
import { type Server, withServer } from '../server/with-server.ts';
import type { Settings } from '../settings/settings.ts';

/** A streaming call, and how its messages are printed. */
export interface PrintedStream {
  /** Such as `/observer.Observer/GetFlows`. */
  readonly path: string;
  readonly request: Uint8Array;
  /** Keep stderr quiet. */
  readonly silent: boolean;
  /** Prints one message; what it throws ends the command, after what was printed before it. */
  readonly print: (message: Uint8Array) => PrintedText;
  /** Called about once a second: prints what has waited. */
  readonly tick?: () => PrintedText;
  /** What is printed once the stream has ended; `isWhole`: no failure cut it short. */
  readonly end: (isWhole: boolean) => string | PrintedText;
}

const TICK_MS = 1000;

/**
 * Prints a stream until it ends, the user interrupts it, or nobody reads any more: all of which are a success. A reader that lags holds the stream back, so that nothing
 * piles up here: the server then counts what it has to drop.
 */
export async function printStream(settings: Settings, stream: PrintedStream): Promise<number> {
  const output = new Output();
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once('SIGINT', interrupt);
  output.closed.addEventListener('abort', interrupt);
  let failure: { readonly error: unknown } | undefined;

  const onRun = (run: FrameRun): void | Promise<void> => {
    let out = '';
    let err = '';
    try {
      for (let i = 0; i < run.count && !stop.signal.aborted; i++) {
        const message = run.bytes.subarray(run.offsets[i] + FRAME_PREFIX_BYTES, run.offsets[i + 1]);
        const printed = stream.print(message);
        out += printed.out;
        err += printed.err;
      }
    } catch (error) {
      failure = { error };
      stop.abort();
    }
    if (err !== '' && !stream.silent) process.stderr.write(err);
    return output.write(out, stop.signal);
  };

  const timer = setInterval(() => {
    const { out, err } = stream.tick?.() ?? nothingPrinted;
    if (err !== '' && !stream.silent) process.stderr.write(err);
    // A reader that lags holds back the stream, not the clock: this is a line at most.
    void output.write(out);
  }, TICK_MS);

  try {
    await withServer(settings, (server) =>
      untilStopped(stop.signal, readStream(server, stream, stop.signal, onRun)),
    );
  } catch (error) {
    // A reader that went away, or a user that had enough, made the call fail: that is no failure.
    if (!stop.signal.aborted) failure = { error };
  } finally {
    process.off('SIGINT', interrupt);
    clearInterval(timer);
  }
  const ended = stream.end(failure === undefined);
  const { out, err } = typeof ended === 'string' ? { out: ended, err: '' } : ended;
  if (err !== '' && !stream.silent) process.stderr.write(err);
  await output.write(out);
  if (failure !== undefined) throw failure.error;
  if (stop.signal.aborted) output.finish();
  return 0;
}

async function readStream(
  { connection, streaming }: Server,
  { path, request }: PrintedStream,
  signal: AbortSignal,
  onRun: (run: FrameRun) => void | Promise<void>,
): Promise<void> {
  try {
    await connection.stream(path, request, { ...streaming, signal }, onRun);
  } catch (error) {
    const isEnded = error instanceof RpcError && error.code === RpcCode.Cancelled;
    if (!isEnded) throw error;
  }
}

/** Waits for work, but not once the signal has aborted: a connection attempt does not hold up Ctrl-C. */
function untilStopped(signal: AbortSignal, work: Promise<void>): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  return Promise.race([work, stopped]);
}
