import { encodeRows, encodeSignOfLife } from '../../proto/flow/aggregate/encode-rows.ts';
import type { FrameSink } from '../flow-reader.ts';
import type { AggregateQuery } from './aggregate-request.ts';
import { LossTally } from './loss-tally.ts';

/** A server that has nothing to say shows so often that it is at work. */
export const SIGN_OF_LIFE_MS = 2000;

/**
 * The answers to one AggregateFlows call: writes what the query's aggregator has counted since the answer before. While the client does not keep up nothing is
 * written, and nothing is lost: rows go on adding up, and its next answer spans more time. Close it.
 */
export class RowStream {
  readonly losses = new LossTally();
  private readonly query: AggregateQuery;
  private readonly sink: FrameSink;
  private readonly timer: NodeJS.Timeout;
  private answeredMs = performance.now();
  private writtenMs = performance.now();
  private isReady = true;

  constructor(query: AggregateQuery, sink: FrameSink) {
    this.query = query;
    this.sink = sink;
    this.timer = setInterval(() => this.showLife(), SIGN_OF_LIFE_MS / 2);
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** Time since the last answer. */
  get elapsedMs(): number {
    return performance.now() - this.answeredMs;
  }

  /**
   * Writes an answer, with the losses in front.
   * @param isLast write it whether the client keeps up or not
   */
  answer(isLast = false): void {
    if (!this.isReady && !isLast) return;
    const { aggregator, maxRows } = this.query;
    const { table } = aggregator;
    const nowMs = performance.now();
    const elapsedUs = Math.round((nowMs - this.answeredMs) * 1000);
    this.answeredMs = nowMs;
    for (const frame of this.losses.take()) this.write(frame);
    for (const frame of encodeRows({ table, maxRows, elapsedUs })) this.write(frame);
    table.clear();
    this.sink.flush();
  }

  /** Writes a frame that is no row: the state of a node. */
  tell(frame: Uint8Array): void {
    this.write(frame);
    this.sink.flush();
  }

  private write(frame: Uint8Array): void {
    this.writtenMs = performance.now();
    if (this.sink.write(frame) || !this.isReady) return;
    this.isReady = false;
    void this.sink.drained().then(() => (this.isReady = true));
  }

  private showLife(): void {
    if (this.isReady && performance.now() - this.writtenMs > SIGN_OF_LIFE_MS * 0.75)
      this.tell(encodeSignOfLife());
  }
}
