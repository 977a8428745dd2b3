import type { FileConfig } from '../../config/config.ts';
import { JsonLines } from '../json-lines.ts';
import { type MessageList, type Reject, type Sink, SinkError } from '../sink.ts';
import { RotatingFile } from './rotating-file.ts';

/** JSON lines in a file, as Hubble's exporter writes them. */
export class FileSink implements Sink {
  readonly maxInFlight = 1;
  private readonly config: FileConfig;
  private readonly file: RotatingFile;
  private readonly lines = new JsonLines();

  constructor(config: FileConfig, onError: (error: Error) => void) {
    this.config = config;
    this.file = new RotatingFile(config, onError);
  }

  open(): Promise<void> {
    return this.file.open().catch((error: Error) => this.fail(error));
  }

  async write(messages: MessageList): Promise<readonly Reject[]> {
    const { bytes, rejects } = this.lines.make(messages);
    if (bytes.length > 0) {
      await this.file.write(bytes, this.config.sync).catch((error: Error) => this.fail(error));
    }
    return rejects;
  }

  async close(): Promise<void> {
    await this.file.close().catch(() => {}); // all that counts as delivered is written
  }

  private fail(error: NodeJS.ErrnoException): never {
    const failure = error.code === 'ENOSPC' ? 'disk_full' : 'file_error';
    throw new SinkError(failure, `cannot write ${this.config.path}: ${error.message}`, error);
  }
}
