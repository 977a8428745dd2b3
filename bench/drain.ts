import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { DatapathCounters } from '../agent/datapath-counters.ts';
import { removePins } from '../agent/index.ts';
import { preparePinDir } from '../agent/kernel/bpffs.ts';
import { bpf } from '../agent/kernel/ffi.ts';
import { openPerfRings } from '../agent/kernel/perf-rings.ts';
import { LossWatch } from '../agent/loss-watch.ts';
import { startPipeline } from '../agent/pipeline-thread.ts';
import { FlowRing, LossLedger } from '../history/index.ts';
import { LossCauseSchema } from '../proto/gen/sluice/v1/diagnostics_pb.ts';
import { type BenchRow, cpuSeconds } from './report.ts';
import { constant, DatapathNode } from './support/datapath-node.ts';
import { typicalNames } from './support/event-ring.ts';

/**
 * 100,000 events a second, from a real program into real rings, while the agent's main thread is blocked for a second in the middle. The events come from a process
 * of its own. Compared with the same stall when the main thread itself reads the rings, as an agent without a second thread would.
 */

const EVENTS_PER_SECOND = 100_000;
const STALL_MS = 1000;
const READ_INTERVAL_MS = 5;
const RING_BYTES = 4 * 1024 * 1024;
const MAX_QUEUED_BYTES = 256 * 1024 * 1024;

interface Outcome {
  readonly emitted: number;
  readonly delivered: number;
  readonly losses: ReadonlyMap<string, number>;
  readonly cpuPercent: number;
}

function blockThread(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Lets an emitter run on each CPU for so long and blocks this thread in the middle. */
async function runEmitters(pin: string, seconds: number): Promise<void> {
  const emitter = `${import.meta.dirname}/support/emitter.ts`;
  const cpus = availableParallelism();
  const rate = String(EVENTS_PER_SECOND / cpus);
  const children = Array.from({ length: cpus }, (_, cpu) =>
    spawn('taskset', ['-c', String(cpu), process.execPath, emitter, pin, rate, String(seconds)], {
      stdio: 'inherit',
    }),
  );
  const exited = Promise.all(children.map((child) => once(child, 'exit')));
  await sleep((seconds * 1000) / 2);
  blockThread(STALL_MS);
  await exited;
  const failed = children.find(({ exitCode }) => exitCode !== 0);
  if (failed !== undefined) throw new Error(`an emitter ended with status ${failed.exitCode}`);
}

/** Loads the programs without rings, with one event per packet, and pins the one that the emitter runs. */
function withDatapath<T>(work: (datapath: DatapathNode, pin: string) => Promise<T>): Promise<T> {
  const pinDir = `/sys/fs/bpf/sluice/bench-drain-${process.pid}`;
  const datapath = new DatapathNode({ ringBytesPerCpu: 0 });
  preparePinDir(pinDir);
  const pin = `${pinDir}/emitter`;
  datapath.configure({ aggregation: constant('AGGREGATE_LOW') });
  if ((bpf.objectPin(datapath.object.programFd('to_container'), pin) as number) < 0) {
    throw new Error(`cannot pin the emitter's program at ${pin}`);
  }
  return work(datapath, pin).finally(() => {
    removePins(pinDir);
    datapath.close();
  });
}

/** The agent's way: a thread of its own reads the rings, the main thread stores batches. */
async function drainInThread(datapath: DatapathNode, pin: string, seconds: number): Promise<Outcome> {
  const { object } = datapath;
  const history = new FlowRing({ capacity: 65_535, maxBytes: 64 * 1024 * 1024 });
  const ledger = new LossLedger();
  const counters = new DatapathCounters(object.map('event_counters'), object.map('counters_told'));
  const losses = new LossWatch(counters, history, ledger, 'bench');
  const rings = openPerfRings(object.map('events'), RING_BYTES, RING_BYTES / 16);
  const pipeline = startPipeline(
    {
      rings: rings.rings,
      epollFd: rings.epollFd,
      nodeName: 'bench',
      nodeLabels: [],
      emitter: { name: 'Sluice', version: '0.1.0' },
      maxQueuedBytes: MAX_QUEUED_BYTES,
    },
    history,
    {
      onNamespaces: () => {},
      onFailure: (error) => {
        throw error;
      },
    },
  );
  pipeline.enrich(typicalNames());
  const cpuBefore = cpuSeconds();
  await runEmitters(pin, seconds);
  const cpuPercent = ((cpuSeconds() - cpuBefore) / seconds) * 100;
  await pipeline.stop();
  losses.tell(pipeline.counters);
  rings.close();
  const counted = new Map<string, number>();
  for (const { cause, events } of ledger.snapshot()) {
    const { name } = LossCauseSchema.value[cause];
    counted.set(name, (counted.get(name) ?? 0) + Number(events));
  }
  return { emitted: losses.emitted, delivered: history.seenFlows, losses: counted, cpuPercent };
}

/** The other way: a timer of the main thread reads the rings, and does nothing else with what it reads. */
async function drainOnMain(datapath: DatapathNode, pin: string, seconds: number): Promise<Outcome> {
  datapath.openRings(RING_BYTES);
  let delivered = 0;
  const timer = setInterval(() => (delivered += datapath.discard()), READ_INTERVAL_MS);
  const cpuBefore = cpuSeconds();
  await runEmitters(pin, seconds);
  const cpuPercent = ((cpuSeconds() - cpuBefore) / seconds) * 100;
  clearInterval(timer);
  delivered += datapath.discard();
  const emitted = datapath.counter('COUNTER_EVENTS_EMITTED');
  const full = datapath.counter('COUNTER_EVENTS_RING_FULL');
  return { emitted, delivered, losses: new Map([['PERF_RING_FULL', full]]), cpuPercent };
}

export async function run(report: (row: BenchRow) => void): Promise<void> {
  if (availableParallelism() < 2)
    throw new Error('drain needs two CPUs: one for the reader while the other emits');
  const onMain = await withDatapath((datapath, pin) => drainOnMain(datapath, pin, 4));
  const inThread = await withDatapath((datapath, pin) => drainInThread(datapath, pin, 10));
  for (const [name, outcome] of [
    ['read by the main thread, 4 s', onMain],
    ['read by a thread of its own, 10 s', inThread],
  ] as const) {
    const row = (metric: string, value: number, unit: string): void =>
      report({ bench: 'drain', case: name, metric, value, unit, baseline: null, ratio: null });
    const lost = [...outcome.losses.values()].reduce((sum, events) => sum + events, 0);
    row('emitted', outcome.emitted, 'events');
    row('delivered', outcome.delivered, 'events');
    row('lost', lost, 'events');
    for (const [cause, events] of outcome.losses) row(`lost: ${cause}`, events, 'events');
    row('unaccounted', outcome.emitted - outcome.delivered - lost, 'events');
    row('CPU of both threads', outcome.cpuPercent, '% of a core');
  }
}
