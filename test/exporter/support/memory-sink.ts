import type { MessageList, Reject, Sink } from '../../../exporter/sink/sink.ts';
import { each } from './messages.ts';

/** A store in memory that fails, lags and rejects as a test wants it to. */
export class MemorySink implements Sink {
  readonly maxInFlight: number;
  /** Messages as hex, in the order of their arrival. */
  readonly stored: string[] = [];
  /** Called before each write: what it throws, the write throws; the messages that it names are rejected. */
  before: (call: number, messages: MessageList) => Promise<readonly Reject[]> | readonly Reject[] = () => [];
  calls = 0;
  isOpen = false;

  constructor(maxInFlight = 1) {
    this.maxInFlight = maxInFlight;
  }

  open(): Promise<void> {
    this.isOpen = true;
    return Promise.resolve();
  }

  async write(messages: MessageList): Promise<readonly Reject[]> {
    const rejects = await this.before(this.calls++, messages);
    const rejected = new Set(rejects.map(({ index }) => index));
    for (const [i, message] of each(messages).entries()) {
      if (!rejected.has(i)) this.stored.push(message.toString('hex'));
    }
    return rejects;
  }

  close(): Promise<void> {
    this.isOpen = false;
    return Promise.resolve();
  }
}
