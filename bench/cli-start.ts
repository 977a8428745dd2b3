/** How long a person waits for the command line: from its start to the first byte of help, and to the first flow of a server, in wall and CPU time of the process. */
import { create, toBinary } from '@bufbuild/protobuf';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { frameMessage } from '../proto/flow/frame.ts';
import { GetFlowsResponseSchema } from '../proto/gen/observer/observer_pb.ts';
import { createRpcServer, parseAddress, type RawCall } from '../rpc/index.ts';
import { bundleCli } from '../scripts/bundle-cli.ts';
import { type Bench, median } from './report.ts';

const SLUICE = join(import.meta.dirname, '../sluice');
const SOURCES = [process.execPath, join(import.meta.dirname, '../cli/main.ts')];
const RUNS = 9;
/** Unit of the times in /proc/PID/stat (man 5 proc): 100 Hz on every Linux that Node runs on. */
const TICK_MS = 10;

interface Start {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** Fields 14 to 17 of /proc/PID/stat, counted behind the name, which may hold blanks: the time of the process and of its children that ended. */
function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * TICK_MS;
}

/** Starts a command and waits for its first byte on stdout. */
async function startOnce([file, ...args]: readonly string[], cache: string): Promise<Start> {
  const start = performance.now();
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const first = await new Promise<Start | null>((resolve) => {
    child.stdout.once('data', () =>
      resolve({ wallMs: performance.now() - start, cpuMs: cpuMsOf(child.pid!) }),
    );
    child.stdout.once('end', () => resolve(null));
  });
  await ended;
  if (first === null) throw new Error(`${file} ${args.join(' ')} printed nothing`);
  return first;
}

async function starts(command: readonly string[], cache: string): Promise<Start[]> {
  await startOnce(command, cache); // fills the cache of compiled code, which ./sluice has too
  const results: Start[] = [];
  for (let run = 0; run < RUNS; run++) results.push(await startOnce(command, cache));
  return results;
}

export const run: Bench = async (report) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const address = `unix://${directory}/server.sock`;
  const flow = toBinary(
    GetFlowsResponseSchema,
    create(GetFlowsResponseSchema, { responseTypes: { case: 'flow', value: { Summary: 'first' } } }),
  );
  const getFlows = async (call: RawCall): Promise<void> => {
    call.write(frameMessage(flow));
    call.flush();
  };
  const server = await createRpcServer({
    listen: [parseAddress(address)],
    rawStreams: new Map([['/observer.Observer/GetFlows', getFlows]]),
    routes: () => {},
  });
  try {
    const observe = ['observe', '--server', address];
    const cases: readonly (readonly [string, readonly string[], number])[] = [
      ['./sluice help, first byte', [SLUICE, 'help'], 150],
      ['./sluice observe, first flow', [SLUICE, ...observe], 250],
      ['its sources, first flow', [...SOURCES, ...observe], 250],
    ];
    await bundleCli();
    for (const [name, command, goalMs] of cases) {
      const results = await starts(command, join(directory, 'cache'));
      const row = { bench: 'cli-start', case: name, unit: 'ms', baseline: `the goal of ${goalMs} ms` };
      const wall = results.map(({ wallMs }) => wallMs);
      const cpu = median(results.map(({ cpuMs }) => cpuMs));
      report({ ...row, metric: 'wall, median', value: median(wall), ratio: median(wall) / goalMs });
      report({ ...row, metric: 'wall, least', value: Math.min(...wall), ratio: Math.min(...wall) / goalMs });
      report({ ...row, metric: 'CPU, median', value: cpu, ratio: cpu / goalMs });
    }
  } finally {
    await server.close(0);
    rmSync(directory, { recursive: true });
  }
};
