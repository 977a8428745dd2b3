const WINDOW_MS = 10_000;

/** Joins equal errors of many peers into one notice: told when the window ends, another error comes, or the stream ends. */
export class ErrorCoalescer {
  private readonly tell: (message: string, nodeNames: readonly string[]) => void;
  private message = '';
  private nodeNames: string[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(tell: (message: string, nodeNames: readonly string[]) => void) {
    this.tell = tell;
  }

  add(message: string, nodeNames: readonly string[]): void {
    if (this.nodeNames.length > 0 && this.message !== message) this.flush();
    this.message = message;
    this.nodeNames.push(...nodeNames);
    this.timer ??= setTimeout(() => this.flush(), WINDOW_MS);
  }

  /** Tells what is waiting now. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.nodeNames.length === 0) return;
    const nodeNames = this.nodeNames;
    this.nodeNames = [];
    this.tell(this.message, nodeNames);
  }
}
