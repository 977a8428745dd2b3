import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostname } from 'node:os';
import { fromBinary } from '@bufbuild/protobuf';
import { dashboards } from '../../../exporter/kibana/dashboards/index.ts';
import { lensOf, type LensAttributes } from '../../../exporter/kibana/lens.ts';
import { dataViews } from '../../../exporter/kibana/panel.ts';
import { messagesOf } from '../../../exporter/select/select-messages.ts';
import type { ExportReport, SinkReport } from '../../../exporter/serve/report.ts';
import { setUpElasticsearch } from '../../../exporter/setup/elasticsearch/setup.ts';
import { HealthWriter } from '../../../exporter/sink/elasticsearch/health-writer.ts';
import { createElasticsearchSink } from '../../../exporter/sink/elasticsearch/sink.ts';
import { ElasticsearchServer } from '../../../lab/servers/elasticsearch-server.ts';
import { FRAME_PREFIX_BYTES } from '../../../proto/flow/frame.ts';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { podFrame } from '../../support/build-frames.ts';
import { labFlows } from '../support/lab-flows.ts';
import { lostFrame } from '../../relay/support/flow-bytes.ts';
import { runOf } from '../support/messages.ts';
import { plainDocument } from '../support/plain-document.ts';
import { ask, countDocuments } from '../support/read-documents.ts';
import { context } from '../support/sink-contract.ts';
import { countRows } from './support/count-documents.ts';
import { columnsOf, type Row, rowsOf, searchOf } from './support/lens-search.ts';

let missing = '';
const server = await ElasticsearchServer.start().catch((error: Error) => {
  missing = `dashboards were not tested, there is no Elasticsearch: ${error.message}`;
  return null;
});
after(() => server?.stop());

const NAMESPACE = 'lab';

interface PlainFlow {
  readonly '@timestamp': string;
  readonly destination?: { readonly port?: number };
  readonly source?: { readonly port?: number };
  readonly network: { readonly transport?: string; readonly protocol?: string };
  readonly event: { readonly reason?: string };
  readonly rule?: { readonly name: string[] };
  readonly sluice: {
    readonly verdict: string;
    readonly reply?: boolean;
    readonly source?: Record<string, unknown>;
    readonly destination?: Record<string, unknown>;
  };
}

/** The lab's flows, three notices of losses, and what the documents of all have to say. */
const lost = [5n, 7n].map((count, i) =>
  lostFrame(`east/node${i + 1}`, 1_795_500_000_000_000_000n, Number(count)),
);
const flowFrames = labFlows().filter((frame) => frame[FRAME_PREFIX_BYTES] === 0x0a);
const flowDocuments = flowFrames.map(
  (frame) =>
    plainDocument(fromBinary(GetFlowsResponseSchema, frame.subarray(FRAME_PREFIX_BYTES))) as PlainFlow,
);
const lossDocuments = [5, 7].map((count, i) => ({
  '@timestamp': '2026-11-24T06:00:00.000Z',
  orchestrator: { cluster: { name: 'east' } },
  observer: { name: `node${i + 1}` },
  event: { action: 'lost', outcome: 'failure', reason: 'HUBBLE_RING_BUFFER' },
  sluice: { lost: { count } },
}));

/** Edges by the minute, counted from the documents of the flows. */
function edgeDocuments(): unknown[] {
  const edges = new Map<string, { flows: number; fields: object }>();
  for (const flow of flowDocuments) {
    const isReply = flow.sluice.reply === true;
    const name = (end: Record<string, unknown> = {}): object => ({
      cluster: end['cluster'],
      namespace: end['namespace'],
      workload: end['workload'],
    });
    const [client, serverEnd] = isReply
      ? [flow.sluice.destination, flow.sluice.source]
      : [flow.sluice.source, flow.sluice.destination];
    const port = (isReply ? flow.source : flow.destination)?.port;
    const { protocol, transport } = flow.network;
    const fields = {
      '@timestamp': `${flow['@timestamp'].slice(0, 16)}:00.000Z`,
      destination: { port },
      network: protocol === undefined ? { transport } : { protocol },
      event: { reason: flow.event.reason },
      rule: flow.rule,
      sluice: { verdict: flow.sluice.verdict, source: name(client), destination: name(serverEnd) },
    };
    const key = JSON.stringify(fields);
    const edge = edges.get(key) ?? { flows: 0, fields };
    edge.flows++;
    edges.set(key, edge);
  }
  return [...edges.values()].map(({ flows, fields }) => {
    const { sluice, ...others } = fields as { sluice: object };
    return { ...others, sluice: { ...sluice, flows } };
  });
}

function sinkReport(name: string, kind: string, delivered: number, problem: string): SinkReport {
  return {
    name,
    kind,
    problem,
    counts: { delivered, filtered: delivered / 2, rejected_mapping: 3, spool_full: 2 },
    waiting: 40,
    lagSeconds: delivered / 1000,
    retries: { busy: 4 },
    counters: { duplicates: 6 },
  };
}

const reports = [0, 1000, 4000].map((delivered, i): ExportReport => {
  const source = { address: 'a', state: 'following', reason: '', breaks: 0, gaps: 0, counts: {} };
  const spool = { bytes: 1000 * (i + 1) };
  const sinks = [
    sinkReport('search', 'elasticsearch', delivered, ''),
    sinkReport('bus', 'kafka', delivered / 2, 'no broker'),
  ];
  return { source, spool, sinks } as unknown as ExportReport;
});

function healthDocuments(): unknown[] {
  const delivered = [0, 1000, 3000];
  return reports.flatMap((_, i) =>
    ['search', 'bus'].map((sink) => {
      const share = sink === 'search' ? 1 : 1 / 2;
      return {
        '@timestamp': `2026-11-24T06:0${i}:00.000Z`,
        host: { name: hostname() },
        sluice: {
          export: {
            sink,
            kind: sink === 'search' ? 'elasticsearch' : 'kafka',
            failing: sink === 'bus',
            delivered: delivered[i] * share,
            left_out: (delivered[i] * share) / 2,
            rejected: 0,
            given_up: 0,
            duplicates: 0,
            retries: 0,
            waiting: 40,
            lag_seconds: ([0, 1000, 4000][i] * share) / 1000,
            spool_bytes: 1000 * (i + 1),
          },
        },
      };
    }),
  );
}

const documents: Readonly<Record<keyof typeof dataViews, readonly unknown[]>> = {
  flows: [...flowDocuments, ...lossDocuments],
  edges: edgeDocuments(),
  health: healthDocuments(),
};

async function fill(url: string): Promise<void> {
  await setUpElasticsearch({ nodes: [url] }, { dryRun: false, overwrite: false, print: () => {} });
  const config = {
    kind: 'elasticsearch',
    nodes: [url],
    namespace: NAMESPACE,
    compression: 'none',
    inFlight: 1,
  } as const;
  const all = messagesOf(runOf([...flowFrames, ...lost]));
  const flows = createElasticsearchSink({ ...config, stream: 'flows' }, 'test');
  await flows.open();
  assert.deepEqual(await flows.write(all, context), []);
  await flows.close();
  const edges = createElasticsearchSink({ ...config, stream: 'edges' }, 'test');
  await edges.open();
  assert.deepEqual(await edges.write(all, context), []);
  const settled = edges.settled!();
  // A flow of a later hour closes all minutes; its own stays open, and is never stored.
  const lastMs = Date.now() - 1_772_615_722_118;
  await edges.write(messagesOf(runOf([podFrame('later', 80, 1, lastMs, { l4: {} })])), context);
  await settled;
  await edges.close();
  const health = new HealthWriter({ ...config, stream: 'flows' });
  for (const [i, report] of reports.entries()) {
    await health.write(report, Date.UTC(2026, 10, 24, 6, i), new AbortController().signal);
  }
  await health.close();
}

/** The rows in one text each, numbers to six digits: sums of fractions differ in the last ones. */
const texts = (rows: readonly Row[]): string[] =>
  rows
    .map(({ by, show }) => `${by.join(' | ')}: ${show.map((value) => value?.toPrecision(6)).join(', ')}`)
    .sort();

/** How many rows a panel has to have: of each group of a terms column the largest, up to its size. */
function rowCount(
  lens: LensAttributes,
  found: readonly Row[],
  all: readonly Row[],
  depth = 0,
  prefix: readonly string[] = [],
): number {
  const columns = columnsOf(lens).filter(({ column }) => column.isBucketed);
  if (depth === columns.length) return 1;
  const under = (rows: readonly Row[]): Set<string> =>
    new Set(rows.filter(({ by }) => prefix.every((value, i) => by[i] === value)).map(({ by }) => by[depth]));
  const { size = Infinity } = columns[depth].column.params as { size?: number };
  const chosen = under(found);
  const there = under(all).size;
  const what = `${chosen.size} groups of ${there} under ${prefix.join(' | ')}`;
  // Of more than it shows, some may be chosen of which no document has the columns behind: these have no row.
  if (there <= size) assert.equal(chosen.size, there, what);
  else assert.ok(chosen.size > 0 && chosen.size <= size, what);
  return [...chosen].reduce(
    (sum, value) => sum + rowCount(lens, found, all, depth + 1, [...prefix, value]),
    0,
  );
}

/** The value that people put into the query bar, and whom it lets through. */
const QUERIES: Readonly<Record<string, string>> = {
  'sluice-namespace': 'travel',
  'sluice-workload': 'travel/search',
};

describe('each panel of the dashboards', { skip: missing !== '' && missing }, () => {
  before(async () => {
    await fill(server!.url);
    for (const [view, { title }] of Object.entries(dataViews)) {
      assert.equal(
        await countDocuments(server!.url, title),
        documents[view as keyof typeof dataViews].length,
        title,
      );
    }
  });

  for (const { id, title, query, panels } of dashboards) {
    describe(title, () => {
      for (const panel of panels) {
        it(`"${panel.title}" shows what counting the documents gives`, async () => {
          const lens = lensOf(panel);
          const search = searchOf(lens) as { query: { bool: { filter: object[] } } };
          let wanted = documents[panel.view];
          if (query !== '') {
            const match = /^(\S+) : "[^"]+" or (\S+) : "[^"]+"$/.exec(query);
            assert.notEqual(match, null, query);
            const [, one, other] = match!;
            const value = QUERIES[id];
            const should = [one, other].map((field) => ({ term: { [field]: value } }));
            search.query.bool.filter.push({ bool: { should } });
            const valueAt = (document: unknown, path: string): unknown =>
              path
                .split('.')
                .reduce<unknown>(
                  (inner, name) => (inner as Record<string, unknown> | undefined)?.[name],
                  document,
                );
            wanted = wanted.filter((document) =>
              [one, other].some((field) => valueAt(document, field) === value),
            );
          }
          const answer = await ask(server!.url, `/${dataViews[panel.view].title}/_search`, search);
          const found = rowsOf(lens, answer as Parameters<typeof rowsOf>[1]);
          const all = countRows(lens, wanted);
          assert.ok(
            found.some(({ show }) => show.some((value) => value !== null && value > 0)),
            'it is empty',
          );
          const known = new Set(texts(all));
          for (const text of texts(found))
            assert.ok(known.has(text), `${text} is not among\n${[...known].join('\n')}`);
          assert.equal(found.length, rowCount(lens, found, all));
        });
      }
    });
  }
});
