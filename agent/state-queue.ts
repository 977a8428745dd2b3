import type { ClusterChange } from '../cluster/index.ts';

/** Pods whose changes are taken at once: some twenty milliseconds of work. */
const SLICE = 2000;

/**
 * Hands changes of clusters' state on, in their order, and lets others in between: what hundreds of thousands of pods mean for policies and maps takes seconds, in which
 * calls are to be answered and flows to be taken. Few changes are handed on at once. Of many, policies and whatever else is no pod come first and together, so that no pod
 * is served by half of a change.
 */
export class StateQueue {
  private readonly take: (cluster: string, changes: readonly ClusterChange[]) => void;
  private readonly fail: (error: unknown) => void;
  private readonly waiting: { readonly cluster: string; readonly changes: readonly ClusterChange[] }[] = [];
  private whenIdle: (() => void)[] = [];
  private isClosed = false;

  /** @param fail told what `take` threw where nobody waits for it */
  constructor(
    take: (cluster: string, changes: readonly ClusterChange[]) => void,
    fail: (error: unknown) => void,
  ) {
    this.take = take;
    this.fail = fail;
  }

  push(cluster: string, changes: readonly ClusterChange[]): void {
    if (this.isClosed) return;
    const isBusy = this.waiting.length > 0;
    if (!isBusy && changes.length <= SLICE) {
      this.take(cluster, changes);
      return;
    }
    for (const slice of slicesOf(changes)) this.waiting.push({ cluster, changes: slice });
    if (!isBusy) setImmediate(() => this.next());
  }

  /** Resolves once all that was pushed so far has been handed on. */
  idle(): Promise<void> {
    if (this.waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.whenIdle.push(resolve));
  }

  /** Drops what has not been handed on. */
  close(): void {
    this.isClosed = true;
    this.waiting.length = 0;
    this.tellIdle();
  }

  private next(): void {
    const [slice] = this.waiting;
    if (slice === undefined) return;
    try {
      this.take(slice.cluster, slice.changes);
    } catch (error) {
      this.fail(error);
    }
    // Only now: whoever pushes meanwhile has to queue behind it.
    this.waiting.shift();
    if (this.waiting.length > 0) setImmediate(() => this.next());
    else this.tellIdle();
  }

  private tellIdle(): void {
    const told = this.whenIdle;
    this.whenIdle = [];
    for (const tell of told) tell();
  }
}

function slicesOf(changes: readonly ClusterChange[]): (readonly ClusterChange[])[] {
  if (changes.length <= SLICE) return [changes];
  const isPod = ({ kind }: ClusterChange): boolean =>
    kind === 'endpoint-upsert' || kind === 'endpoint-delete';
  const pods = changes.filter(isPod);
  const others = changes.filter((change) => !isPod(change));
  const slices: (readonly ClusterChange[])[] = others.length > 0 ? [others] : [];
  for (let from = 0; from < pods.length; from += SLICE) slices.push(pods.slice(from, from + SLICE));
  return slices;
}
