import { jsonLines } from './json-lines.ts';
import { type MessageList, type Reject, type Sink, SinkError } from './sink.ts';

/** JSON lines on stdout: delivered once the pipe's reader has room for them. */
export class StdoutSink implements Sink {
  readonly maxInFlight = 1;
  private readonly out: NodeJS.WritableStream;

  constructor(out: NodeJS.WritableStream) {
    this.out = out;
  }

  open(): Promise<void> {
    return Promise.resolve();
  }

  async write(messages: MessageList): Promise<readonly Reject[]> {
    const { text, rejects } = jsonLines(messages);
    await new Promise<void>((resolve, reject) => {
      this.out.write(text, (error) => {
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
