import type { Command } from '../command.ts';
import type { FlagSpec } from '../../flags/flag-spec.ts';
import { rowFlags } from '../../flags/observe/aggregate-flags.ts';
import { keyLists } from '../observe/aggregate-help.ts';
import { filterFlags, rawFilterFlags } from '../../flags/observe/filter-flags.ts';
import { printFlags } from '../../flags/observe/format-flags.ts';
import { selectionFlags } from '../../flags/observe/selection-flags.ts';
import { topPresets } from './presets.ts';

const selectionGroup = 'What is counted';

const sinceFlag: readonly FlagSpec[] = [
  ...selectionFlags
    .filter(({ name }) => name === 'since')
    .map((spec) => ({ ...spec, group: selectionGroup, help: `Begin with what is kept. ${spec.help}` })),
  {
    name: 'once',
    kind: 'bool',
    group: selectionGroup,
    help: 'Count what is kept, print it and end, instead of going on.',
  },
  ...printFlags
    .filter(({ name }) => name === 'input-file')
    .map((spec) => ({ ...spec, group: selectionGroup })),
];

const outputFlags: readonly FlagSpec[] = [
  {
    name: 'output',
    short: 'o',
    kind: 'string',
    value: 'FORMAT',
    group: 'Output',
    help: 'table: live on a terminal, else appended after each interval; json: an object for each row of an interval; csv: the same in columns.',
    default: 'table',
    suggestions: ['table', 'json', 'csv'],
  },
  ...printFlags.filter(({ name }) => name === 'time-format' || name === 'silent-errors'),
];

export const topCommand: Command = {
  name: 'top',
  summary: 'Show the busiest workloads, ports, drops or names, live',
  positionals: '[VIEW|KEYS]',
  maxPositionals: 1,
  details: `
Flows are counted where they are kept: a relay asks its agents for rows and adds them up, so that little travels however much there is to count. What is shown is one of the views below, or any keys, separated by commas.

On a terminal the table is drawn anew after each interval. Left and right (or < and >) choose the column to sort by, r turns the order around, f and d sort by flows and drops in a second, space holds the table still, c counts from zero, q or Ctrl-C ends it; what is on the screen then stays. FLOWS and so on are what was counted since the start (or since --since), FLOWS/S and DROPS/S are those of the last interval.

One row stands for what has no place: "(N more)" are rows that are only not shown. A server keeps a bounded number of groups. When there are more, those with the fewest flows are summed up, and it is said how many flows a row may lack for that.

Exit status: 0 after q, Ctrl-C, at the end of --once, and when the reader of a pipe has gone; 1 for any error.`,
  lists: [
    {
      heading: 'Views',
      rows: topPresets.map(
        ({ name, help }, i) => [name, i === 0 ? `${help} (when none is named)` : help] as const,
      ),
    },
    ...keyLists,
  ],
  examples: `  # Who talks to whom
  sluice top

  # What is dropped in one namespace, and why
  sluice top drops -n booking

  # Names of the outside world in the last hour, as a table
  sluice top names --since 1h --once

  # Any keys: pods that resets come from
  sluice top source-pod,destination-pod --tcp-flags RST --sort-by flows/s

  # What stood in a file; what comes through a pipe
  sluice top drops --input-file flows.json
  sluice observe -f -o json | sluice top --input-file -

  # Rows for a program, every ten seconds
  sluice top ports -o csv --interval 10s > ports.csv`,
  flags: [...sinceFlag, ...rowFlags, ...outputFlags, ...filterFlags, ...rawFilterFlags],
  run: async (invocation) => (await import('./run-top.ts')).runTop(invocation),
};
