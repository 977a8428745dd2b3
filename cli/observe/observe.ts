import type { Command, HelpList } from '../command.ts';
import { aggregateFlags } from '../../flags/observe/aggregate-flags.ts';
import { filterFlags, rawFilterFlags } from '../../flags/observe/filter-flags.ts';
import { flowPrintFlags, printFlags } from '../../flags/observe/format-flags.ts';
import { selectionFlags } from '../../flags/observe/selection-flags.ts';

const flowFlags = [
  ...selectionFlags,
  ...printFlags,
  ...flowPrintFlags,
  ...aggregateFlags,
  ...filterFlags,
  ...rawFilterFlags,
];
// What only makes sense for flows is accepted for events too, as Hubble does, and has no effect.
const eventFlags = [...selectionFlags, ...printFlags, ...rawFilterFlags.slice(-1)];

const runFlows: Command['run'] = async (invocation) =>
  invocation.uses.some(({ spec }) => spec.name === 'aggregate-by')
    ? (await import('./aggregate-observe.ts')).observeRows(invocation)
    : (await import('./run-flows.ts')).observeFlows(invocation);

/** Variables that have no flag of their own, or more to say than the flag. */
const environment: HelpList = {
  heading: 'Environment',
  rows: [
    [
      'SLUICE_ALLOWLIST, SLUICE_DENYLIST',
      'Filters in JSON, separated by white space; a flag of that name replaces them. They replace those of the config file.',
    ],
    ['SLUICE_COMPAT=legacy-json-output', 'With -o json: bare flows without their envelope.'],
    ['NO_COLOR, TERM=dumb', 'No colours, unless --color always asks for them.'],
    ['HUBBLE_…', "Hubble's name of each variable counts where ours is not set."],
  ],
};

const streamStatus =
  '0 at the end of the stream, after Ctrl-C and when the reader of a pipe has gone; 1 for any error.';

const examples = `  # Follow everything, as it happens
  sluice observe -f

  # What was dropped in the last five minutes, and on which node
  sluice observe --since 5m --verdict DROPPED --print-node-name

  # Traffic of one namespace, except DNS
  sluice observe -f -n booking --not --port 53

  # From the search pods to port 8080, the last hundred, as JSON
  sluice observe --from-pod travel/search --to-port 8080 --last 100 -o json

  # Who talks to whom, counted on the server; live with -f
  sluice observe --aggregate-by workload,server-port
  sluice observe -f --aggregate-by source,drop-reason --verdict DROPPED --sort-by drops/s

  # An agent instead of the relay
  sluice observe --server unix:///var/run/sluice/agent.sock --all

  # Keep flows, and look at them later, by the clock on the wall
  sluice observe --all -o json > flows.json
  sluice observe --input-file flows.json --verdict DROPPED --time-zone local
  zcat flows.json.gz | sluice observe --input-file - --count --not --type trace
  sluice observe --input-file flows.json --aggregate-by workload,verdict

  # What an exporter has put into a Kafka topic
  sluice observe --kafka kafka:9092 --topic flows --since 1h --verdict DROPPED

  # Like flows in a row as one line; a table for a spreadsheet
  sluice observe -f --group
  sluice observe --since 1h -o csv > flows.csv

  # The filters of a command line, to be kept in the config file
  sluice observe -n booking --not --port 53 --print-raw-filters`;

export const observeCommand: Command = {
  name: 'observe',
  summary: 'Show flows: who talks to whom, and what became of it',
  details: `
Without flags: the newest 20 flows. The same filter given again widens it; filters of different kinds must all match, on the same end when they are about one end. --not
turns the next filter around.

Flows go to stdout; nodes in trouble, losses that are added up, and errors go to stderr, an error on one line. When a stream ends in an error, what came before it stays printed.`,
  lists: [environment],
  exitStatus: streamStatus,
  examples,
  flags: flowFlags,
  subcommands: [
    {
      name: 'flows',
      summary: 'Show flows, as observe does by itself',
      lists: [environment],
      exitStatus: streamStatus,
      examples,
      flags: flowFlags,
      run: runFlows,
    },
    {
      name: 'agent-events',
      summary: 'Show what an agent did: policies, endpoints, addresses (agents only)',
      details: 'Also with --follow the newest 20 are shown first.',
      exitStatus: streamStatus,
      examples: `  sluice observe agent-events -f --server unix:///var/run/sluice/agent.sock
  sluice observe agent-events --since 1h -o json --server tls://node1:4244`,
      flags: eventFlags,
      run: async (invocation) => (await import('./run-events.ts')).observeAgentEvents(invocation),
    },
    {
      name: 'debug-events',
      summary: "Show debug messages of an agent's programs (agents only)",
      details: 'Also with --follow the newest 20 are shown first.',
      exitStatus: streamStatus,
      examples: `  sluice observe debug-events -f --server unix:///var/run/sluice/agent.sock
  sluice observe debug-events --last 100 -o table --server unix:///var/run/sluice/agent.sock`,
      flags: eventFlags,
      run: async (invocation) => (await import('./run-events.ts')).observeDebugEvents(invocation),
    },
  ],
  run: runFlows,
};
