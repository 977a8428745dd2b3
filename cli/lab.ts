import { DEFAULT_LAB_OPTIONS, type LabOptions } from '../lab/config.ts';
import { type Command, type Invocation, lastText } from './command.ts';
import { type FlagSpec, type FlagUse, UsageError } from './flags/flag-spec.ts';
import { parseBool, parseDurationMs, parseUint } from './flags/parse-value.ts';
import { runProcess } from './process.ts';

const flags: readonly FlagSpec[] = [
  {
    name: 'duration',
    kind: 'duration',
    value: 'DURATION',
    help: 'End by itself after flows were live for this long.',
  },
  { name: 'report', kind: 'bool', help: 'Print one JSON object with the figures as the last line.' },
  {
    name: 'rate',
    kind: 'string',
    value: 'FACTOR',
    help: 'Traffic as a multiple of the usual, 0.1 to 50.',
    default: '1',
  },
  {
    name: 'port',
    kind: 'uint',
    value: 'PORT',
    help: 'Port on 127.0.0.1 of the relay above both clusters; 0 = the Unix socket only.',
    default: '4245',
  },
  {
    name: 'name',
    kind: 'string',
    value: 'NAME',
    help: 'Name of the lab; two of different names and ports run side by side.',
    default: 'lab',
  },
  { name: 'show-flows', kind: 'bool', help: 'Print live flows.', default: 'true' },
  {
    name: 'log-dir',
    kind: 'string',
    value: 'DIR',
    help: 'Where the logs of all processes go (default: build/lab).',
  },
  { name: 'clean', kind: 'bool', help: 'Only remove what a killed lab left behind.' },
];

/** The options that a command line asks for. Throws UsageError. */
export function labOptions(uses: readonly FlagUse[]): LabOptions {
  const flag = (name: string, fallback: boolean): boolean => {
    const text = lastText(uses, name);
    return text === undefined ? fallback : parseBool(`--${name}`, text);
  };
  const duration = lastText(uses, 'duration');
  const rateText = lastText(uses, 'rate') ?? '1';
  const rate = Number(rateText);
  if (!(rate >= 0.1 && rate <= 50)) {
    throw new UsageError(`invalid value "${rateText}" for --rate: expected a number from 0.1 to 50`);
  }
  const name = lastText(uses, 'name') ?? DEFAULT_LAB_OPTIONS.name;
  if (!/^[a-z0-9]{1,8}$/.test(name)) {
    throw new UsageError(`invalid value "${name}" for --name: expected 1 to 8 lower case letters and digits`);
  }
  const port = lastText(uses, 'port');
  return {
    ...DEFAULT_LAB_OPTIONS,
    name,
    rate,
    report: flag('report', DEFAULT_LAB_OPTIONS.report),
    showFlows: flag('show-flows', DEFAULT_LAB_OPTIONS.showFlows),
    clean: flag('clean', DEFAULT_LAB_OPTIONS.clean),
    port: port === undefined ? DEFAULT_LAB_OPTIONS.port : Number(parseUint('--port', port, 65535n)),
    logDir: lastText(uses, 'log-dir') ?? DEFAULT_LAB_OPTIONS.logDir,
    ...(duration !== undefined && { durationMs: parseDurationMs('--duration', duration) }),
  };
}

export const labCommand: Command = {
  name: 'lab',
  summary: 'Run two clusters with real traffic on this machine (as root)',
  details: `
Nodes and pods are network namespaces, with a small travel-booking application in them, an agent on every node, a relay for each cluster and one above both. Everything
is removed at the end. Exit status: 0 after --duration or Ctrl-C, 1 when it could not start.`,
  examples: `  npm start
  npm start -- --duration 30s --report`,
  flags,
  maxPositionals: 0,
  run: async ({ uses }: Invocation) => {
    const options = labOptions(uses);
    const { runLab } = await import('../lab/index.ts');
    return runProcess((io) => runLab(options, io));
  },
};
