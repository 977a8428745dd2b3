import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ElasticsearchConfig } from '../../../../exporter/config/config.ts';
import { setUpElasticsearch } from '../../../../exporter/setup/elasticsearch/setup.ts';
import { createElasticsearchSink } from '../../../../exporter/sink/elasticsearch/sink.ts';
import { ElasticsearchServer } from '../../../../lab/servers/elasticsearch-server.ts';
import { FakeAgent } from '../../../relay/support/fake-agent.ts';
import { Scratch } from '../../../relay/support/scratch.ts';
import { podFrame } from '../../../support/build-frames.ts';
import { startExport } from '../../support/export-process.ts';
import { listOf } from '../../support/messages.ts';
import { ask, countDocuments, readDocuments } from '../../support/read-documents.ts';
import { scratchDirectory } from '../../support/scratch-directory.ts';
import { checkRejects, checkSink, context, podFlows, type SinkRig } from '../../support/sink-contract.ts';

let missing = '';
/** One for all tests. */
const server = await ElasticsearchServer.start().catch((error: Error) => {
  missing = `Elasticsearch was not tested, there is no server: ${error.message}`;
  return null;
});
const scratch = new Scratch();
let namespaces = 0;

after(async () => {
  await scratch.clear();
  await server?.stop();
});

function configOf(change: Partial<ElasticsearchConfig> = {}): ElasticsearchConfig {
  return {
    kind: 'elasticsearch',
    nodes: [server!.url],
    namespace: `test${++namespaces}`,
    stream: 'flows',
    compression: 'none',
    inFlight: 3,
    ...change,
  };
}

const streamOf = ({ namespace }: ElasticsearchConfig): string => `logs-sluice.flows-${namespace}`;

async function setUp(options: { dryRun?: boolean; overwrite?: boolean } = {}): Promise<string> {
  let printed = '';
  const print = (text: string): void => {
    printed += text;
  };
  await setUpElasticsearch({ nodes: [server!.url] }, { dryRun: false, overwrite: false, ...options, print });
  return printed;
}

interface FlowDocument {
  readonly event: { readonly action: string };
  readonly sluice: { readonly source?: { readonly pod: string } };
}

function rigOf(change: Partial<ElasticsearchConfig> = {}): Promise<SinkRig> {
  const config = configOf(change);
  return Promise.resolve({
    sink: createElasticsearchSink(config, 'test'),
    stored: async (count) => {
      const hits = await readDocuments(server!.url, streamOf(config), count);
      return hits.map(({ _source }) => {
        const { event, sluice } = _source as unknown as FlowDocument;
        return event.action === 'lost' ? 'lost' : sluice.source!.pod;
      });
    },
  });
}

describe('the sink for Elasticsearch', { skip: missing !== '' && missing }, () => {
  it('says that the index template is missing, until set-up has installed it', async () => {
    const config = configOf();
    const sink = createElasticsearchSink(config, 'test');
    await assert.rejects(sink.open(), {
      failure: 'template_missing',
      message: `index template sluice-flows is not installed: run 'sluice export setup elasticsearch --url ${server!.url}'`,
    });
    assert.match(
      await setUp({ dryRun: true }),
      /index template sluice-flows: to be created\n[^]*Nothing was changed/,
    );
    await assert.rejects(sink.open());
    await setUp();
    await sink.open();
    await sink.close();
  });

  checkSink(() => rigOf());

  describe('with gzip', () => checkRejects(() => rigOf({ compression: 'gzip' })));

  it('stores nothing twice, however often it is written, and counts what was there', async () => {
    const config = configOf();
    const sink = createElasticsearchSink(config, 'test');
    await sink.open();
    await sink.write(podFlows(0, 60), context);
    await sink.write(podFlows(40, 100), context);
    await sink.write(podFlows(0, 100), context);
    assert.equal((await readDocuments(server!.url, streamOf(config), 100)).length, 100);
    assert.deepEqual(sink.counters, { duplicates: 120 });
    await sink.close();
  });

  it('rejects a document that the mapping refuses, with the reason, and stores those around it', async () => {
    const config = configOf();
    const sink = createElasticsearchSink(config, 'test');
    await sink.open();
    const bad = podFrame('pod-bad', 80, 1, 1, {
      IP: { source: 'nowhere', destination: '10.0.0.1', ipVersion: 1 },
    });
    const rejects = await sink.write(
      listOf(podFrame('pod-0', 80), bad, podFrame('pod-1', 80, 1, 2)),
      context,
    );
    assert.equal(rejects.length, 1);
    assert.deepEqual([rejects[0].index, rejects[0].cause], [1, 'mapping']);
    assert.match(rejects[0].reason, /source\.ip.*nowhere/);
    assert.equal((await readDocuments(server!.url, streamOf(config), 2)).length, 2);
    await sink.close();
  });

  it('stores flows in the fields and types of the template', async () => {
    const config = configOf();
    const sink = createElasticsearchSink(config, 'test');
    await sink.open();
    await sink.write(podFlows(0, 10), context);
    assert.equal(await countDocuments(server!.url, streamOf(config)), 10);
    const found = (await ask(server!.url, `/${streamOf(config)}/_search?size=0`, {
      query: {
        bool: {
          filter: [{ term: { 'source.ip': '10.1.2.0/24' } }, { range: { 'destination.port': { lt: 81 } } }],
        },
      },
      aggs: { workloads: { terms: { field: 'sluice.source.workload' } } },
    })) as { aggregations: { workloads: { buckets: { key: string; doc_count: number }[] } } };
    assert.deepEqual(found.aggregations.workloads.buckets, [{ key: 'shop/pod', doc_count: 10 }]);
    await sink.close();
  });

  it('tells when there is no server', async () => {
    const sink = createElasticsearchSink(configOf({ nodes: ['http://127.0.0.1:1'] }), 'test');
    await assert.rejects(sink.open(), { failure: 'server' });
    await sink.close();
  });

  it('has every flow once after server and exporter were killed', async () => {
    const config = configOf();
    const directory = scratchDirectory();
    const address = scratch.socket('relay');
    const agent = scratch.keep(await new FakeAgent({ address, nodeName: 'n1' }).start());
    const configFile = join(directory, 'export.yaml');
    writeFileSync(
      configFile,
      `source: { address: ${address}, start: oldest }
spool: { directory: ${join(directory, 'spool')}, maxBytes: 64Mi }
metrics: { listen: 127.0.0.1:0 }
sinks:
  - name: search
    elasticsearch: { nodes: ["${server!.url}"], namespace: ${config.namespace} }
`,
    );
    const flows = 1500;
    let next = 0;
    const fed = Promise.withResolvers<void>();
    const feed = setInterval(() => {
      for (let i = 0; i < 10; i++, next++) {
        if (next === flows) {
          fed.resolve();
          return;
        }
        const uuid = `b9fab269-04ae-495c-9d12-${String(next).padStart(12, '0')}`;
        agent.append(podFrame(`app${next}-1`, 80, 1, Date.now() - 1_772_615_722_118, { uuid, l4: {} }));
      }
    }, 20);
    let exporter = await startExport(configFile);
    scratch.keep({ stop: () => exporter.end('SIGKILL') });
    try {
      await sleep(1000);
      await server!.kill();
      await sleep(500);
      await exporter.end('SIGKILL');
      exporter = await startExport(configFile);
      await fed.promise;
      await server!.resume();
    } finally {
      clearInterval(feed);
    }
    const hits = await readDocuments(server!.url, streamOf(config), flows);
    const pods = hits.map(({ _source }) => (_source as unknown as FlowDocument).sluice.source!.pod);
    assert.deepEqual(pods.sort(), Array.from({ length: flows }, (_, i) => `app${i}-1`).sort());
    assert.equal(await exporter.end('SIGTERM'), 0);
  });
});
