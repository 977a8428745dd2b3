import { timeFormatNames } from '../../proto/flow/text/time-text.ts';
import type { FlagSpec } from '../flag-spec.ts';

const group = 'Output';

/** Flags of how things are printed, for flows and events alike. */
export const printFlags: readonly FlagSpec[] = [
  {
    name: 'output',
    short: 'o',
    kind: 'string',
    value: 'FORMAT',
    group,
    help: 'compact: a line each; dict: a line per field; table (or tab): aligned, printed at the end; csv (flows only): a header, then a row each; json (or jsonpb): an object a line.',
    default: 'compact',
    suggestions: ['compact', 'dict', 'json', 'jsonpb', 'table', 'tab', 'csv'],
  },
  {
    name: 'time-format',
    kind: 'string',
    value: 'FORMAT',
    group,
    help: `How times look: ${timeFormatNames.join(', ')}; in csv RFC3339Nano unless another is named.`,
    default: 'StampMilli',
    suggestions: timeFormatNames,
  },
  {
    name: 'time-zone',
    kind: 'string',
    value: 'ZONE',
    group,
    help: 'Whose clock times are told by: UTC, local, or a name such as Europe/Zurich.',
    default: 'UTC',
    suggestions: ['UTC', 'local'],
  },
  { name: 'print-node-name', kind: 'bool', group, help: 'Show the node that saw it.' },
  {
    name: 'silent-errors',
    short: 's',
    kind: 'bool',
    group,
    help: 'Keep quiet about nodes in trouble and lines that cannot be read.',
  },
  {
    name: 'input-file',
    kind: 'string',
    value: 'FILE',
    group,
    help: 'Read flows from a file as -o json writes it, or - for stdin, instead of a server.',
  },
];

/** Flags that only flows have. */
export const flowPrintFlags: readonly FlagSpec[] = [
  {
    name: 'kafka',
    kind: 'string',
    value: 'BROKERS',
    group,
    help: 'Read flows from a topic as sluice export writes it, instead of a server: host:port,… of brokers in plaintext. Flows of several partitions come as they arrive.',
  },
  { name: 'topic', kind: 'string', value: 'NAME', group, help: 'The topic to read with --kafka.' },
  {
    name: 'print-policy-names',
    kind: 'bool',
    group,
    help: 'Name policies behind the verdicts of policy only, as Hubble does when asked to; false: nowhere. Without this flag they are named wherever a flow tells them, in dict also in full: kind/namespace/name.',
  },
  {
    name: 'group',
    kind: 'bool',
    group,
    help: 'In compact: flows in a row that differ only in time and in the port of the client become one line, with how many there were.',
  },
  {
    name: 'count',
    kind: 'bool',
    group,
    help: 'Print only how many flows there were, at the end.',
  },
  {
    name: 'loss-interval',
    kind: 'duration',
    value: 'DURATION',
    group,
    help: 'Add losses up and tell them on stderr, one line for each such time; 0: each where it stands among the flows, as always in json (default: 10s when following on a terminal, else 0).',
  },
  { name: 'ip-translation', kind: 'bool', group, help: 'Names instead of addresses.', default: 'true' },
  { name: 'numeric', kind: 'bool', group, help: 'Addresses instead of names.' },
  {
    name: 'color',
    kind: 'string',
    value: 'WHEN',
    group,
    help: 'auto, always or never; auto is on for a terminal, unless NO_COLOR is set or TERM is dumb.',
    default: 'auto',
    suggestions: ['auto', 'always', 'never'],
  },
  {
    name: 'field-mask',
    kind: 'list',
    value: 'FIELDS',
    group,
    help: 'With -o json: only these fields of a flow, such as time,source.pod_name,l7.dns.',
  },
  {
    name: 'use-default-field-masks',
    kind: 'bool',
    group,
    help: 'For text: let the server send only the fields that are shown.',
    default: 'true',
  },
];
