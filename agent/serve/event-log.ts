import type { TimePoint } from '../../history/index.ts';

/** An event with the time at which it was seen. */
export interface LoggedEvent<T> {
  readonly timeMs: number;
  readonly event: T;
}

/** What a reader wants: GetAgentEvents' and GetDebugEvents' selection. */
export interface EventSelection {
  readonly number: number;
  readonly first: boolean;
  readonly follow: boolean;
  readonly since: TimePoint | null;
  readonly until: TimePoint | null;
}

/** A bounded log of rare events, read by Hubble's rules for `number`, `first`, `follow`, `since` and `until`. */
export class EventLog<T> {
  private readonly capacity: number;
  private readonly events: LoggedEvent<T>[] = [];
  private end = 0;
  private readonly listeners = new Set<() => void>();

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  add(event: T, timeMs: number = Date.now()): void {
    this.events.push({ timeMs, event });
    this.end++;
    if (this.events.length > this.capacity) this.events.shift();
    for (const listener of this.listeners) listener();
  }

  /** Yields what is selected, then, when following, what comes until the signal aborts. */
  async *read(selection: EventSelection, signal: AbortSignal): AsyncGenerator<LoggedEvent<T>> {
    const stop = selection.follow ? Number.POSITIVE_INFINITY : this.end;
    let delivered = 0;
    let seq = this.startSeq(selection);
    while (!signal.aborted && seq < stop) {
      seq = Math.max(seq, this.end - this.events.length);
      if (seq >= this.end) {
        await this.nextEvent(signal);
        continue;
      }
      const logged = this.events[seq - (this.end - this.events.length)];
      seq++;
      if (selection.until !== null && compareTime(logged.timeMs, selection.until) > 0) return;
      if (selection.since !== null && compareTime(logged.timeMs, selection.since) < 0) continue;
      yield logged;
      delivered++;
      if (!selection.follow && selection.number > 0 && delivered >= selection.number) return;
    }
  }

  private startSeq({ number, first, follow, since }: EventSelection): number {
    const oldest = this.end - this.events.length;
    if (since !== null) {
      for (let seq = this.end - 1; seq >= oldest; seq--) {
        if (compareTime(this.events[seq - oldest].timeMs, since) < 0) return seq + 1;
      }
      return oldest;
    }
    if (first || (!follow && number === 0)) return oldest;
    if (number === 0) return Math.max(oldest, this.end - 1);
    return Math.max(oldest, this.end - number);
  }

  private nextEvent(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.listeners.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.listeners.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

/** Below, at or above 0 as a time is earlier than, at or later than a point: exact, which milliseconds with a fraction would not be. */
function compareTime(timeMs: number, { seconds, nanos }: TimePoint): number {
  const pointMs = seconds * 1000 + Math.floor(nanos / 1e6);
  return timeMs === pointMs ? -(nanos % 1e6) : timeMs - pointMs;
}
