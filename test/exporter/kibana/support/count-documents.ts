import type { LensAttributes, LensColumn } from '../../../../exporter/kibana/lens.ts';
import { columnsOf, parseKql, type Row } from './lens-search.ts';

type Document = Readonly<Record<string, unknown>>;

/** The values of a field in a document, by its path. */
function valuesAt(document: unknown, path: string): unknown[] {
  let value: unknown = document;
  for (const name of path.split('.')) value = (value as Document | undefined)?.[name];
  return value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
}

/** The rows that a panel has to show, counted here: by going over all documents, without a search server. Rows that terms leave out, being beyond their number, are in it, too. */
export function countRows(lens: LensAttributes, documents: readonly unknown[]): Row[] {
  const clauses = parseKql(lens.state.query.query);
  const wanted = documents.filter((document) =>
    clauses.every(({ field, values, isNot }) => {
      const found = valuesAt(document, field).map(String);
      return (values === null ? found.length > 0 : found.some((value) => values.includes(value))) !== isNot;
    }),
  );
  const columns = columnsOf(lens).map(({ column }) => column);
  const buckets = columns.filter(({ isBucketed }) => isBucketed);
  const groups = new Map<string, unknown[]>();
  if (buckets.length === 0) groups.set('[]', wanted);
  for (const document of buckets.length === 0 ? [] : wanted) {
    for (const key of keysOf(document, buckets)) {
      const text = JSON.stringify(key);
      groups.set(text, [...(groups.get(text) ?? []), document]);
    }
  }
  const measures = columns.filter(({ isBucketed }) => !isBucketed);
  return [...groups].map(([key, members]) => ({
    by: JSON.parse(key) as string[],
    show: measures.map((measure) => measureOf(measure, members)),
  }));
}

/** Every combination of values of the buckets' fields: a document with two rules is in two rows. */
function keysOf(document: unknown, buckets: readonly LensColumn[]): string[][] {
  return buckets.reduce<string[][]>(
    (keys, { sourceField, operationType }) => {
      const values = new Set(
        valuesAt(document, sourceField).map((value) =>
          operationType === 'date_histogram' ? `${String(value).slice(0, 16)}:00.000Z` : String(value),
        ),
      );
      return keys.flatMap((key) => [...values].map((value) => [...key, value]));
    },
    [[]],
  );
}

function measureOf(
  { operationType, sourceField, params }: LensColumn,
  documents: readonly unknown[],
): number | null {
  const values = documents.flatMap((document) => valuesAt(document, sourceField));
  const numbers = values.map(Number);
  const sum = numbers.reduce((total, value) => total + value, 0);
  switch (operationType) {
    case 'count':
      return documents.length;
    case 'sum':
      return sum;
    case 'average':
      return numbers.length === 0 ? null : sum / numbers.length;
    case 'unique_count':
      return new Set(values).size;
    case 'percentile': {
      if (numbers.length === 0) return null;
      const sorted = numbers.sort((a, b) => a - b);
      const place = (Number(params['percentile']) / 100) * (sorted.length - 1);
      const below = sorted[Math.floor(place)];
      return below + (sorted[Math.ceil(place)] - below) * (place % 1);
    }
    default:
      throw new Error(`${operationType} measures nothing`);
  }
}
