import { DEFAULT_LAB_OPTIONS, LAB_STORES, type LabOptions, type LabStore } from '../../lab/config.ts';
import type { Command, Invocation } from '../command.ts';
import { allTexts, type FlagSpec, type FlagUse, invalidValue, lastText } from '../../flags/flag-spec.ts';
import { boolFlag, durationFlag, uintFlag } from './read-flags.ts';
import { runProcess } from './run-process.ts';

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
  {
    name: 'with',
    kind: 'list',
    value: 'STORE',
    help: 'Run a real server too, and export all flows to it: kafka, elasticsearch, or both. Needs Java and Maven, which Debian has.',
    suggestions: [...LAB_STORES],
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
  const rateText = lastText(uses, 'rate') ?? '1';
  const rate = Number(rateText);
  if (!(rate >= 0.1 && rate <= 50)) {
    throw invalidValue('--rate', rateText, 'a number from 0.1 to 50');
  }
  const name = lastText(uses, 'name') ?? DEFAULT_LAB_OPTIONS.name;
  if (!/^[a-z0-9]{1,8}$/.test(name)) {
    throw invalidValue('--name', name, '1 to 8 lower case letters and digits');
  }
  const stores = new Set(allTexts(uses, 'with'));
  for (const store of stores) {
    if (!LAB_STORES.some((known) => known === store)) {
      throw invalidValue('--with', store, LAB_STORES.join(' or '));
    }
  }
  const durationMs = durationFlag(uses, 'duration', 0, 1);
  return {
    ...DEFAULT_LAB_OPTIONS,
    name,
    rate,
    stores: [...stores] as LabStore[],
    report: boolFlag(uses, 'report', DEFAULT_LAB_OPTIONS.report),
    showFlows: boolFlag(uses, 'show-flows', DEFAULT_LAB_OPTIONS.showFlows),
    clean: boolFlag(uses, 'clean', DEFAULT_LAB_OPTIONS.clean),
    port: uintFlag(uses, 'port', DEFAULT_LAB_OPTIONS.port, { min: 0, max: 65_535 }),
    logDir: lastText(uses, 'log-dir') ?? DEFAULT_LAB_OPTIONS.logDir,
    ...(durationMs > 0 && { durationMs }),
  };
}

export const labCommand: Command = {
  name: 'lab',
  summary: 'Run two clusters with real traffic on this machine (as root)',
  details: `
Nodes and pods are network namespaces, with a small travel-booking application in them, an agent on every node, a relay for each cluster and one above both. Everything
is removed at the end. Exit status: 0 after --duration or Ctrl-C, 1 when it could not start.`,
  examples: `  npm start
  npm start -- --with kafka,elasticsearch
  npm start -- --duration 30s --report`,
  flags,
  maxPositionals: 0,
  run: async ({ uses }: Invocation) => {
    const options = labOptions(uses);
    const { runLab } = await import('../../lab/index.ts');
    return runProcess((io) => runLab(options, io));
  },
};
