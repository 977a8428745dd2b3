/** Messages (GetFlowsResponse) somewhere in a buffer: message i is `bytes[starts[i], ends[i])`, without a frame's prefix. */
export interface MessageList {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

/** A message that the store will never take. */
export interface Reject {
  /** Its place in the list. */
  readonly index: number;
  /** One of few words, for counting: `malformed`, `too_large`, … */
  readonly cause: string;
  /** What the store said. */
  readonly reason: string;
}

/** What a sink may ask and tell while it writes. */
export interface WriteContext {
  /** Aborts when the process will wait no longer. */
  readonly signal: AbortSignal;
  /** Counts something that the sink tries again by itself. With a reason, the sink counts as one that does not get on until a write succeeds. */
  readonly retried: (cause: string, reason?: string) => void;
}

/**
 * A store that messages are delivered to. `write` resolves once the store has acknowledged every message but those that it returns; it throws when nothing is known of any of them,
 * and is called again with the same messages then: what was stored all the same is a duplicate, to be told by the flow's uuid.
 */
export interface Sink {
  /** Writes that may run at once. With 1, messages arrive in order. */
  readonly maxInFlight: number;
  /** What it counts beside what becomes of each message, by name: `duplicates`, … */
  readonly counters?: Readonly<Record<string, number>>;
  /** Connects and checks. Throws SinkError; is tried again, like `write`. */
  open(): Promise<void>;
  write(messages: MessageList, context: WriteContext): Promise<readonly Reject[]>;
  /**
   * For a sink that gathers before it stores: resolves once what the writes until now brought is stored, and never when the sink is closed before. Messages count as delivered only then; what was not is
   * written again after a restart.
   */
  settled?(): Promise<void>;
  /** Ends what `open` began. Never throws. */
  close(): Promise<void>;
}

/** Why a write failed that may be tried again. */
export class SinkError<F extends string = string> extends Error {
  override readonly name = 'SinkError';
  /** One of few words, for counting. */
  readonly failure: F;

  constructor(failure: F, message: string, cause?: unknown) {
    super(message, { cause });
    this.failure = failure;
  }
}
