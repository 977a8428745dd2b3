import type { Command } from '../command.ts';

export const watchCommand: Command = {
  name: 'watch',
  aliases: ['w'],
  summary: 'Watch the nodes of a cluster come and go',
  examples: '  sluice watch peers --server unix:///var/run/sluice/agent.sock',
  subcommands: [
    {
      name: 'peers',
      aliases: ['peer'],
      summary: "Watch an agent's Peer service: one line for each node that is there, comes, changes or goes",
      details: 'Agents serve this, relays do not. Goes on until it is interrupted.',
      examples: '  sluice watch peers --server unix:///var/run/sluice/agent.sock',
      exitStatus:
        '0 when the server ends the stream, 1 for any error; ended by a signal when it is interrupted.',
      maxPositionals: 0,
      run: async (invocation) => (await import('./run-watch.ts')).watchPeers(invocation),
    },
  ],
};
