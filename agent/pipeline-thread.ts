import { Worker } from 'node:worker_threads';
import type { FlowRing } from '../history/index.ts';
import type { EnrichmentChange } from './enrich/enrichment.ts';
import {
  type FromPipeline,
  NO_COUNTS,
  type PipelineCounters,
  type PipelineOptions,
  type ToPipeline,
} from './pipeline-messages.ts';

/** The worker as the main thread sees it. */
export interface PipelineThread {
  readonly counters: PipelineCounters;
  enrich(changes: readonly EnrichmentChange[]): void;
  setNodeLabels(labels: readonly string[]): void;
  /** Drains once more, stores everything and ends the thread. The rings may be unmapped afterwards, not before. */
  stop(): Promise<void>;
}

/** What the main thread does with what comes. */
export interface PipelineListeners {
  readonly onNamespaces: (namespaces: readonly { cluster: string; namespace: string }[]) => void;
  /** The thread died: there are no flows any more, and its rings may be half read. */
  readonly onFailure: (error: Error) => void;
}

/**
 * Starts the thread; its batches go into `ring`. A thread that dies is not started again here: what it had read of its rings and not sent is gone without a count, and a
 * fault that comes back would hide behind the restarts. The agent ends, its supervisor starts a new one, and that tells what was lost meanwhile.
 */
export function startPipeline(
  options: PipelineOptions,
  ring: FlowRing,
  listeners: PipelineListeners,
): PipelineThread {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: options, name: 'rings' });
  let counters = NO_COUNTS;
  let stopped = false;
  const post = (message: ToPipeline, transfer: ArrayBuffer[] = []): void =>
    worker.postMessage(message, transfer);
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      if (!stopped) listeners.onFailure(new Error('the ring thread ended unasked'));
      resolve();
    });
  });
  worker.on('error', (error) => {
    stopped = true;
    listeners.onFailure(error as Error);
  });
  worker.on('message', (message: FromPipeline) => {
    switch (message.kind) {
      case 'batch':
        ring.append({
          bytes: new Uint8Array(message.buffer, 0, message.bytes),
          count: message.count,
          offsets: message.offsets,
          timesUs: message.timesUs,
        });
        if (!stopped) post({ kind: 'stored', buffer: message.buffer }, [message.buffer]);
        return;
      case 'counters':
        counters = message.counters;
        listeners.onNamespaces(message.namespaces);
        return;
      case 'stopped':
        counters = message.counters;
    }
  });
  return {
    get counters() {
      return counters;
    },
    enrich: (changes) => {
      if (changes.length > 0) post({ kind: 'enrich', changes });
    },
    setNodeLabels: (labels) => post({ kind: 'node-labels', labels }),
    stop: async () => {
      stopped = true;
      post({ kind: 'stop' });
      await exited;
    },
  };
}
