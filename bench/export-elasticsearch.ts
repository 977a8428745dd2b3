/**
 * Flows to a real Elasticsearch server: what the exporter costs, from a relay's stream through the spool, against what the server does with the same documents; and the sink by itself against the official
 * client's bulk helper, which is given decoded flows as objects. Bytes of a document are those of the index after its segments were merged into one.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ExportReport, loadSetup } from '../exporter/index.ts';
import { ElasticsearchServer } from '../lab/servers/elasticsearch-server.ts';
import type { Bench, BenchRow } from './report.ts';
import { ask, processCpu, start } from './support/child-process.ts';

const DOCUMENTS = Number(process.env['SLUICE_BENCH_DOCUMENTS'] ?? 120_000);
const CLIENT_DOCUMENTS = DOCUMENTS / 2;
const WARM = 20_000;
const POLL_MS = 20;
const BENCH = 'export-elasticsearch';

interface Exported {
  readonly exporterCpu: number;
  readonly serverCpu: number;
  readonly perSecond: number;
}

async function delivered(metrics: string): Promise<number> {
  const answer = await fetch(`http://${metrics}/status`);
  const { sinks } = (await answer.json()) as ExportReport;
  return sinks[0].counts['delivered'] ?? 0;
}

async function measureExporter(server: ElasticsearchServer, settings: string): Promise<Exported> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-search-'));
  const total = WARM + DOCUMENTS;
  const source = await start('flow-source.ts', [`${directory}/source.sock`, String(total), 'unique']);
  const configFile = join(directory, 'export.yaml');
  writeFileSync(
    configFile,
    `source: { address: "unix://${directory}/source.sock", start: oldest }
spool: { directory: ${directory}/spool, maxBytes: 2Gi }
metrics: { listen: "127.0.0.1:0" }
sinks:
  - name: search
    elasticsearch: { nodes: ["${server.url}"]${settings} }
`,
  );
  const main = join(import.meta.dirname, '../cli/main.ts');
  const child = spawn(process.execPath, [main, 'export', '--config', configFile], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  try {
    let log = '';
    let metrics: string | undefined;
    while (metrics === undefined) {
      const [data] = (await once(child.stderr, 'data')) as [Buffer];
      log += data.toString();
      metrics = /msg="exporter ready".* metrics=(\S+)/.exec(log)?.[1];
    }
    while ((await delivered(metrics)) < WARM) await sleep(POLL_MS);
    const from = await delivered(metrics);
    const began = { exporter: processCpu(child.pid!), server: server.cpuSeconds, at: performance.now() };
    while ((await delivered(metrics)) < total) await sleep(POLL_MS);
    const count = total - from;
    return {
      exporterCpu: ((processCpu(child.pid!) - began.exporter) / count) * 1e6,
      serverCpu: ((server.cpuSeconds - began.server) / count) * 1e6,
      perSecond: (count / (performance.now() - began.at)) * 1000,
    };
  } finally {
    const closed = once(child, 'exit');
    child.kill('SIGTERM');
    await closed;
    source.disconnect();
    rmSync(directory, { recursive: true });
  }
}

/** CPU seconds per million documents of a client in a process of its own. */
async function measureClient(mode: 'sink' | 'helper', server: ElasticsearchServer): Promise<number> {
  const child = await start('bulk-client.ts', [mode, server.url, `bench_${mode}`, String(CLIENT_DOCUMENTS)]);
  const { cpu } = await ask<{ cpu: number }>(child, 'go');
  child.disconnect();
  return (cpu / CLIENT_DOCUMENTS) * 1e6;
}

/** Bytes that a document takes on disk, once the index is at rest. */
async function bytesPerDocument(url: string, index: string): Promise<number> {
  await fetch(`${url}/${index}/_forcemerge?max_num_segments=1`, { method: 'POST' });
  await fetch(`${url}/${index}/_flush?force=true`, { method: 'POST' });
  const answer = await fetch(`${url}/${index}/_stats/store,docs`);
  const { _all: all } = (await answer.json()) as {
    _all: { primaries: { store: { size_in_bytes: number }; docs: { count: number } } };
  };
  return all.primaries.store.size_in_bytes / all.primaries.docs.count;
}

export const run: Bench = async (report) => {
  const server = await ElasticsearchServer.start({ isTuned: true });
  const row = (
    name: string,
    metric: string,
    value: number,
    unit: string,
    against?: [string, number],
  ): void => {
    const base: Pick<BenchRow, 'baseline' | 'ratio'> =
      against === undefined
        ? { baseline: null, ratio: null }
        : { baseline: against[0], ratio: value / against[1] };
    report({ bench: BENCH, case: name, metric, value, unit, ...base });
  };
  try {
    const { setUpElasticsearch } = await loadSetup();
    await setUpElasticsearch({ nodes: [server.url] }, { dryRun: false, overwrite: false, print: () => {} });
    for (const [name, settings] of [
      ['from a relay', ''],
      ['from a relay, gzip', ', namespace: gzip, compression: gzip'],
    ] as const) {
      const { exporterCpu, serverCpu, perSecond } = await measureExporter(server, settings);
      row(name, 'server', serverCpu, 'CPU s/M');
      row(name, 'exporter', exporterCpu, 'CPU s/M', ['server', serverCpu]);
      row(name, 'rate', perSecond, 'documents/s');
    }
    row('a document', 'on disk', await bytesPerDocument(server.url, 'logs-sluice.flows-default'), 'B');
    const sink = await measureClient('sink', server);
    const helper = await measureClient('helper', server);
    row('client alone', 'bulk helper, objects', helper, 'CPU s/M');
    row('client alone', 'sink', sink, 'CPU s/M', ['bulk helper', helper]);
  } finally {
    await server.stop();
  }
};
