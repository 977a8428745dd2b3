/** The flow store: appending, size, opening, and queries beside a scan of the raw blocks and beside SQLite holding the same flows. CPU time where threads or the disk could blur it. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { aggregateStore } from '../history/store/query/aggregate-store.ts';
import { ColumnFilter } from '../history/store/query/column-filter.ts';
import { histogramOf } from '../history/store/query/histogram.ts';
import { everything } from '../history/store/query/rows.ts';
import { findNewest, scanStore, type StoreQuery } from '../history/store/query/scan.ts';
import { StoreReader } from '../history/store/query/store-reader.ts';
import { FrameFacts } from '../history/store/write/frame-facts.ts';
import { StoreWriter } from '../history/store/write/store-writer.ts';
import { FlowAggregator } from '../proto/flow/aggregate/flow-aggregator.ts';
import { keyOfName } from '../proto/flow/aggregate/group-keys.ts';
import { FLOWS as MEASURE_FLOWS } from '../proto/flow/aggregate/row-measures.ts';
import { RowTable } from '../proto/flow/aggregate/row-table.ts';
import { fieldPath } from '../proto/flow/field-path.ts';
import { compileFlowFilters } from '../proto/flow/filter/compile-filter.ts';
import { FlowIndex } from '../proto/flow/flow-index.ts';
import { FRAME_PREFIX_BYTES } from '../proto/flow/frame.ts';
import { FlowFilterSchema } from '../proto/gen/flow/flow_pb.ts';
import { type Bench, type BenchRow, cpuSeconds } from './report.ts';
import { HistoryFlows } from './support/history-flows.ts';

const FLOWS = Number(process.env['SLUICE_BENCH_FLOWS'] ?? 2_000_000);
/** SQLite takes several times as long for each flow: it gets a part, and its figures are per flow. */
const SQLITE_FLOWS = 200_000;
const START_MS = 1_790_000_000_000;
/** Two hours of flows. */
const SPAN_US = 7_200_000_000;
const QUERY_ROUNDS = 5;
const BLOCK = 1024 * 1024;

type FilterInit = MessageInitShape<typeof FlowFilterSchema>;
const point = (us: number) => ({ seconds: Math.floor(us / 1e6), nanos: 0 });

function queryOf(filter: FilterInit | null, fromUs: number, toUs: number): StoreQuery {
  const filters = filter === null ? [] : [create(FlowFilterSchema, filter)];
  const match = compileFlowFilters(filters, []);
  const index = new FlowIndex();
  return {
    ...everything,
    since: point(fromUs),
    until: point(toUs),
    columns: new ColumnFilter(filters, []),
    matches:
      match === null
        ? null
        : (bytes, start, end) => {
            index.reset(bytes, start, end);
            return match(index);
          },
    transform: null,
    limit: 0,
    onDamage: () => {},
  };
}

/** Least CPU milliseconds of some rounds, and what the work returned. */
function cpuMs<T>(work: () => T, rounds = QUERY_ROUNDS): { ms: number; result: T } {
  let ms = Number.POSITIVE_INFINITY;
  let result: T | undefined;
  for (let i = 0; i < rounds; i++) {
    const start = cpuSeconds();
    result = work();
    ms = Math.min(ms, (cpuSeconds() - start) * 1000);
  }
  return { ms, result: result as T };
}

function drain<T>(steps: Generator<unknown, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

function countScan(store: StoreReader, query: StoreQuery): number {
  let flows = 0;
  for (const step of scanStore(store, query)) flows += step.flows;
  return flows;
}

/** What there is without an index: every flow of the time range is asked. */
const withoutColumns = (query: StoreQuery): StoreQuery => ({
  ...query,
  columns: new ColumnFilter([create(FlowFilterSchema, { uuid: ['no column decides this'] })], []),
});

function fill(directory: string): { cpu: number; bytes: number; flowBytes: number } {
  const flows = new HistoryFlows(START_MS, SPAN_US / FLOWS);
  const writer = StoreWriter.open({ directory, maxBytes: 2 ** 40, maxAgeMs: 0 }, () => {});
  const out = new Uint8Array(BLOCK);
  let seq = 0;
  let cpu = 0;
  let flowBytes = 0;
  while (seq < FLOWS) {
    const { flows: count, bytes } = flows.write(out, Math.min(FLOWS - seq, 16_384));
    const start = cpuSeconds();
    writer.append(out.subarray(0, bytes), seq);
    cpu += cpuSeconds() - start;
    seq += count;
    flowBytes += bytes;
  }
  const start = cpuSeconds();
  writer.close();
  cpu += cpuSeconds() - start;
  const bytes = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  return { cpu, bytes, flowBytes };
}

/** The same flows in SQLite with the indexes that these queries want. */
function fillSqlite(path: string): { db: DatabaseSync; cpu: number; bytes: number } {
  const db = new DatabaseSync(path);
  db.exec(`pragma journal_mode=wal; pragma synchronous=normal;
    create table flows (time integer, verdict integer, source text, dport integer, raw blob);
    create index by_time on flows (time); create index by_verdict on flows (verdict, time);
    create index by_port on flows (dport, time);`);
  const insert = db.prepare('insert into flows values (?, ?, ?, ?, ?)');
  const flows = new HistoryFlows(START_MS, SPAN_US / SQLITE_FLOWS);
  const out = new Uint8Array(BLOCK);
  const facts = new FrameFacts();
  const index = new FlowIndex();
  const [verdict, pod, port] = ['verdict', 'source.pod_name', 'l4.TCP.destination_port'].map(fieldPath);
  let cpu = 0;
  for (let seq = 0; seq < SQLITE_FLOWS;) {
    const { flows: count, bytes } = flows.write(out, Math.min(SQLITE_FLOWS - seq, 16_384));
    const start = cpuSeconds();
    const frames = out.subarray(0, bytes);
    facts.read(frames);
    db.exec('begin');
    for (let i = 0; i < count; i++) {
      const [from, to] = [facts.offsets[i] + FRAME_PREFIX_BYTES, facts.offsets[i + 1]];
      index.reset(frames, from, to);
      const raw = frames.subarray(from, to);
      insert.run(facts.timesUs[i], index.int32(verdict), index.text(pod), index.uint32(port), raw);
    }
    db.exec('commit');
    cpu += cpuSeconds() - start;
    seq += count;
  }
  db.exec('pragma wal_checkpoint(truncate)');
  return { db, cpu, bytes: statSync(path).size };
}

export const run: Bench = async (report) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-history-'));
  const row = (
    what: string,
    metric: string,
    value: number,
    unit: string,
    base: { name: string; value: number } | null = null,
  ): void =>
    report({
      bench: 'history-store',
      case: what,
      metric,
      value,
      unit,
      baseline: base?.name ?? null,
      ratio: base === null ? null : value / base.value,
    } satisfies BenchRow);
  try {
    const stored = fill(join(directory, 'store'));
    const sqlite = fillSqlite(join(directory, 'flows.sqlite'));
    const perSqlite = (sqlite.cpu / SQLITE_FLOWS) * 1e6;
    const cpuPerM = (stored.cpu / FLOWS) * 1e6;
    row('append', 'CPU per million flows', cpuPerM, 's', { name: 'SQLite', value: perSqlite });
    row('append', 'one core', 1000 / cpuPerM, 'k flows/s');
    const perFlow = stored.bytes / FLOWS;
    row('size', 'bytes per flow', perFlow, 'B', { name: 'protobuf', value: stored.flowBytes / FLOWS });
    row('size', 'bytes per flow, of SQLite', perFlow, 'B', {
      name: 'SQLite',
      value: sqlite.bytes / SQLITE_FLOWS,
    });

    const opened = cpuMs(() =>
      StoreWriter.open({ directory: join(directory, 'store'), maxBytes: 2 ** 40, maxAgeMs: 0 }, () => {}),
    );
    row('open', 'CPU', opened.ms, 'ms');
    queries(directory, sqlite.db, row);
    sqlite.db.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

type Row = (
  what: string,
  metric: string,
  value: number,
  unit: string,
  base?: { name: string; value: number },
) => void;

function queries(directory: string, db: DatabaseSync, row: Row): void {
  const store = new StoreReader(join(directory, 'store'));
  const startUs = START_MS * 1000;
  const endUs = startUs + SPAN_US;
  const hour = [endUs - 3_600_000_000, endUs] as const;
  const five = [endUs - 3_600_000_000, endUs - 3_300_000_000] as const;
  // SQLite holds a tenth of the flows: per flow that it looks at it may take ten times as long.
  const scale = FLOWS / SQLITE_FLOWS;
  const last = cpuMs(() => {
    const { seq } = drain(findNewest(store, queryOf(null, 0, endUs), 100));
    return countScan(store, { ...queryOf(null, 0, endUs), fromSeq: seq });
  });
  row('last 100 flows', 'CPU', last.ms, 'ms');

  const some: readonly [string, FilterInit, readonly [number, number], string][] = [
    [
      '5 minutes, pods and port',
      { sourcePod: ['team-3/'], destinationPort: ['443', '8080'] },
      five,
      `select count(raw) from flows where time between ${five[0]} and ${five[1]} and dport in (443, 8080) and source like 'service-%3-%'`,
    ],
    ['5 minutes, a pod that has none', { sourcePod: ['nowhere/none'] }, five, ''],
    [
      'all drops of an hour',
      { verdict: [2] },
      hour,
      `select count(raw), sum(length(raw)) from flows where verdict = 2 and time between ${hour[0]} and ${hour[1]}`,
    ],
    ['one pod over all', { sourcePod: ['team-3/service-43'] }, [startUs, endUs], ''],
  ];
  for (const [what, filter, [from, to], sql] of some) {
    const query = queryOf(filter, from, to);
    const fast = cpuMs(() => countScan(store, query));
    const slow = cpuMs(() => countScan(store, withoutColumns(query)), 1);
    row(what, `CPU for ${fast.result} flows`, fast.ms, 'ms', {
      name: 'scan without columns',
      value: slow.ms,
    });
    if (sql === '') continue;
    const other = cpuMs(() => db.prepare(sql).all());
    row(what, 'CPU, of SQLite with as many flows (by proportion)', fast.ms, 'ms', {
      name: 'SQLite',
      value: other.ms * scale,
    });
  }

  const minutes = cpuMs(() => drain(histogramOf(store, queryOf(null, 0, endUs), 60_000_000)));
  row('flows per minute, all', 'CPU', minutes.ms, 'ms');
  row('flows per minute, all', 'CPU per flow', (minutes.ms * 1e6) / FLOWS, 'ns');
  const keys = ['source-workload', 'destination-workload'].map((name) => keyOfName(name)!);
  const talkers = cpuMs(() => {
    const table = new RowTable({ keyCount: 2, maxRows: 65_536, rankBy: MEASURE_FLOWS });
    drain(aggregateStore(store, queryOf(null, ...hour), keys, new FlowAggregator(keys, table)));
    return table.choose(20).rows.length;
  });
  row('top 20 pairs of workloads of an hour', 'CPU', talkers.ms, 'ms');
}
