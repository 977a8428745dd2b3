/**
 * The agent's second thread: it drains the perf rings whatever the main thread does. Woken by the rings' watermark and by a timer, which slows down
 * from 5 to 50 ms while nothing comes.
 */
import { randomBytes } from 'node:crypto';
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { FlowEncoder } from '../proto/flow/encode-flow.ts';
import { Enrichment } from './enrich/enrichment.ts';
import { realtimeOffsetNs } from './kernel/clock.ts';
import { c, pollReadable, viewMemory } from './kernel/ffi.ts';
import { Pipeline } from './pipeline.ts';
import type { FromPipeline, PipelineOptions, ToPipeline } from './pipeline-messages.ts';
import { CONTROL_PAGE_BYTES, RingReader } from './ring/ring-reader.ts';

const BUSY_INTERVAL_MS = 5;
const IDLE_INTERVAL_MS = 50;
const REPORT_INTERVAL_MS = 500;
const THREAD_NICE = -10;
const EPOLL_EVENT_BYTES = 16;
const MAX_EPOLL_EVENTS = 64;

if (parentPort === null) throw new Error('agent/worker.ts runs as a worker thread only');
const port = parentPort;
const options = workerData as PipelineOptions;

const enrichment = new Enrichment();
const seed = new Uint32Array(4);
randomBytes(16).copy(Buffer.from(seed.buffer));
const encoder = new FlowEncoder({ ...options, seed });
const readers = options.rings.map(
  ({ pointer, dataBytes }) => new RingReader(viewMemory(pointer, CONTROL_PAGE_BYTES + dataBytes), dataBytes),
);
const post = (message: FromPipeline, transfer: ArrayBuffer[] = []): void =>
  port.postMessage(message, transfer);
const pipeline = new Pipeline(
  readers,
  enrichment,
  encoder,
  {
    monotonicNs: () => Number(process.hrtime.bigint()),
    realtimeOffsetNs,
    send: (batch) =>
      post({ kind: 'batch', ...batch }, [
        batch.buffer,
        batch.offsets.buffer as ArrayBuffer,
        batch.timesUs.buffer as ArrayBuffer,
      ]),
  },
  options.maxQueuedBytes,
);

try {
  // Of this thread alone (Linux takes 0 for the thread that calls). It needs little, but what it waits for a CPU on a busy node, its rings have to hold.
  setPriority(0, THREAD_NICE);
} catch {
  // Without CAP_SYS_NICE: the rings are as large as they are.
}

let intervalMs = BUSY_INTERVAL_MS;
let timer: NodeJS.Timeout | undefined;
let soon: NodeJS.Immediate | undefined;
const epollEvents = new Uint8Array(EPOLL_EVENT_BYTES * MAX_EPOLL_EVENTS);

function drain(): void {
  clearTimeout(timer);
  clearImmediate(soon);
  const { samples, settled, empty } = pipeline.drain();
  if (!settled) {
    soon = setImmediate(drain);
    return;
  }
  intervalMs = samples > 0 || !empty ? BUSY_INTERVAL_MS : Math.min(intervalMs * 2, IDLE_INTERVAL_MS);
  timer = setTimeout(drain, intervalMs);
}

/** Readiness of a perf ring is used up by being polled, so it has to be fetched before every drain. */
function onWatermark(): void {
  c.epollWait(options.epollFd, epollEvents, MAX_EPOLL_EVENTS, 0);
  drain();
}

// Held by this object for as long as the thread lives: a handle that is collected stops calling back without a word.
const running = {
  poll: pollReadable(options.epollFd, onWatermark),
  report: setInterval(report, REPORT_INTERVAL_MS),
};
timer = setTimeout(drain, intervalMs);

function report(): void {
  pipeline.readClock();
  post({ kind: 'counters', counters: pipeline.counters, namespaces: enrichment.takeSeenNamespaces() });
}

port.on('message', (message: ToPipeline) => {
  switch (message.kind) {
    case 'enrich':
      enrichment.apply(message.changes);
      return;
    case 'node-labels':
      encoder.setNodeLabels(message.labels);
      return;
    case 'stored':
      pipeline.stored(message.buffer);
      return;
    case 'stop':
      running.poll.close();
      clearInterval(running.report);
      clearTimeout(timer);
      clearImmediate(soon);
      pipeline.finish();
      // Nothing reads the rings from here on: the main thread may unmap them.
      post({ kind: 'stopped', counters: pipeline.counters });
      port.close();
  }
});
