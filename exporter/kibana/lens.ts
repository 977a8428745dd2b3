import { type Bucket, type Clause, dataViews, type Measure, type Panel } from './panel.ts';

/** A reference from one saved object to another. */
export interface Reference {
  readonly type: 'index-pattern';
  readonly id: string;
  readonly name: string;
}

/** A Lens visualisation, as it stands by value in a panel of a dashboard. */
export interface LensAttributes {
  readonly title: string;
  readonly visualizationType: 'lnsMetric' | 'lnsXY' | 'lnsPie' | 'lnsDatatable';
  readonly references: readonly Reference[];
  readonly state: {
    readonly visualization: Readonly<Record<string, unknown>>;
    readonly query: { readonly query: string; readonly language: 'kuery' };
    readonly filters: readonly never[];
    readonly datasourceStates: {
      readonly formBased: { readonly layers: Readonly<Record<string, LensLayer>> };
    };
  };
}

export interface LensLayer {
  readonly columns: Readonly<Record<string, LensColumn>>;
  readonly columnOrder: readonly string[];
  readonly incompleteColumns: Readonly<Record<string, never>>;
}

export interface LensColumn {
  readonly label: string;
  readonly customLabel: true;
  readonly dataType: 'number' | 'string' | 'date';
  readonly operationType:
    | 'count'
    | 'sum'
    | 'average'
    | 'unique_count'
    | 'percentile'
    | 'terms'
    | 'date_histogram';
  readonly isBucketed: boolean;
  readonly scale: 'ratio' | 'ordinal' | 'interval';
  readonly sourceField: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export const LAYER = 'layer';
/** What counts documents rather than a field. */
const RECORDS = '___records___';

const bucketId = (i: number): string => `by${i}`;
const measureId = (i: number): string => `show${i}`;

/** A panel as a Lens visualisation. */
export function lensOf(panel: Panel): LensAttributes {
  const { title, view, by, show, where } = panel;
  const columns: Record<string, LensColumn> = {};
  for (const [i, bucket] of by.entries()) columns[bucketId(i)] = bucketColumn(bucket);
  for (const [i, measure] of show.entries()) columns[measureId(i)] = measureColumn(measure);
  return {
    title,
    visualizationType: kinds[panel.draw],
    references: [
      { type: 'index-pattern', id: dataViews[view].id, name: `indexpattern-datasource-layer-${LAYER}` },
    ],
    state: {
      visualization: visualizationOf(panel),
      query: { query: where.map(kqlOf).join(' and '), language: 'kuery' },
      filters: [],
      datasourceStates: {
        formBased: {
          layers: { [LAYER]: { columns, columnOrder: Object.keys(columns), incompleteColumns: {} } },
        },
      },
    },
  };
}

const kinds = {
  metric: 'lnsMetric',
  lines: 'lnsXY',
  bars: 'lnsXY',
  donut: 'lnsPie',
  table: 'lnsDatatable',
} as const;

function visualizationOf({ draw, by, show }: Panel): Record<string, unknown> {
  const layer = { layerId: LAYER, layerType: 'data' };
  const measures = show.map((_, i) => measureId(i));
  const buckets = by.map((_, i) => bucketId(i));
  switch (draw) {
    case 'metric':
      return { ...layer, metricAccessor: measures[0] };
    case 'table':
      return { ...layer, columns: [...buckets, ...measures].map((columnId) => ({ columnId })) };
    case 'donut':
      return {
        shape: 'donut',
        layers: [
          {
            ...layer,
            primaryGroups: buckets,
            metrics: measures,
            numberDisplay: 'percent',
            categoryDisplay: 'default',
            legendDisplay: 'default',
          },
        ],
      };
    default: {
      const seriesType = draw === 'lines' ? 'line' : 'bar_stacked';
      const [xAccessor, splitAccessor] = buckets;
      const data = { ...layer, seriesType, accessors: measures, xAccessor };
      return {
        preferredSeriesType: seriesType,
        legend: { isVisible: true, position: 'right' },
        layers: [splitAccessor === undefined ? data : { ...data, splitAccessor }],
      };
    }
  }
}

function bucketColumn(bucket: Bucket): LensColumn {
  if (bucket.kind === 'time') {
    return {
      label: 'Time',
      customLabel: true,
      dataType: 'date',
      operationType: 'date_histogram',
      isBucketed: true,
      scale: 'interval',
      sourceField: '@timestamp',
      params: { interval: 'auto' },
    };
  }
  const { field, size, label } = bucket;
  return {
    label,
    customLabel: true,
    dataType: field.endsWith('.port') ? 'number' : 'string',
    operationType: 'terms',
    isBucketed: true,
    scale: 'ordinal',
    sourceField: field,
    params: {
      size,
      orderBy: { type: 'column', columnId: measureId(0) },
      orderDirection: 'desc',
      otherBucket: false,
      missingBucket: false,
    },
  };
}

const operations = {
  count: 'count',
  sum: 'sum',
  average: 'average',
  unique: 'unique_count',
  percentile: 'percentile',
} as const;

function measureColumn(measure: Measure): LensColumn {
  return {
    label: measure.label,
    customLabel: true,
    dataType: 'number',
    operationType: operations[measure.kind],
    isBucketed: false,
    scale: 'ratio',
    sourceField: measure.kind === 'count' ? RECORDS : measure.field,
    params: measure.kind === 'percentile' ? { percentile: measure.percent } : {},
  };
}

/** A clause in Kibana's query language. */
function kqlOf({ field, is, not }: Clause): string {
  const values = is?.map((value) => (typeof value === 'string' ? JSON.stringify(value) : String(value)));
  const test = values === undefined ? '*' : values.length === 1 ? values[0] : `(${values.join(' or ')})`;
  return `${not === true ? 'not ' : ''}${field} : ${test}`;
}
