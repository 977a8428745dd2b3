import type { FlagSpec } from '../../flags/flag-spec.ts';
import type { Command } from '../command.ts';
import { limitFlag, listOutputFlag, namespaceFlag, nodeFlag } from '../nodes/list-flags.ts';

const getOutput: FlagSpec = {
  name: 'output',
  short: 'o',
  kind: 'string',
  value: 'FORMAT',
  choices: ['text', 'json'],
  help: 'How to print it.',
  default: 'text',
};

export const endpointCommand: Command = {
  name: 'endpoint',
  summary: 'Show whose traffic nodes police, and how',
  details: `
An endpoint is a pod on its node, or the node itself (number 0). INGRESS and EGRESS say how it is policed: "open" (no policy selects it), "enforced" (what no rule allows is
denied), "allows" (rules deny, all else passes), "audit" (what would be denied passes, and is told), "off" (the agent enforces nothing).`,
  examples: `  sluice endpoint list
  sluice endpoint list -n travel -o wide
  sluice endpoint get travel/search-0`,
  subcommands: [
    {
      name: 'list',
      aliases: ['ls'],
      summary: 'List endpoints with their identities, enforcement and policy revision',
      maxPositionals: 0,
      examples: `  sluice endpoint list --node east/n1
  sluice endpoint list -n travel -o json`,
      flags: [
        namespaceFlag,
        nodeFlag,
        limitFlag,
        listOutputFlag('addresses, labels, interface and policies'),
      ],
      run: async (invocation) => (await import('./run-endpoint.ts')).listEndpoints(invocation),
    },
    {
      name: 'get',
      summary: 'Show all that is known of endpoints: by number, pod, or the beginning of a pod’s name',
      positionals: 'NUMBER|[NAMESPACE/]POD',
      maxPositionals: 1,
      examples: `  sluice endpoint get travel/search-0
  sluice endpoint get 12 --node east/n1`,
      flags: [nodeFlag, getOutput],
      run: async (invocation) => (await import('./run-endpoint.ts')).getEndpoints(invocation),
    },
  ],
};
