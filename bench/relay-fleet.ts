/**
 * A relay over 1,000 and 5,000 peers: how long it takes to connect to all of them and what memory that costs, what a request for everybody's history costs, and what
 * becomes of it all when every peer restarts within a minute, twice. Peers are recorded flows behind real servers, a thousand or more to a process.
 */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetFlowsRequestSchema } from '../proto/gen/observer/observer_pb.ts';
import { parseAddress, RpcConnection } from '../rpc/index.ts';
import type { Bench } from './report.ts';
import { ask, processCpu, residentMiB, start } from './support/child-process.ts';
import { FleetWatcher } from './support/fleet-watcher.ts';

const GET_FLOWS = '/observer.Observer/GetFlows';
const AGENTS_PER_PROCESS = 2500;
const FLOWS_PER_SECOND = 2000;
const RESTART_MS = 60_000;
const SETTLE_MS = 5000;
const LAST_FLOWS = 20n;
const SAMPLE_MS = 100;

/** Runs something, and returns the most memory that a process had meanwhile. */
async function peakMiB(pid: number, work: () => Promise<unknown>): Promise<number> {
  let peak = residentMiB(pid);
  const timer = setInterval(() => (peak = Math.max(peak, residentMiB(pid))), SAMPLE_MS);
  await work();
  clearInterval(timer);
  return peak;
}

async function measure(
  peers: number,
  row: (metric: string, value: number, unit: string) => void,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-fleet-'));
  const processes = Math.ceil(peers / AGENTS_PER_PROCESS);
  const each = peers / processes;
  const fleet = await Promise.all(
    Array.from({ length: processes }, (_, i) =>
      start('fleet-agents.ts', [dir, String(i * each), String(each), String(FLOWS_PER_SECOND / processes)]),
    ),
  );
  writeFileSync(
    join(dir, 'peers.json'),
    JSON.stringify(Array.from({ length: peers }, (_, i) => `unix://${dir}/${i}.sock`)),
  );
  const startedMs = performance.now();
  const relay = await start('raw-relay.ts', [dir]);
  const pid = relay.pid!;
  const connection = new RpcConnection(parseAddress(`unix://${dir}/relay.sock`));
  const abort = new AbortController();
  const request = (
    init: MessageInitShape<typeof GetFlowsRequestSchema>,
    watcher: FleetWatcher,
  ): Promise<void> => {
    const bytes = toBinary(GetFlowsRequestSchema, create(GetFlowsRequestSchema, init));
    return connection.stream(GET_FLOWS, bytes, { signal: abort.signal }, watcher.take);
  };
  try {
    row('time to connect, start included', (performance.now() - startedMs) / 1000, 's');
    row('CPU to connect, start included', processCpu(pid), 's');
    row('resident, connected', residentMiB(pid), 'MiB');
    const live = new FleetWatcher();
    const following = request({ follow: true }, live);
    await sleep(SETTLE_MS);
    const before = { cpu: processCpu(pid), atMs: performance.now() };
    await sleep(SETTLE_MS);
    const cores = (processCpu(pid) - before.cpu) / ((performance.now() - before.atMs) / 1000);
    row(`CPU at ${FLOWS_PER_SECOND} flows/s`, cores, 'cores');
    row('resident, followed', residentMiB(pid), 'MiB');
    const stored = new FleetWatcher();
    const peak = await peakMiB(pid, () => request({ number: LAST_FLOWS }, stored));
    row(
      `last ${LAST_FLOWS} flows of each: delivered`,
      stored.flows / (peers * Number(LAST_FLOWS)),
      'of those stored',
    );
    row(`last ${LAST_FLOWS} flows of each: most resident`, peak, 'MiB');
    for (const time of ['first', 'second']) {
      live.reset();
      const cpu = processCpu(pid);
      await Promise.all(fleet.map((agents) => ask(agents, `restart ${RESTART_MS}`)));
      for (let waits = 0; live.back.size < peers && waits < 60; waits++) await sleep(1000);
      row(`${time} restart of all: told away`, live.away.size, 'nodes');
      row(`${time} restart of all: told back`, live.back.size, 'nodes');
      row(`${time} restart of all: CPU`, processCpu(pid) - cpu, 's');
      await sleep(SETTLE_MS);
      row(`${time} restart of all: resident after`, residentMiB(pid), 'MiB');
    }
    const sent = await Promise.all(fleet.map((agents) => ask<number>(agents, 'stop')));
    await sleep(SETTLE_MS);
    row('flows delivered', live.flows / sent.reduce((sum, flows) => sum + flows, 0), 'of those sent');
    abort.abort();
    await following.catch(() => {}); // cancelled by this side
  } finally {
    connection.close();
    relay.kill('SIGKILL');
    for (const agents of fleet) agents.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}

export const run: Bench = async (report) => {
  for (const peers of [1000, 5000]) {
    await measure(peers, (metric, value, unit) =>
      report({
        bench: 'relay-fleet',
        case: `${peers} peers`,
        metric,
        value,
        unit,
        baseline: null,
        ratio: null,
      }),
    );
  }
};
