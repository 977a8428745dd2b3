import type { GetFlowsRequest } from '../../proto/gen/observer/observer_pb.ts';
import type { PrintedText } from '../../proto/flow/text/print-options.ts';
import { Output } from '../output.ts';
import { readFlowFile } from './input-file.ts';

/** How the responses of a file are printed. */
export interface PrintedFile {
  readonly request: GetFlowsRequest;
  /** Keep stderr quiet. */
  readonly silent: boolean;
  /** Prints one encoded response; what it throws ends the command, after what was printed before it. */
  readonly print: (message: Uint8Array) => PrintedText;
  /** Called about once a second, since stdin may be a stream that goes on: prints what has waited. */
  readonly tick: () => PrintedText;
  /** What is printed once the file has ended; `isWhole`: no failure cut it short. */
  readonly end: (isWhole: boolean) => PrintedText;
}

/** `sluice observe --input-file`: prints what a request selects from a file, or from stdin for `-`. An interrupt ends it as the end of the file does. */
export async function printFile(
  path: string,
  { request, silent, print, tick, end }: PrintedFile,
): Promise<number> {
  const output = new Output();
  let isInterrupted = false;
  process.once('SIGINT', () => (isInterrupted = true));
  let out = '';
  const flush = (): void | Promise<void> => {
    const text = out;
    out = '';
    return output.write(text);
  };
  const add = (printed: PrintedText): void => {
    if (printed.err !== '' && !silent) process.stderr.write(printed.err);
    out += printed.out;
  };
  // A file is as it is, whatever the clock says.
  const timer =
    path === '-'
      ? setInterval(() => {
          add(tick());
          void flush();
        }, 1000)
      : undefined;
  let failure: { readonly error: unknown } | undefined;
  try {
    await readFlowFile(path, request, {
      silent,
      take: (message) => add(print(message)),
      afterChunk: async () => {
        await flush();
        return !isInterrupted && !output.closed.aborted;
      },
    });
  } catch (error) {
    failure = { error };
  } finally {
    clearInterval(timer);
  }
  // What came before a failure is printed: a table's rows too.
  add(end(failure === undefined));
  await flush();
  if (failure !== undefined) throw failure.error;
  if (isInterrupted) output.finish();
  return 0;
}
