import { RotatingFile } from '../sink/file/rotating-file.ts';
import { JsonLines } from '../sink/json-lines.ts';
import type { MessageList, Reject } from '../sink/sink.ts';

/** Of dead letters so much is kept: the newest, in files of a sixth. */
const FILE_BYTES = 16 * 1024 * 1024;
const BACKUPS = 5;
const MAX_REASON = 1000;

/**
 * The file of messages that a store will never take: one JSON object a line, with the time, the cause, what the store said, the message in base64 (protobuf, a GetFlowsResponse) and, where it
 * decodes, as `event`. Rotated; what is older than 96 MiB of them is deleted, and stays counted.
 */
export class DeadLetters {
  private readonly file: RotatingFile;
  private readonly lines = new JsonLines();
  private writing: Promise<void> = Promise.resolve();

  constructor(path: string, onError: (error: Error) => void) {
    const rotation = { maxBytes: FILE_BYTES, maxAgeMs: 0, maxBackups: BACKUPS, compress: 'none' } as const;
    this.file = new RotatingFile({ path, ...rotation }, onError);
  }

  /** Adds what was rejected of a list. Throws what the file system throws: the list is to be tried again then. */
  async add(messages: MessageList, rejects: readonly Reject[]): Promise<void> {
    if (rejects.length === 0) return;
    const time = new Date().toISOString();
    const lines = rejects.map(({ index, cause, reason }) => {
      const message = Buffer.from(messages.bytes.subarray(messages.starts[index], messages.ends[index]));
      const letter = {
        time,
        cause,
        reason: reason.slice(0, MAX_REASON),
        message: message.toString('base64'),
      };
      const one = {
        bytes: message,
        count: 1,
        starts: Uint32Array.of(0),
        ends: Uint32Array.of(message.length),
      };
      const event = this.lines.make(one).bytes.toString().trimEnd();
      const text = JSON.stringify(letter);
      return event === '' ? `${text}\n` : `${text.slice(0, -1)},"event":${event}}\n`;
    });
    const written = this.writing.then(() => this.file.write(Buffer.from(lines.join('')), false));
    this.writing = written.catch(() => {});
    await written;
  }

  async close(): Promise<void> {
    await this.writing;
    await this.file.close().catch(() => {});
  }
}
