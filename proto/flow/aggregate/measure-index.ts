import { Measure } from '../../gen/sluice/v1/aggregation_pb.ts';
import { AUDITED, DROPPED, ERRORS, FLOWS, FORWARDED, LAST_US, REDIRECTED } from './row-measures.ts';

const measureOf: ReadonlyMap<Measure, number> = new Map([
  [Measure.FLOWS, FLOWS],
  [Measure.FORWARDED_FLOWS, FORWARDED],
  [Measure.DROPPED_FLOWS, DROPPED],
  [Measure.AUDITED_FLOWS, AUDITED],
  [Measure.ERROR_FLOWS, ERRORS],
  [Measure.REDIRECTED_FLOWS, REDIRECTED],
  [Measure.LAST_SEEN, LAST_US],
]);

/** Where a measure of the API stands; undefined for one that does not exist. Unspecified is flows. */
export function measureIndex(measure: Measure): number | undefined {
  return measure === Measure.MEASURE_UNSPECIFIED ? FLOWS : measureOf.get(measure);
}
