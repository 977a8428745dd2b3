/** Expressions that are remembered: beyond that the one that failed longest ago is forgotten, and told anew if it fails again. */
const MAX_EXPRESSIONS = 64;
/** Lines of log in a minute, whatever clients ask for. */
const MAX_LINES = 10;
const MINUTE_MS = 60_000;
/** Problems listed at once. */
const MAX_PROBLEMS = 8;
const MAX_TEXT = 200;

interface Failure {
  readonly message: string;
  lastMs: number;
}

/**
 * CEL expressions in clients' filters that fail on flows, such as `_flow.source.labels[0]` on a flow without labels. Such flows do not match, which whoever wrote the expression may
 * not know: each failure is counted, the first of an expression is logged, and one of the last minute is a problem in status.
 */
export class FilterFailures {
  /** Flows on which an expression failed. */
  count = 0;
  private readonly log: (message: string, where: string) => void;
  private readonly now: () => number;
  private readonly known = new Map<string, Failure>();
  private lines = 0;
  private minuteStartMs = 0;

  /** @param now milliseconds of any clock that does not go back */
  constructor(log: (message: string, where: string) => void, now: () => number = () => performance.now()) {
    this.log = log;
    this.now = now;
  }

  /** Takes note of a flow on which `expression` failed. */
  readonly add = (expression: string, message: string): void => {
    this.count++;
    const nowMs = this.now();
    const known = this.known.get(expression);
    this.known.delete(expression); // so that the map is in the order of the last failures
    this.known.set(expression, { message: known?.message ?? message, lastMs: nowMs });
    if (known !== undefined) return;
    if (this.known.size > MAX_EXPRESSIONS) this.known.delete(this.known.keys().next().value!);
    if (nowMs - this.minuteStartMs >= MINUTE_MS || this.minuteStartMs === 0) {
      this.minuteStartMs = nowMs;
      this.lines = 0;
    }
    if (this.lines++ < MAX_LINES) this.log(explain(message), whereOf(expression));
  };

  /** What failed within the last minute, latest first. */
  problems(): { where: string; message: string }[] {
    const sinceMs = this.now() - MINUTE_MS;
    return [...this.known]
      .filter(([, { lastMs }]) => lastMs > sinceMs)
      .reverse()
      .slice(0, MAX_PROBLEMS)
      .map(([expression, { message }]) => ({ where: whereOf(expression), message: explain(message) }));
  }
}

function whereOf(expression: string): string {
  return `filter ${expression.length > MAX_TEXT ? `${expression.slice(0, MAX_TEXT)}…` : expression}`;
}

function explain(message: string): string {
  return `the expression fails on flows, which then do not match: ${message.slice(0, MAX_TEXT)}`;
}
