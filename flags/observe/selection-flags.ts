import type { FlagSpec } from '../flag-spec.ts';

const group = 'Which part of the stream';

/** Flags that say which part of the stream is wanted, for flows and events alike. */
export const selectionFlags: readonly FlagSpec[] = [
  {
    name: 'last',
    kind: 'uint',
    value: 'N',
    group,
    help: 'The newest N (of each node, behind a relay); 20 when nothing else is asked.',
  },
  {
    name: 'first',
    kind: 'uint',
    value: 'N',
    group,
    help: 'The oldest N that are kept (of each node, behind a relay).',
  },
  { name: 'all', kind: 'bool', group, help: 'Everything that is kept.' },
  {
    name: 'follow',
    short: 'f',
    kind: 'bool',
    group,
    help: 'Go on with new ones as they come, until Ctrl-C.',
  },
  {
    name: 'since',
    kind: 'string',
    value: 'TIME',
    group,
    help: 'From this time on: a duration back from now (90s, 1h30m) or a date with its zone (2026-03-04, 2026-03-04T09:15Z, 2026-03-04T09:15:22+02:00).',
  },
  {
    name: 'until',
    kind: 'string',
    value: 'TIME',
    group,
    help: 'Up to this time; not looked at with --follow.',
  },
];
