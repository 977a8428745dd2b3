import { createRegistry, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { file_google_protobuf_struct, file_google_protobuf_wrappers } from '@bufbuild/protobuf/wkt';
import { createReadStream } from 'node:fs';
import type { FlowPrinter } from '../../proto/flow/text/flow-printer.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import { file_flow_flow } from '../../proto/gen/flow/flow_pb.ts';
import {
  type GetFlowsRequest,
  type GetFlowsResponse,
  GetFlowsResponseSchema,
} from '../../proto/gen/observer/observer_pb.ts';
import { logLine } from '../../rpc/log.ts';
import { UsageError } from '../flags/flag-spec.ts';
import { Output } from '../output.ts';
import { compileFileFilter } from './file-filter.ts';
import { readLines } from './read-lines.ts';

/** The most responses that are kept for `--last`: they are all in memory. */
const MAX_LAST = 1_000_000n;
const ALL = 2n ** 64n - 1n;

/** Output is written once so many characters have come together. */
const BATCH_CHARACTERS = 64 * 1024;

/** Types that an `Any` may hold and still be read. */
const registry = createRegistry(file_flow_flow, file_google_protobuf_struct, file_google_protobuf_wrappers);

/** Reads responses in JSON; tells about what cannot be read, and only once about fields that this version does not know. */
class ResponseReader {
  private ignoreUnknownFields = false;
  private readonly tell: (text: string) => void;

  constructor(tell: (text: string) => void) {
    this.tell = tell;
  }

  /** Null for a line that is no response. */
  read(line: string): GetFlowsResponse | null {
    try {
      return this.parse(line);
    } catch (error) {
      if (!this.ignoreUnknownFields) {
        this.ignoreUnknownFields = true;
        try {
          const response = this.parse(line);
          this.tell(logLine('warn', 'unknown fields are ignored', { error: (error as Error).message }));
          return response;
        } catch {
          this.ignoreUnknownFields = false; // the line had another fault
        }
      }
      this.tell(logLine('warn', 'line ignored', { error: (error as Error).message, line }));
      return null;
    }
  }

  private parse(line: string): GetFlowsResponse {
    const json = JSON.parse(line) as JsonValue;
    return fromJson(GetFlowsResponseSchema, json, {
      registry,
      ignoreUnknownFields: this.ignoreUnknownFields,
    });
  }
}

/** The responses of a file that a request selects, in the file's order: every one that passes, the first N of them, or the last N. */
async function* selectResponses(
  lines: AsyncIterable<string>,
  request: GetFlowsRequest,
  reader: ResponseReader,
): AsyncGenerator<GetFlowsResponse> {
  const { number, first } = request;
  const isLast = !first && number > 0n && number !== ALL;
  if (isLast && number > MAX_LAST) {
    throw new UsageError(`--last ${number} with --input-file: expected ${MAX_LAST} at most`);
  }
  const passes = compileFileFilter(request);
  const kept: GetFlowsResponse[] = [];
  let count = 0n;
  for await (const line of lines) {
    const response = reader.read(line);
    if (response === null || !passes(response)) continue;
    if (isLast) {
      kept[Number(count++ % number)] = response;
      continue;
    }
    yield response;
    if (first && ++count === number) return;
  }
  const oldest = count > number ? Number(count % number) : 0;
  yield* kept.slice(oldest);
  yield* kept.slice(0, oldest);
}

/** `sluice observe --input-file`: prints what a request selects from a file, or from stdin for `-`, in constant memory. */
export async function printFile(
  path: string,
  request: GetFlowsRequest,
  { printer, silent }: { readonly printer: FlowPrinter; readonly silent: boolean },
): Promise<number> {
  const output = new Output();
  let isInterrupted = false;
  process.once('SIGINT', () => (isInterrupted = true));
  const tell = (text: string): void => {
    if (!silent) process.stderr.write(escapeTerminal(`${text}\n`, false));
  };
  const input = path === '-' ? process.stdin : createReadStream(path);
  let out = '';
  try {
    for await (const response of selectResponses(readLines(input), request, new ResponseReader(tell))) {
      const printed = printer.print(response);
      if (printed.err !== '' && !silent) process.stderr.write(printed.err);
      out += printed.out;
      if (out.length >= BATCH_CHARACTERS) {
        await output.write(out);
        out = '';
      }
      if (isInterrupted || output.closed.aborted) break;
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    await output.write(out);
    throw new Error(`cannot read ${path === '-' ? 'stdin' : path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  await output.write(out + printer.end());
  if (isInterrupted) output.finish();
  return 0;
}
