/** A reason is told at once, and then again after this time with how often it came up in between. */
const INTERVAL_MS = 10_000;

interface Kind {
  /** When the reason may be told again. */
  readonly untilMs: number;
  skipped: number;
  lastClient: string;
}

/** Tells of clients that were refused, without letting them fill the log: one line per reason and interval. Reasons are few and fixed, whatever clients send. */
export class RefusalLog {
  private readonly tell: (message: string) => void;
  private readonly kinds = new Map<string, Kind>();

  constructor(tell: (message: string) => void) {
    this.tell = tell;
  }

  /**
   * @param reason how the client is refused, one of a fixed set
   * @param client who it is: address, and what it shows
   */
  add(reason: string, client: string, nowMs: number = performance.now()): void {
    const kind = this.kinds.get(reason);
    if (kind !== undefined && nowMs < kind.untilMs) {
      if (kind.skipped++ === 0) this.flushLater(reason, kind.untilMs - nowMs);
      kind.lastClient = client;
      return;
    }
    this.kinds.set(reason, { untilMs: nowMs + INTERVAL_MS, skipped: 0, lastClient: client });
    this.tell(`client ${client} refused: ${reason}`);
  }

  private flushLater(reason: string, afterMs: number): void {
    setTimeout(() => {
      const kind = this.kinds.get(reason);
      this.kinds.delete(reason);
      if (kind === undefined || kind.skipped === 0) return;
      this.tell(`${kind.skipped} more refused, the last of them ${kind.lastClient}: ${reason}`);
    }, afterMs).unref();
  }
}
