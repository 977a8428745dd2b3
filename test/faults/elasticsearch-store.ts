import { setTimeout as sleep } from 'node:timers/promises';
import { setUpElasticsearch } from '../../exporter/setup/elasticsearch/setup.ts';
import { ElasticsearchServer } from '../../lab/servers/elasticsearch-server.ts';
import { ask, countDocuments } from '../exporter/support/read-documents.ts';
import type { FaultStore } from './store.ts';

const INDEX = 'logs-sluice.flows-faults';
const POLL_MS = 500;
const POLLS = 120;
const PAGE = 10_000;

/** An Elasticsearch of one node. */
export async function createElasticsearchStore(): Promise<FaultStore> {
  const server = await ElasticsearchServer.start({ isTuned: true });
  await setUpElasticsearch({ nodes: [server.url] }, { dryRun: false, overwrite: false, print: () => {} });
  return {
    name: 'elasticsearch',
    sink: `elasticsearch: { nodes: ["${server.url}"], namespace: faults }`,
    kill: () => server.kill(),
    resume: () => server.resume(),
    stop: () => server.stop(),
    uuids: (atLeast) => readUuids(server.url, atLeast),
  };
}

interface Page {
  readonly pit_id: string;
  readonly hits: { readonly hits: readonly { readonly _id: string; readonly sort: readonly unknown[] }[] };
}

/** Ids of all documents, page by page over one view of the index. */
async function readUuids(url: string, atLeast: number): Promise<readonly string[]> {
  for (let i = 0; i < POLLS && (await countDocuments(url, INDEX)) < atLeast; i++) await sleep(POLL_MS);
  let { id } = (await ask(url, `/${INDEX}/_pit?keep_alive=5m`, {})) as { id: string };
  const uuids: string[] = [];
  let after: readonly unknown[] | undefined;
  for (;;) {
    const search = {
      size: PAGE,
      _source: false,
      track_total_hits: false,
      sort: ['_shard_doc'],
      pit: { id, keep_alive: '5m' },
      ...(after !== undefined && { search_after: after }),
    };
    const { hits, pit_id: next } = (await ask(url, '/_search', search)) as Page;
    id = next;
    if (hits.hits.length === 0) return uuids;
    for (const hit of hits.hits) uuids.push(Buffer.from(hit['_id'], 'base64url').toString('hex'));
    after = hits.hits.at(-1)!.sort;
  }
}
