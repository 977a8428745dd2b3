import type { CommandEntry } from './command.ts';

/** Every command of `sluice`. A command's file is loaded when the command is asked for. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'observe',
    summary: 'Show flows: who talks to whom, and what became of it',
    isClient: true,
    load: async () => (await import('./observe/observe.ts')).observeCommand,
  },
  {
    name: 'top',
    summary: 'Show the busiest workloads, ports, drops or names, live',
    isClient: true,
    load: async () => (await import('./top/top.ts')).topCommand,
  },
  {
    name: 'diff',
    summary: 'Compare two stretches of time: edges that appeared, vanished, or changed',
    isClient: true,
    load: async () => (await import('./diff/diff.ts')).diffCommand,
  },
  {
    name: 'status',
    summary: 'Show the health of a relay or agent, and every loss by cause',
    isClient: true,
    load: async () => (await import('./status/status.ts')).statusCommand,
  },
  {
    name: 'list',
    summary: 'List nodes or namespaces',
    isClient: true,
    load: async () => (await import('./list/list.ts')).listCommand,
  },
  {
    name: 'watch',
    aliases: ['w'],
    summary: 'Watch the nodes of a cluster come and go',
    isClient: true,
    load: async () => (await import('./watch/watch.ts')).watchCommand,
  },
  {
    name: 'policy',
    summary: 'Show network policies and what their rules decided, check them, and ask who reaches whom',
    isClient: true,
    load: async () => (await import('./policy/policy.ts')).policyCommand,
  },
  {
    name: 'endpoint',
    aliases: ['endpoints', 'ep'],
    summary: 'Show whose traffic nodes police, and how',
    isClient: true,
    load: async () => (await import('./endpoint/endpoint.ts')).endpointCommand,
  },
  {
    name: 'bpf',
    summary: 'Show what the maps of the programs hold, in names and numbers',
    isClient: true,
    load: async () => (await import('./bpf/bpf.ts')).bpfCommand,
  },
  {
    name: 'agent',
    summary: 'Run the agent of this node (as root)',
    isClient: false,
    load: async () => (await import('./process/agent.ts')).agentCommand,
  },
  {
    name: 'relay',
    summary: 'Run a relay: many agents, or other relays, as one stream',
    isClient: false,
    load: async () => (await import('./process/relay.ts')).relayCommand,
  },
  {
    name: 'export',
    summary: 'Send flows on to files and stores, each at least once',
    isClient: false,
    load: async () => (await import('./export/export.ts')).exportCommand,
  },
  {
    name: 'lab',
    summary: 'Run two clusters with real traffic on this machine (as root)',
    isClient: false,
    load: async () => (await import('./process/lab.ts')).labCommand,
  },
  {
    name: 'certs',
    summary: 'Make, renew and look at the certificates of a fleet',
    isClient: false,
    load: async () => (await import('./certs/certs.ts')).certsCommand,
  },
  {
    name: 'config',
    summary: 'Show and change settings that last: which server, which certificates',
    isClient: true,
    load: async () => (await import('./config/config.ts')).configCommand,
  },
  {
    name: 'reflect',
    isHidden: true,
    summary: 'Print what a server serves, as file descriptors in JSON',
    isClient: true,
    load: async () => (await import('./reflect/reflect.ts')).reflectCommand,
  },
  {
    name: 'completion',
    summary: 'Print a script that completes commands and flags in a shell',
    isClient: false,
    ignoresServerFlags: true,
    load: async () => (await import('./completion/completion.ts')).completionCommand,
  },
  {
    name: 'version',
    summary: 'Show the version',
    isClient: false,
    ignoresServerFlags: true,
    load: async () => (await import('./version.ts')).versionCommand,
  },
];
