import type { Command } from '../command.ts';

export const reflectCommand: Command = {
  name: 'reflect',
  summary: 'Print what a server serves, as file descriptors in JSON',
  details:
    'Asks the server by gRPC reflection (v1alpha) and prints each file of its schema once, a JSON object a line.',
  examples: `  sluice reflect | jq -r '.service[]?.name'`,
  maxPositionals: 0,
  run: async (invocation) => (await import('./run-reflect.ts')).runReflect(invocation),
};
