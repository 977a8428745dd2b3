import {
  AUDITED,
  DROPPED,
  ERRORS,
  FLOWS,
  FORWARDED,
  LAST_US,
  REDIRECTED,
} from '../../proto/flow/aggregate/row-measures.ts';
import { Measure } from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import { invalidValue } from '../../flags/flag-spec.ts';
import { nearest } from '../../flags/nearest.ts';
import { type SortWord, sortWords } from '../../flags/observe/aggregate-words.ts';

/**
 * What rows are sorted by: a measure of all that was counted (`total`), the same of the last interval (`rate`), or the text of a key. Numbers stand largest first, texts in
 * their own order.
 */
export type RowSort =
  | { readonly kind: 'total' | 'rate'; readonly name: string; readonly measure: number }
  | { readonly kind: 'key'; readonly name: string; readonly key: number };

const measures: readonly (readonly [SortWord, 'total' | 'rate', number, Measure])[] = [
  ['flows', 'total', FLOWS, Measure.FLOWS],
  ['forwarded', 'total', FORWARDED, Measure.FORWARDED_FLOWS],
  ['dropped', 'total', DROPPED, Measure.DROPPED_FLOWS],
  ['audited', 'total', AUDITED, Measure.AUDITED_FLOWS],
  ['errors', 'total', ERRORS, Measure.ERROR_FLOWS],
  ['redirected', 'total', REDIRECTED, Measure.REDIRECTED_FLOWS],
  ['last-seen', 'total', LAST_US, Measure.LAST_SEEN],
  ['flows/s', 'rate', FLOWS, Measure.FLOWS],
  ['drops/s', 'rate', DROPPED, Measure.DROPPED_FLOWS],
];

/** Reads `--sort-by`. Throws UsageError. */
export function parseSort(text: string, keyNames: readonly string[]): RowSort {
  const found = measures.find(([name]) => name === text);
  if (found !== undefined) return { kind: found[1], name: text, measure: found[2] };
  const key = keyNames.indexOf(text);
  if (key >= 0) return { kind: 'key', name: text, key };
  const known = [...sortWords, ...keyNames];
  throw invalidValue('--sort-by', text, `one of ${known.join(', ')}`, nearest(text, known));
}

/** The measure by which a server decides which rows to keep. */
export function requestedMeasure(sort: RowSort): Measure {
  return measures.find(([name]) => name === sort.name)?.[3] ?? Measure.FLOWS;
}
