import type { Command } from '../command.ts';

export const statusCommand: Command = {
  name: 'status',
  summary: 'Show the health of a relay or agent, and every loss by cause',
  details: `
Beside what every Hubble server tells, agents and relays of Sluice tell what was lost, where and why, with what to do about it, and what is wrong now, such as a manifest
that cannot be read. What is counted beyond that (packets, DNS messages, decisions by rule, what each process costs) is told with -v, and as a second line of JSON with
-v -o json.`,
  exitStatus: '0 when the server is healthy, 1 when it is not or cannot be reached.',
  examples: `  sluice status
  sluice status --server unix:///var/run/sluice/agent.sock
  sluice status -v
  sluice status -o json`,
  flags: [
    {
      name: 'output',
      short: 'o',
      kind: 'string',
      value: 'FORMAT',
      choices: ['compact', 'dict', 'json', 'JSON', 'jsonpb', 'table', 'tab'],
      help: 'How to print it; losses and problems are in compact, and in the others with -v.',
      default: 'compact',
    },
    {
      name: 'verbose',
      short: 'v',
      kind: 'bool',
      help: 'Tell every counter of every process, and what each rule decided.',
    },
  ],
  maxPositionals: 0,
  run: async (invocation) => (await import('./run-status.ts')).runStatus(invocation),
};
