import type { Command } from '../command.ts';
import type { FlagSpec } from '../../flags/flag-spec.ts';

function outputFlag(help: string): FlagSpec {
  return {
    name: 'output',
    short: 'o',
    kind: 'string',
    value: 'FORMAT',
    choices: ['table', 'wide', 'json'],
    help,
    default: 'table',
  };
}

export const listCommand: Command = {
  name: 'list',
  summary: 'List nodes or namespaces',
  examples: '  sluice list nodes -o wide\n  sluice list namespaces',
  subcommands: [
    {
      name: 'nodes',
      aliases: ['node'],
      summary: 'List the nodes behind a relay, with their state and flows',
      examples: '  sluice list nodes\n  sluice list nodes -o wide\n  sluice list nodes -o json',
      flags: [outputFlag('How to print it; wide adds version, address and TLS.')],
      maxPositionals: 0,
      run: async (invocation) => (await import('./run-list.ts')).listNodes(invocation),
    },
    {
      name: 'namespaces',
      summary: 'List the namespaces seen in flows of the last hour',
      examples: '  sluice list namespaces\n  sluice list namespaces -o wide',
      flags: [outputFlag('How to print it; wide adds the cluster.')],
      maxPositionals: 0,
      run: async (invocation) => (await import('./run-list.ts')).listNamespaces(invocation),
    },
  ],
};
