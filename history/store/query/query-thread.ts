/** The thread that answers queries of a store, so that a scan of a day does not hold up the flows that come. Several take turns; each stops when its chunks are not taken. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { FIRST_CREDITS, type FromQueries, type QueryResult, type ToQueries } from './query-messages.ts';
import { runTask } from './run-task.ts';
import type { ScanStep } from './scan.ts';
import { type StoreDamage, StoreReader } from './store-reader.ts';

/** How long a query works before the next has its turn. */
const SLICE_MS = 10;
/** Queries that take turns; more wait until one of them has its chunks on their way. */
const MAX_RUNNING = 8;

interface RunningQuery {
  readonly id: number;
  readonly steps: Generator<ScanStep | undefined, QueryResult>;
  readonly damage: StoreDamage[];
  credits: number;
}

const port = parentPort!;
const store = new StoreReader((workerData as { directory: string }).directory);
const queries = new Map<number, RunningQuery>();
let isWorking = false;

const post = (message: FromQueries, transfer: ArrayBuffer[] = []): void =>
  port.postMessage(message, transfer);

/** Works on a query until it has something to send, its time is up, or it has come to its end. */
function work(query: RunningQuery): void {
  const endMs = performance.now() + SLICE_MS;
  const { id, steps, damage } = query;
  try {
    while (query.credits > 0 && performance.now() < endMs) {
      const { done, value } = steps.next();
      if (done === true) {
        const damagedIndexes = [...store.damagedIndexes];
        store.damagedIndexes.clear();
        post({ kind: 'done', id, result: value, damage: damage.splice(0), damagedIndexes });
        queries.delete(id);
        return;
      }
      const frames = value?.frames ?? null;
      if (frames === null) continue;
      query.credits--;
      const flows = value!.flows;
      post({ kind: 'chunk', id, frames, flows, damage: damage.splice(0) }, [frames.buffer as ArrayBuffer]);
    }
  } catch (error) {
    queries.delete(id);
    post({ kind: 'error', id, message: (error as Error).message });
  }
}

async function workAll(): Promise<void> {
  if (isWorking) return;
  isWorking = true;
  for (;;) {
    const ready = [...queries.values()].filter(({ credits }) => credits > 0).slice(0, MAX_RUNNING);
    if (ready.length === 0) break;
    for (const query of ready) {
      // It may have been cancelled while another had its turn.
      if (queries.has(query.id)) work(query);
      await nextTurn();
    }
  }
  isWorking = false;
}

port.on('message', (message: ToQueries) => {
  const { id } = message;
  switch (message.kind) {
    case 'start': {
      const damage: StoreDamage[] = [];
      const steps = runTask(store, message.task, (found) => damage.push(found));
      queries.set(id, { id, steps, damage, credits: FIRST_CREDITS });
      break;
    }
    case 'more': {
      const query = queries.get(id);
      if (query !== undefined) query.credits++;
      break;
    }
    case 'cancel':
      // Files that it holds open are closed.
      queries.get(id)?.steps.return({ kind: 'flows' });
      queries.delete(id);
  }
  void workAll();
});
