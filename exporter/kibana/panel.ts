/** Data views that panels look at: what each is called, and which data streams it covers. */
export const dataViews = {
  flows: { id: 'sluice-flows', name: 'Sluice flows', title: 'logs-sluice.flows-*' },
  edges: { id: 'sluice-edges', name: 'Sluice edges by the minute', title: 'metrics-sluice.edges-*' },
  health: { id: 'sluice-export', name: 'Sluice exporters', title: 'metrics-sluice.export-*' },
} as const;

export type DataView = keyof typeof dataViews;

/** What documents have to say to be counted: a field with one of some values, or, without values, a field that is there. */
export interface Clause {
  readonly field: string;
  readonly is?: readonly (string | boolean)[];
  readonly not?: true;
}

/** What tells rows apart: time, or the values of a field that come most often. */
export type Bucket =
  | { readonly kind: 'time' }
  | { readonly kind: 'terms'; readonly field: string; readonly size: number; readonly label: string };

/** What is shown of each row. */
export type Measure =
  | { readonly kind: 'count'; readonly label: string }
  | { readonly kind: 'sum' | 'average' | 'unique'; readonly field: string; readonly label: string }
  | { readonly kind: 'percentile'; readonly field: string; readonly percent: number; readonly label: string };

/** One picture of a dashboard. */
export interface Panel {
  readonly title: string;
  readonly view: DataView;
  readonly draw: 'metric' | 'lines' | 'bars' | 'donut' | 'table';
  readonly where: readonly Clause[];
  /** Of lines and bars, time first, then at most one that splits them. */
  readonly by: readonly Bucket[];
  readonly show: readonly Measure[];
  /** In columns of 48, and rows. */
  readonly width: number;
  readonly height: number;
}

export interface Dashboard {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** What stands in the query bar when it is opened (KQL), to be changed by whoever looks. */
  readonly query: string;
  readonly panels: readonly Panel[];
}

export const count = (label = 'Flows'): Measure => ({ kind: 'count', label });
export const flows: Measure = { kind: 'sum', field: 'sluice.flows', label: 'Flows' };
export const time: Bucket = { kind: 'time' };
export const top = (field: string, label: string, size = 10): Bucket => ({
  kind: 'terms',
  field,
  label,
  size,
});
export const is = (field: string, ...values: (string | boolean)[]): Clause => ({ field, is: values });
export const isNot = (field: string, ...values: (string | boolean)[]): Clause => ({
  field,
  is: values,
  not: true,
});
export const has = (field: string): Clause => ({ field });
