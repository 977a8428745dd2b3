/** The exporter's spool: appending and replaying flows, beside plain writes and reads of the same bytes. CPU time of one process; flows as a relay sends them. */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync, writevSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { frameMessage } from '../proto/flow/frame.ts';
import { Spool } from '../exporter/spool/spool.ts';
import { type Bench, cpuSeconds, median } from './report.ts';
import { mixedFlows } from './support/mixed-flows.ts';

const FLOWS = 400_000;
const CHUNK_FLOWS = 100;
const RECORD_CHUNKS = 4;
const ROUNDS = 3;
const never = new AbortController().signal;

/** CPU and wall seconds of some work. */
async function measure(work: () => Promise<void>): Promise<{ cpu: number; wall: number }> {
  const cpu = cpuSeconds();
  const wall = performance.now();
  await work();
  return { cpu: cpuSeconds() - cpu, wall: (performance.now() - wall) / 1000 };
}

/** Chunks as the network gives them. */
function chunks(): Buffer[] {
  const frames = mixedFlows(20_000).map(frameMessage);
  return Array.from({ length: frames.length / CHUNK_FLOWS }, (_, i) =>
    Buffer.concat(frames.slice(i * CHUNK_FLOWS, (i + 1) * CHUNK_FLOWS)),
  );
}

async function append(spool: Spool, pool: readonly Buffer[]): Promise<void> {
  const count = CHUNK_FLOWS * RECORD_CHUNKS;
  for (let i = 0; i < FLOWS / count; i++) {
    const at = (i * RECORD_CHUNKS) % pool.length;
    const pieces = pool.slice(at, at + RECORD_CHUNKS);
    await spool.append({ pieces, count, minTimeUs: i, maxTimeUs: i }, never);
  }
}

async function replay(spool: Spool): Promise<void> {
  const reader = spool.reader('bench');
  let count = 0;
  while (count < FLOWS) {
    const record = await reader.next(never);
    reader.ack(record!, {});
    count += record!.frames.count;
  }
}

function plainWrite(path: string, pool: readonly Buffer[]): void {
  const file = openSync(path, 'w');
  for (let i = 0; i < FLOWS / CHUNK_FLOWS / RECORD_CHUNKS; i++) {
    const at = (i * RECORD_CHUNKS) % pool.length;
    writevSync(file, pool.slice(at, at + RECORD_CHUNKS));
  }
  closeSync(file);
}

function plainRead(path: string): void {
  const file = openSync(path, 'r');
  const { size } = statSync(path);
  for (let pos = 0; pos < size;)
    pos += readSync(file, Buffer.allocUnsafeSlow(512 * 1024), 0, 512 * 1024, pos);
  closeSync(file);
}

interface Round {
  readonly append: { cpu: number; wall: number };
  readonly replay: { cpu: number; wall: number };
  readonly plainAppend: { cpu: number; wall: number };
  readonly plainReplay: { cpu: number; wall: number };
}

async function round(pool: readonly Buffer[]): Promise<Round> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-spool-'));
  const spool = await Spool.open({
    directory,
    maxBytes: 4 * 1024 ** 3,
    whenFull: 'stop',
    syncMs: 1000,
    retainUs: 0,
    log: () => {},
  });
  try {
    spool.reader('bench');
    const appended = await measure(() => append(spool, pool));
    const replayed = await measure(() => replay(spool));
    const plain = join(directory, 'plain');
    const plainAppend = await measure(async () => plainWrite(plain, pool));
    const plainReplay = await measure(async () => plainRead(plain));
    return { append: appended, replay: replayed, plainAppend, plainReplay };
  } finally {
    await spool.close();
    rmSync(directory, { recursive: true });
  }
}

export const run: Bench = async (report) => {
  const pool = chunks();
  const bytes = pool.reduce((sum, { length }) => sum + length, 0) / (pool.length * CHUNK_FLOWS);
  await round(pool); // warm
  const rounds: Round[] = [];
  for (let i = 0; i < ROUNDS; i++) rounds.push(await round(pool));
  const rate = (name: keyof Round, clock: 'cpu' | 'wall'): number =>
    FLOWS / median(rounds.map((result) => result[name][clock]));
  for (const [name, plain, text] of [
    ['append', 'plainAppend', 'plain writev'],
    ['replay', 'plainReplay', 'plain read'],
  ] as const) {
    const value = rate(name, 'cpu');
    const ratio = value / rate(plain, 'cpu');
    const figure = { bench: 'spool', case: `${name}, flows of ${Math.round(bytes)} B` };
    report({ ...figure, metric: 'rate on one core', value, unit: 'flows/CPU s', baseline: text, ratio });
    report({
      ...figure,
      metric: 'rate by the clock',
      value: rate(name, 'wall'),
      unit: 'flows/s',
      baseline: null,
      ratio: null,
    });
  }
};
