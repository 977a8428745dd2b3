import { keyWords } from '../../proto/flow/aggregate/key-names.ts';
import type { FlagSpec } from '../flag-spec.ts';
import { sortWords } from './aggregate-words.ts';

const group = 'Counting instead of showing';

/** Flags that say how rows are sorted, how many are shown, how often, and how time is cut. */
export const rowFlags: readonly FlagSpec[] = [
  {
    name: 'sort-by',
    kind: 'string',
    value: 'COLUMN',
    group,
    help: `Largest first: ${sortWords.join(', ')} (those by the second with --follow only); or a key, in its own order.`,
    suggestions: [...sortWords, ...keyWords],
  },
  {
    name: 'top',
    kind: 'uint',
    value: 'N',
    group,
    help: 'Show so many rows; the others as one. 0: all; 20 where tables are appended, as many as fit on a terminal.',
    default: '0',
  },
  {
    name: 'interval',
    kind: 'duration',
    value: 'DURATION',
    group,
    help: 'With --follow: how often rows are shown, 100ms to 1h.',
    default: '1s',
  },
  {
    name: 'aggregate-bucket',
    kind: 'duration',
    value: 'DURATION',
    group,
    help: 'Width of the buckets of the key "time", 100ms to 24h.',
    default: '1m',
  },
];

/** Flags of `observe` that make it count flows. */
export const aggregateFlags: readonly FlagSpec[] = [
  {
    name: 'aggregate-by',
    kind: 'list',
    value: 'KEYS',
    group,
    help: 'Count flows that have these in common, on the server, instead of showing them: source, destination-port, workload, verdict, drop-reason and many more; see "sluice help top". -o is table, json or csv then.',
    suggestions: keyWords,
  },
  ...rowFlags,
];
