import type { Command } from '../command.ts';
import type { FlagSpec } from '../../flags/flag-spec.ts';

const lifeFlags: readonly FlagSpec[] = [
  {
    name: 'days',
    kind: 'uint',
    value: 'N',
    help: 'Days that a certificate lasts, at most as long as the CA.',
    default: '365',
  },
  {
    name: 'renew-days',
    kind: 'uint',
    value: 'N',
    help: 'Make one anew that ends within so many days, or within a third of its life.',
    default: '30',
  },
  {
    name: 'key-type',
    kind: 'string',
    value: 'TYPE',
    choices: ['ecdsa-p256', 'ecdsa-p384', 'rsa-3072'],
    help: 'Kind of the keys that are made.',
    default: 'ecdsa-p256',
  },
];

export const certsCommand: Command = {
  name: 'certs',
  summary: 'Make, renew and look at the certificates of a fleet',
  details: `
Certificates go by Hubble's names, so that Hubble's clients and relays take them, too. A file is replaced in one step and is readable by its owner only; running agents and
relays notice, and use it from the next connection on.

In the directory are ca.crt, which all trust, and its key, which is best kept apart; for servers agents/CLUSTER.crt (every agent of a cluster), agents/CLUSTER/NODE.crt
(one agent) and relay-server.crt; for clients relay-client.crt (to agents and other relays), observe-client.crt (to relays and agents, from this command) and ui-client.crt.`,
  examples: `  sluice certs create /etc/sluice/tls --cluster east --cluster west
  sluice certs create /etc/sluice/tls --node east/node1 --node east/node2 --relay-host relay.example.org
  sluice certs renew /etc/sluice/tls
  sluice certs show /etc/sluice/tls`,
  subcommands: [
    {
      name: 'create',
      summary: 'Make a CA and the certificates of a fleet',
      details: `
Makes what is missing, makes anew what ends soon or no longer fits, and keeps the rest: it may be run again at any time, also with further clusters and nodes.
Exit status: 0 when all is there, 1 when a file cannot be used or written.`,
      examples: `  sluice certs create /etc/sluice/tls --cluster east --cluster west`,
      positionals: 'DIR',
      maxPositionals: 1,
      flags: [
        {
          name: 'cluster',
          kind: 'list',
          value: 'NAME',
          help: 'A cluster whose agents share a certificate; may be given again (default without --node: default).',
        },
        {
          name: 'node',
          kind: 'list',
          value: 'CLUSTER/NODE',
          help: 'An agent with a certificate of its own, which is of no use on another node; may be given again.',
        },
        {
          name: 'relay-host',
          kind: 'list',
          value: 'HOST',
          help: 'Host name or address by which relays are reached, beside localhost; may be given again.',
        },
        { name: 'ca-days', kind: 'uint', value: 'N', help: 'Days that the CA lasts.', default: '3650' },
        ...lifeFlags,
      ],
      run: async (invocation) => (await import('./run-certs.ts')).createCerts(invocation),
    },
    {
      name: 'renew',
      summary: 'Make anew what ends soon, with the names that it has',
      details: `
Looks at every certificate below the directory; the CA itself is never replaced. Fit for a daily timer. Exit status: 0 when all is good then, 1 when not.`,
      examples: `  sluice certs renew /etc/sluice/tls
  sluice certs renew /etc/sluice/tls --all          # after a key has leaked`,
      positionals: 'DIR',
      maxPositionals: 1,
      flags: [
        { name: 'all', kind: 'bool', help: 'Make all of them anew, also those that are good.' },
        ...lifeFlags,
      ],
      run: async (invocation) => (await import('./run-certs.ts')).renewCerts(invocation),
    },
    {
      name: 'show',
      summary: 'Show what is there, for whom, and when it ends',
      details: `
Exit status: 0 when every certificate is good now, 1 when one has expired, was not signed by ca.crt, or does not fit its key.`,
      positionals: 'DIR',
      maxPositionals: 1,
      run: async (invocation) => (await import('./run-certs.ts')).showCerts(invocation),
    },
  ],
};
