import { JsonLines } from './json-lines.ts';
import { type MessageList, type Reject, type Sink, SinkError } from './sink.ts';

/** JSON lines on stdout: delivered once the pipe's reader has room for them. */
export class StdoutSink implements Sink {
  readonly maxInFlight = 1;
  private readonly out: NodeJS.WritableStream;
  private readonly lines = new JsonLines();

  constructor(out: NodeJS.WritableStream) {
    this.out = out;
  }

  open(): Promise<void> {
    return Promise.resolve();
  }

  async write(messages: MessageList): Promise<readonly Reject[]> {
    const { bytes, rejects } = this.lines.make(messages);
    await new Promise<void>((resolve, reject) => {
      // Copied: a stream may hold on to what it said it took.
      this.out.write(Buffer.from(bytes), (error) => {
        if (error) reject(new SinkError('pipe_error', `cannot write to stdout: ${error.message}`, error));
        else resolve();
      });
    });
    return rejects;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
