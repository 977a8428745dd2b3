import { open } from 'node:fs/promises';
import type { GetFlowsRequest } from '../../proto/gen/observer/observer_pb.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import { LineLengthError, LineSplitter } from './file/line-splitter.ts';
import { ResponseReader } from './file/response-reader.ts';
import { ResponseSelection } from './file/response-selection.ts';

/** Bytes of a file that are read at once. */
const CHUNK_BYTES = 256 * 1024;

/** What is done with the responses of a file. */
export interface FileReader {
  /** Takes an encoded GetFlowsResponse; the bytes are its own only until it returns. */
  readonly take: (message: Uint8Array) => void;
  /** Called after each chunk of the file: what it gives is waited for before the next is read. False: stop reading. */
  readonly afterChunk: () => boolean | Promise<boolean>;
  /** Keep quiet about lines that cannot be read. */
  readonly silent: boolean;
}

/**
 * Reads responses in JSON from a file, or from stdin for `-`, a line each, and gives out those that a request selects, in constant memory. Lines that are no response are
 * told on stderr and passed over. Throws UsageError for filters that do not compile; Error for a file that cannot be read and for a line above 64 KiB, after everything
 * before it was given out.
 */
export async function readFlowFile(
  path: string,
  request: GetFlowsRequest,
  reader: FileReader,
): Promise<void> {
  const tell = (text: string): void => {
    if (!reader.silent) process.stderr.write(escapeTerminal(`${text}\n`, false));
  };
  const responses = new ResponseReader(tell);
  const selection = new ResponseSelection(request, reader.take);
  const lines = new LineSplitter(
    (bytes, start, end) =>
      !responses.read(bytes, start, end) || selection.add(responses.bytes, responses.length),
  );
  try {
    const chunks = path === '-' ? process.stdin : readChunks(path);
    if (await pushChunks(chunks, lines, reader)) lines.end();
  } catch (error) {
    const isFileError =
      error instanceof LineLengthError || typeof (error as NodeJS.ErrnoException).code === 'string';
    if (!isFileError) throw error;
    const message = (error as Error).message;
    throw new Error(`cannot read ${path === '-' ? 'stdin' : path}: ${message}`, { cause: error });
  } finally {
    selection.end();
  }
}

/** The bytes of a file, piece by piece in one and the same memory: each piece is gone when the next is asked for. */
async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path);
  try {
    const memory = Buffer.allocUnsafe(CHUNK_BYTES); // whose indexOf is several times that of a Uint8Array
    for (;;) {
      const { bytesRead } = await file.read(memory, 0, CHUNK_BYTES, null);
      if (bytesRead === 0) return;
      yield bytesRead === CHUNK_BYTES ? memory : memory.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Whether the file was read to its end. */
async function pushChunks(
  chunks: AsyncIterable<Uint8Array>,
  lines: LineSplitter,
  { afterChunk }: FileReader,
): Promise<boolean> {
  for await (const chunk of chunks) {
    const goesOn = lines.push(chunk);
    if (!(await afterChunk()) || !goesOn) return false;
  }
  return true;
}
