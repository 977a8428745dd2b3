import type { FlagSpec } from '../../flags/flag-spec.ts';
import { filterFlags, rawFilterFlags } from '../../flags/observe/filter-flags.ts';
import { printFlags } from '../../flags/observe/format-flags.ts';
import type { Command } from '../command.ts';

const group = 'What is compared';

const flags: readonly FlagSpec[] = [
  {
    name: 'before',
    kind: 'string',
    value: 'FROM..TO',
    group,
    help: 'The first stretch of time: FROM..TO, each a duration back from now, a date with its zone, or now; with --at also its length alone.',
  },
  {
    name: 'after',
    kind: 'string',
    value: 'FROM..TO',
    group,
    help: 'The second, in the same way; with --at as long as the first, unless it says otherwise.',
  },
  {
    name: 'at',
    kind: 'string',
    value: 'TIME',
    group,
    help: 'When something happened, a rollout perhaps: what was before it is compared with what came after, an hour each.',
  },
  {
    name: 'by',
    kind: 'list',
    value: 'KEYS',
    group,
    help: 'What makes an edge, as observe --aggregate-by has it (default workload,server-port,protocol).',
  },
  {
    name: 'factor',
    kind: 'string',
    value: 'NUMBER',
    group,
    help: 'A rate changed if it is so many times what it was, or more, or such a fraction of it.',
    default: '2',
  },
  {
    name: 'min-flows',
    kind: 'uint',
    value: 'NUMBER',
    group,
    help: 'Rates of edges with fewer flows in both stretches are not compared.',
    default: '20',
  },
  {
    name: 'output',
    short: 'o',
    kind: 'string',
    value: 'FORMAT',
    choices: ['table', 'json'],
    help: 'How to print it.',
    default: 'table',
  },
  ...printFlags.filter(({ name }) => name === 'input-file'),
  ...filterFlags,
  ...rawFilterFlags.filter(({ name }) => name !== 'print-raw-filters'),
];

export const diffCommand: Command = {
  name: 'diff',
  summary: 'Compare two stretches of time: edges that appeared, vanished, or changed',
  maxPositionals: 0,
  details: `
An edge is who calls whom, on which port. Flows are counted on the server, in each stretch of time, and compared per second. An edge has appeared or vanished, has other verdicts
than before (dropped where it was forwarded, say), or another rate by --factor. Policies that changed in that time are listed below, if the server knows.`,
  examples: `  # What changed with the rollout at ten
  sluice diff --at 2026-03-04T10:00Z --before 30m

  # This hour against the same hour yesterday, one namespace
  sluice diff --before 25h..24h --after 1h..now -n travel

  # Who drops more now
  sluice diff --before 2h..1h --after 1h..now --verdict DROPPED --by workload,drop-reason
  sluice diff --at 10m --before 10m --input-file flows.json -o json`,
  flags,
  run: async (invocation) => (await import('./run-diff.ts')).runDiff(invocation),
};
