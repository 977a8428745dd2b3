/**
 * Flows to a real Elasticsearch server: what the exporter costs, from a relay's stream through the spool, against what the server does with the same documents; and the sink by itself against the official
 * client's bulk helper, which is given decoded flows as objects. Bytes of a document are those of the index after its segments were merged into one.
 */
import { loadSetup } from '../exporter/index.ts';
import { ElasticsearchServer } from '../lab/servers/elasticsearch-server.ts';
import type { Bench, BenchRow } from './report.ts';
import { ask, start } from './support/child-process.ts';
import { runExporter } from './support/exporter-run.ts';

const DOCUMENTS = Number(process.env['SLUICE_BENCH_DOCUMENTS'] ?? 120_000);
const CLIENT_DOCUMENTS = DOCUMENTS / 2;
const WARM = 20_000;
const BENCH = 'export-elasticsearch';

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
      const { exporterCpuPerM, serverCpuPerM, flowsPerSecond } = await runExporter({
        sink: `{ name: search, elasticsearch: { nodes: ["${server.url}"]${settings} } }`,
        flows: WARM + DOCUMENTS,
        warmFlows: WARM,
        isUnique: true,
        serverCpu: () => server.cpuSeconds,
      });
      row(name, 'server', serverCpuPerM, 'CPU s/M');
      row(name, 'exporter', exporterCpuPerM, 'CPU s/M', ['server', serverCpuPerM]);
      row(name, 'rate', flowsPerSecond, 'documents/s');
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
