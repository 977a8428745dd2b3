import type { FlagSpec } from '../../flags/flag-spec.ts';
import { filterFlags, rawFilterFlags } from '../../flags/observe/filter-flags.ts';
import { printFlags } from '../../flags/observe/format-flags.ts';
import { selectionFlags } from '../../flags/observe/selection-flags.ts';
import type { Command } from '../command.ts';

/** Which flows are read. */
const recordFlags: readonly FlagSpec[] = [
  ...selectionFlags.filter(({ name }) => name === 'since' || name === 'until'),
  ...printFlags.filter(({ name }) => name === 'input-file'),
];
const filters = [...filterFlags, ...rawFilterFlags.filter(({ name }) => name !== 'print-raw-filters')];

const outputFlag = (choices: readonly string[]): FlagSpec => ({
  name: 'output',
  short: 'o',
  kind: 'string',
  value: 'FORMAT',
  choices,
  help: 'How to print it.',
  default: choices[0],
});

/** `sluice policy replay`. */
export const replayCommand: Command = {
  name: 'replay',
  summary: 'Run recorded flows through policies that are not in force, and tell what would change',
  positionals: 'FILE|DIR...',
  details: `
The named files are the whole set of policies that is tried: what they leave out is not in force. Flows come from the server's history (everything that it keeps, unless
--since and --until say otherwise), or from a file of observe -o json. Each is judged as the programs on a node would judge it, by the labels that it was recorded with; ends
outside are judged by their addresses. The policies hold in every cluster that flows are from.

A flow that was seen at its destination has passed its source, so both ends have to allow it. One that was seen at its source is judged there; if it was denied there, and would
not be any more, at its destination, too. Replies, and ICMP errors of connections, are passed over. What audit mode let through counts as allowed.

Named ports and services are looked up in the manifests of --state-dir.

Exit status: 0; 2 if something was found that --fail-on asks for; 1 for any error, also if --fail-on is given and there was no flow to judge.`,
  examples: `  sluice policy replay policies/ --since 24h
  sluice policy replay policies/ --since 24h -n travel --fail-on denied
  sluice observe --all -o json > flows.json
  sluice policy replay policies/ --input-file flows.json -o csv --show all`,
  exitStatus: '0; 2 if --fail-on finds something; 1 for any error.',
  flags: [
    {
      name: 'show',
      kind: 'list',
      value: 'CHANGES',
      help: 'Which conversations are printed: newly-denied, newly-allowed, still-denied, still-allowed, or all (default: the first two).',
    },
    {
      name: 'fail-on',
      kind: 'string',
      value: 'CHANGE',
      choices: ['none', 'denied', 'allowed', 'changed'],
      help: 'End with status 2 if anything is newly denied, newly allowed, or either.',
      default: 'none',
    },
    {
      name: 'state-dir',
      kind: 'string',
      value: 'DIR',
      help: 'Manifests of the cluster, for what policies call by name: services, CIDR groups, named ports. Policies in them count, too.',
    },
    {
      name: 'cluster-name',
      kind: 'string',
      value: 'NAME',
      help: 'Of flows that name no cluster (default "default").',
    },
    {
      name: 'mode',
      kind: 'string',
      value: 'MODE',
      choices: ['default', 'always', 'never'],
      help: 'When endpoints are policed: once a policy selects them (default), always, or never.',
    },
    { name: 'host-firewall', kind: 'bool', help: 'Let policies with a nodeSelector police nodes.' },
    outputFlag(['table', 'json', 'csv']),
    ...recordFlags,
    ...filters,
  ],
  run: async (invocation) => (await import('./run-replay.ts')).replayRecorded(invocation),
};

/** `sluice policy suggest`. */
export const suggestCommand: Command = {
  name: 'suggest',
  summary: 'Write policies that let through what was seen, and nothing else',
  maxPositionals: 0,
  details: `
One policy for each workload of the namespaces, both directions closed but for what flows show to be in use. Workloads are selected by the fewest stable labels that tell them
from all others that were seen; ends outside by their addresses, or as the world where there are many. Above each rule stands whose flows it is for, and how many there were. Flows
that were denied get no rule. sluice policy replay of the result, over the same flows, denies none of those that passed.

Traffic that did not happen in that time is not in the policies: look them over, and try them in audit mode.

Exit status: 0; 1 for any error, also if there was no flow to go by.`,
  examples: `  sluice policy suggest -n travel --since 24h > travel.yaml
  sluice policy replay travel.yaml --since 24h -n travel
  sluice policy suggest -n travel --kind netpol --input-file flows.json`,
  flags: [
    {
      name: 'kind',
      kind: 'string',
      value: 'KIND',
      choices: ['cnp', 'netpol'],
      help: 'CiliumNetworkPolicy, or NetworkPolicy: that has no words for nodes and ICMP, so that such rules are wider.',
      default: 'cnp',
    },
    {
      name: 'max-addresses',
      kind: 'uint',
      value: 'NUMBER',
      help: 'Most addresses outside that a port is opened to one by one; with more it is opened to the world.',
      default: '16',
    },
    outputFlag(['yaml', 'json']),
    ...recordFlags,
    ...filters,
  ],
  run: async (invocation) => (await import('./run-suggest.ts')).suggestFromRecorded(invocation),
};
