import type { Command } from '../command.ts';
import { serverFlags } from '../../flags/server-flags.ts';

const keys = serverFlags.map(({ name }) => name);

export const configCommand: Command = {
  name: 'config',
  summary: 'Show and change settings that last: which server, which certificates',
  details: `
Settings are the server flags of other commands. Each is taken from the command line, else from the environment (SLUICE_SERVER, then HUBBLE_SERVER, for --server), else from
the config file, else it has its default. What the file of ours does not say is looked up in that of Hubble's own CLI, unless --config names another file.`,
  examples: `  sluice config view
  sluice config set server unix:///run/sluice/lab/relay.sock
  sluice config get server
  sluice config reset server`,
  subcommands: [
    {
      name: 'view',
      summary: 'Print all settings as YAML',
      details: 'They are the settings that a command would run with: those of all sources put together.',
      examples: '  sluice config view\n  SLUICE_SERVER=relay:4245 sluice config view',
      maxPositionals: 0,
      run: async (invocation) => (await import('./run-config.ts')).viewConfig(invocation),
    },
    {
      name: 'get',
      summary: 'Print one setting, or all',
      examples: '  sluice config get server\n  sluice config get tls-ca-cert-files',
      positionals: '[KEY]',
      positionalChoices: keys,
      maxPositionals: 1,
      run: async (invocation) => (await import('./run-config.ts')).getConfig(invocation),
    },
    {
      name: 'set',
      summary: 'Write a setting to the config file; without a value its default',
      details:
        'Everything else in the file stays as it is, comments too. The file and its directory are made when they are missing; only their owner can read the file, since it may hold a password.',
      examples: `  sluice config set server unix:///run/sluice/lab/relay.sock
  sluice config set tls true
  sluice config set tls-ca-cert-files ca.crt,other-ca.crt
  sluice --config ./east.yaml config set server relay.east:4245`,
      positionals: 'KEY [VALUE]',
      positionalChoices: keys,
      maxPositionals: 2,
      run: async (invocation) => (await import('./run-config.ts')).setConfig(invocation),
    },
    {
      name: 'reset',
      summary: 'Write the default of a setting, or of all, to the config file',
      examples: '  sluice config reset server\n  sluice config reset',
      positionals: '[KEY]',
      positionalChoices: keys,
      maxPositionals: 1,
      run: async (invocation) => (await import('./run-config.ts')).resetConfig(invocation),
    },
  ],
};
