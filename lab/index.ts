import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeLab } from './clean.ts';
import type { LabOptions, ProcessIo } from './config.ts';
import { Lab } from './lab.ts';
import { labPaths } from './paths.ts';
import { takeLock } from './process/lock.ts';
import { type LabReport, makeReport, readDiagnostics } from './report/lab-report.ts';
import { legend } from './screen/legend.ts';
import { showLiveFlows } from './screen/live-flows.ts';
import { planLab } from './topology/plan.ts';

export { DEFAULT_LAB_OPTIONS, type LabOptions, type ProcessIo } from './config.ts';
export type { LabReport } from './report/lab-report.ts';

/** Within this time every node has to show flows. */
const LIVE_TIMEOUT_MS = 60_000;
const PARENT_POLL_MS = 500;

/**
 * Runs a lab: removes what an earlier one of the name left, builds and starts everything, prints what runs and its live flows, until the time is over or
 * `io.signal` aborts; then removes all of it. Returns the exit status: 0 for a clean end, 1 when it could not start or some node showed no flow.
 */
export async function runLab(options: LabOptions, io: ProcessIo): Promise<number> {
  const log = (line: string): void => io.log(`lab: ${line}`);
  if (process.getuid?.() !== 0) {
    log('error: the lab makes network namespaces and loads BPF programs: run it as root');
    return 1;
  }
  const end = new AbortController();
  const signal = AbortSignal.any([io.signal, end.signal]);
  const onHangUp = (): void => end.abort();
  // The terminal is gone, or whoever read the output: nobody is left to run for.
  process.on('SIGHUP', onHangUp);
  process.stdout.on('error', onHangUp);
  const parentWatch = watchNpm(onHangUp);
  try {
    return await runLocked(options, signal, log);
  } catch (error) {
    if (signal.aborted) return 0;
    log(`error: ${(error as Error).message}`);
    return 1;
  } finally {
    clearInterval(parentWatch);
    process.off('SIGHUP', onHangUp);
    process.stdout.off('error', onHangUp);
  }
}

/** Under `npm start` a kill of npm is meant for the lab, which would otherwise live on unseen. */
function watchNpm(onGone: () => void): NodeJS.Timeout | undefined {
  if (process.env['npm_lifecycle_event'] === undefined) return undefined;
  const parent = process.ppid;
  return setInterval(() => {
    if (process.ppid !== parent) onGone();
  }, PARENT_POLL_MS);
}

async function runLocked(
  options: LabOptions,
  signal: AbortSignal,
  log: (line: string) => void,
): Promise<number> {
  const lock = await takeLock(options.name);
  try {
    const paths = labPaths(options.name);
    const plan = planLab(paths.prefix);
    const removed = await removeLab(plan, paths);
    if (options.clean || removed.processes + removed.namespaces + removed.pins > 0) {
      const { processes, namespaces, pins } = removed;
      log(
        `removed what an earlier lab left: ${processes} processes, ${namespaces} namespaces, ${pins} pin directories`,
      );
    }
    if (options.clean) return 0;
    rmSync(options.logDir, { recursive: true, force: true });
    const lab = new Lab(plan, paths, options, log);
    let result: LiveResult;
    try {
      result = await runLive(lab, options, signal, log);
    } finally {
      lock.announceEnd();
      log('removing everything');
      await lab.close();
    }
    // After everything else that is told, so that it is the last line wherever both outputs go.
    if (result.report !== undefined) process.stdout.write(`${JSON.stringify(result.report)}\n`);
    return result.status;
  } finally {
    lock.release();
  }
}

interface LiveResult {
  readonly status: number;
  readonly report?: LabReport;
}

async function runLive(
  lab: Lab,
  options: LabOptions,
  signal: AbortSignal,
  log: (line: string) => void,
): Promise<LiveResult> {
  const beganMs = performance.now();
  if (options.port !== 0) {
    log(`the service map is at http://127.0.0.1:${options.port}/ in a moment; live flows follow here`);
  }
  await lab.start(signal);
  if (!(await waitForFlows(lab, signal))) {
    const silent = lab.silentNodes.join(', ');
    log(`error: no flow within ${LIVE_TIMEOUT_MS / 1000} s from ${silent}; see ${options.logDir}`);
    return { status: 1 };
  }
  const liveMs = performance.now();
  log(`flows of all nodes are live, ${((liveMs - beganMs) / 1000).toFixed(1)} s after the start`);
  process.stdout.write(`\n${legend(lab.plan, lab.paths, options)}\n`);
  process.stdout.write(await orEnded(lab.storesReady(), signal));
  const ending =
    options.durationMs === undefined
      ? 'Ctrl-C ends the lab'
      : `The lab ends after ${options.durationMs / 1000} s`;
  process.stdout.write(
    `${ending} and removes all of it. Live flows${options.showFlows ? '' : ' are not shown'}:\n`,
  );
  lab.tally.reset();
  const over = new AbortController();
  const shown = options.showFlows
    ? showLiveFlows(lab.paths.topSocket, lab.paths.processTable, AbortSignal.any([signal, over.signal]))
    : Promise.resolve();
  await sleep(options.durationMs ?? 2 ** 31 - 1, undefined, { signal }).catch(() => {});
  const seconds = (performance.now() - liveMs) / 1000;
  over.abort();
  await shown;
  if (!options.report) return { status: 0 };
  const diagnostics = await readDiagnostics({ kind: 'unix', path: lab.paths.topSocket });
  const report = makeReport({ tally: lab.tally, diagnostics, seconds, restarts: lab.restarts });
  return { status: 0, report };
}

/** What a promise gives; rejects when the signal aborts before. */
function orEnded<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (): void => reject(new Error('the lab was ended'));
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end));
  });
}

/** Waits until flows of every node have come; false when some have not in time. */
async function waitForFlows(lab: Lab, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + LIVE_TIMEOUT_MS;
  while (lab.silentNodes.length > 0) {
    if (performance.now() > deadline) return false;
    await sleep(100, undefined, { signal });
  }
  return true;
}
