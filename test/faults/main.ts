/**
 * `npm run faults:export -- [STORE ...] [--seconds N] [--rate FLOWS_PER_SECOND] [--kills N]`: flows at a steady rate through an exporter into real stores, each killed -9 so many times at random while they
 * flow. At the end a table: produced = held - duplicates, lost 0; exit status 1 where that does not hold.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { ExportReport } from '../../exporter/index.ts';
import { formatTable } from '../../proto/flow/text/table.ts';
import { startExport } from '../exporter/support/export-process.ts';
import { createElasticsearchStore } from './elasticsearch-store.ts';
import { FlowFeed } from './flow-feed.ts';
import { createKafkaStore } from './kafka-store.ts';
import type { FaultStore } from './store.ts';

/** Stores by name: a new one adds a line. */
const stores: Readonly<Record<string, () => Promise<FaultStore>>> = {
  kafka: createKafkaStore,
  elasticsearch: createElasticsearchStore,
};

const DOWN_MS = 1000;
/** A store that takes half of what comes needs as long again. */
const DRAIN_MS = 900_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '300' },
    rate: { type: 'string', default: '20000' },
    kills: { type: 'string', default: '10' },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(stores);
const unknown = names.find((name) => !Object.hasOwn(stores, name));
if (unknown !== undefined) {
  console.error(`error: unknown store "${unknown}": expected ${Object.keys(stores).join(', ')}`);
  process.exit(2);
}
const seconds = Number(values.seconds);
const kills = Number(values.kills);

/** Kills a store at random moments, each in a stretch of its own, so that it comes back in between. */
async function harass(store: FaultStore): Promise<void> {
  const stretchMs = (seconds * 1000) / kills;
  for (let i = 0; i < kills; i++) {
    const next = sleep(stretchMs);
    await sleep((stretchMs / 2) * Math.random());
    console.error(`${store.name}: kill ${i + 1} of ${kills}`);
    await store.kill();
    await sleep(DOWN_MS * Math.random());
    await store.resume();
    await next;
  }
}

async function reportOf(metrics: string): Promise<ExportReport> {
  return (await (await fetch(`http://${metrics}/status`)).json()) as ExportReport;
}

async function drained(metrics: string, flows: number): Promise<ExportReport> {
  const deadline = Date.now() + DRAIN_MS;
  for (;;) {
    const report = await reportOf(metrics);
    const isDone = report.source.counts.flows >= flows && report.sinks.every(({ waiting }) => waiting === 0);
    if (isDone || Date.now() > deadline) return report;
    await sleep(200);
  }
}

const directory = mkdtempSync(join(tmpdir(), 'sluice-faults-'));
const running: FaultStore[] = [];
let isGood = true;
try {
  for (const name of names) running.push(await stores[name]());
  const feed = await FlowFeed.start(join(directory, 'source.sock'), Number(values.rate));
  const configFile = join(directory, 'export.yaml');
  writeFileSync(
    configFile,
    `source: { address: "unix://${join(directory, 'source.sock')}", start: oldest }
spool: { directory: ${join(directory, 'spool')}, maxBytes: 8Gi }
metrics: { listen: "127.0.0.1:0" }
sinks:
${running.map(({ name, sink }) => `  - name: ${name}\n    ${sink}\n`).join('')}`,
  );
  const exporter = await startExport(configFile);
  feed.begin();
  await Promise.all(running.map(harass));
  const produced = feed.end();
  const report = await drained(exporter.metrics, produced);
  const rows: string[][] = [];
  for (const store of running) {
    const uuids = await store.uuids(produced);
    const distinct = new Set(uuids).size;
    const { counts, retries } = report.sinks.find(({ name }) => name === store.name)!;
    const tries = Object.values(retries).reduce((sum, count) => sum + count, 0);
    const lost = produced - distinct;
    isGood &&= lost === 0;
    rows.push([
      store.name,
      ...[kills, produced, counts['delivered'] ?? 0, uuids.length, uuids.length - distinct, lost, tries].map(
        String,
      ),
    ]);
  }
  const headings = ['STORE', 'KILLS', 'PRODUCED', 'ACKNOWLEDGED', 'HELD', 'DUPLICATES', 'LOST', 'RETRIES'];
  process.stdout.write(formatTable([headings, ...rows]));
  await exporter.end('SIGTERM');
  await feed.close();
} finally {
  for (const store of running) await store.stop();
  rmSync(directory, { recursive: true, force: true });
}
process.exit(isGood ? 0 : 1);
