import { endFieldNames, flowFieldNames } from '../../proto/flow/aggregate/key-names.ts';
import type { HelpList } from '../command.ts';

/** The keys as a help page lists them. */
export const keyLists: readonly HelpList[] = [
  {
    heading: 'Keys of the ends: one of the four words, alone or with a suffix',
    rows: [
      [
        'source, destination',
        'of the packet: the best name there is, which is pod, service, DNS names or address',
      ],
      ['client, server', 'of the connection: the same, but a reply counts for the client that asked'],
      ...endFieldNames.slice(1).map(([, suffix, help]) => [`…${suffix}`, help] as const),
      ['workload, pod, …', 'without an end: of client and server'],
      ['port', 'server-port'],
    ],
  },
  {
    heading: 'Keys of the whole flow',
    rows: flowFieldNames.map(([, name, help]) => [name, help] as const),
  },
];
