import type { LensAttributes, LensColumn } from '../../../../exporter/kibana/lens.ts';

/** A test of one field, as a query of a panel has it. */
export interface KqlClause {
  readonly field: string;
  /** Null: that it is there. */
  readonly values: readonly string[] | null;
  readonly isNot: boolean;
}

/** Reads the part of KQL that panels use: `field : "value"`, `field : (a or b)`, `field : *`, each perhaps with `not`, joined by `and`. Throws Error for anything else. */
export function parseKql(query: string): KqlClause[] {
  if (query === '') return [];
  return query.split(' and ').map((text) => {
    const match = /^(not )?([\w.@]+) : (.+)$/.exec(text);
    if (match === null) throw new Error(`no KQL of ours: ${text}`);
    const [, not, field, test] = match;
    const inner = /^\((.+)\)$/.exec(test)?.[1] ?? test;
    const values = inner === '*' ? null : inner.split(' or ').map((value) => String(JSON.parse(value)));
    return { field, values, isNot: not !== undefined };
  });
}

/** The columns of a visualisation, buckets before measures, in their order. */
export function columnsOf({ state }: LensAttributes): { id: string; column: LensColumn }[] {
  const [layer] = Object.values(state.datasourceStates.formBased.layers);
  return layer.columnOrder.map((id) => ({ id, column: layer.columns[id] }));
}

/** The search that Kibana makes of a visualisation, with buckets of time of a minute. */
export function searchOf(lens: LensAttributes): object {
  const columns = columnsOf(lens);
  const measures = columns.filter(({ column }) => !column.isBucketed);
  const aggs: Record<string, object> = {};
  for (const { id, column } of measures) {
    const agg = measureAgg(column);
    if (agg !== null) aggs[id] = agg;
  }
  const buckets = columns.filter(({ column }) => column.isBucketed);
  const nested = buckets.reduceRight<Record<string, object>>(
    (below, { id, column }) => ({ ...aggs, [id]: { ...bucketAgg(column, measures[0]), aggs: below } }),
    aggs,
  );
  const clauses = parseKql(lens.state.query.query);
  const queryOf = ({ field, values }: KqlClause): object =>
    values === null ? { exists: { field } } : { terms: { [field]: values } };
  return {
    size: 0,
    track_total_hits: true,
    query: {
      bool: {
        filter: clauses.filter(({ isNot }) => !isNot).map(queryOf),
        must_not: clauses.filter(({ isNot }) => isNot).map(queryOf),
      },
    },
    aggs: nested,
  };
}

function bucketAgg(
  { operationType, sourceField, params }: LensColumn,
  first: { id: string; column: LensColumn },
): object {
  if (operationType === 'date_histogram') {
    return { date_histogram: { field: sourceField, fixed_interval: '1m', min_doc_count: 1 } };
  }
  const order = first.column.operationType === 'count' ? '_count' : first.id;
  return { terms: { field: sourceField, size: params['size'], order: { [order]: 'desc' } } };
}

function measureAgg({ operationType, sourceField, params }: LensColumn): object | null {
  switch (operationType) {
    case 'count':
      return null;
    case 'sum':
      return { sum: { field: sourceField } };
    case 'average':
      return { avg: { field: sourceField } };
    case 'unique_count':
      return { cardinality: { field: sourceField } };
    case 'percentile':
      return { percentiles: { field: sourceField, percents: [params['percentile']] } };
    default:
      throw new Error(`${operationType} measures nothing`);
  }
}

/** A row of a panel: its buckets' values, and its measures; null where there is none. */
export interface Row {
  readonly by: readonly string[];
  readonly show: readonly (number | null)[];
}

interface Bucket {
  readonly key: string | number;
  readonly key_as_string?: string;
  readonly doc_count: number;
  readonly [agg: string]: unknown;
}

/** The rows of a search's answer. */
export function rowsOf(
  lens: LensAttributes,
  answer: { readonly hits: { readonly total: { readonly value: number } }; readonly aggregations?: object },
): Row[] {
  const columns = columnsOf(lens);
  const buckets = columns.filter(({ column }) => column.isBucketed);
  const measures = columns.filter(({ column }) => !column.isBucketed);
  const show = (values: Readonly<Record<string, unknown>>, docs: number): (number | null)[] =>
    measures.map(({ id, column }) => {
      if (column.operationType === 'count') return docs;
      const agg = values[id] as { value?: number | null; values?: Record<string, number | null> };
      return agg.value ?? Object.values(agg.values ?? {}).at(0) ?? null;
    });
  const walk = (values: Readonly<Record<string, unknown>>, docs: number, by: readonly string[]): Row[] => {
    if (by.length === buckets.length) return [{ by, show: show(values, docs) }];
    const { id } = buckets[by.length];
    const inner = (values[id] as { buckets: readonly Bucket[] }).buckets;
    return inner.flatMap((bucket) =>
      walk(bucket, bucket.doc_count, [...by, bucket.key_as_string ?? String(bucket.key)]),
    );
  };
  return walk({ ...answer.aggregations }, answer.hits.total.value, []);
}
