import type { Command } from '../command.ts';

export const exportCommand: Command = {
  name: 'export',
  summary: 'Send flows on to files and stores, each at least once',
  examples: `  sluice export validate /etc/sluice/export.yaml`,
  subcommands: [
    {
      name: 'validate',
      summary: 'Check a configuration file',
      details: `
Reads the file as 'sluice export' would, without connecting to anything, and prints each fault as FILE:LINE:COLUMN: what is there and what was expected.`,
      examples: `  sluice export validate /etc/sluice/export.yaml`,
      exitStatus: '0 when the file can be used, 1 when it cannot.',
      positionals: 'FILE',
      maxPositionals: 1,
      run: async (invocation) => (await import('./run-validate.ts')).validateConfig(invocation),
    },
  ],
};
