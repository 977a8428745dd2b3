import type { FlagSpec } from '../../flags/flag-spec.ts';
import type { Command, Invocation } from '../command.ts';
import { limitFlag, listOutputFlag, namespaceFlag, nodeFlag } from '../nodes/list-flags.ts';

const podFlag: FlagSpec = {
  name: 'pod',
  kind: 'list',
  value: '[NAMESPACE/]NAME',
  help: 'Only rows of pods (or services) with this name, or one that begins like it; may be given again.',
};
const addressFlag: FlagSpec = {
  name: 'ip',
  kind: 'list',
  value: 'ADDRESS|RANGE',
  help: 'Only rows with this address, or one in this range; may be given again.',
};
const identityFlag: FlagSpec = {
  name: 'identity',
  kind: 'list',
  value: 'NUMBER',
  help: 'Only rows with this identity; may be given again.',
};
const endpointFlag: FlagSpec = {
  name: 'endpoint',
  kind: 'list',
  value: 'NUMBER',
  help: 'Only this endpoint of its node, 0 for the node itself; may be given again.',
};
const portFlag: FlagSpec = {
  name: 'port',
  kind: 'uint16',
  value: 'PORT',
  help: 'Only rows with this port, or a range that holds it.',
};
const protocolFlag: FlagSpec = {
  name: 'protocol',
  kind: 'string',
  value: 'PROTOCOL',
  choices: ['tcp', 'udp', 'sctp', 'icmp', 'icmpv6'],
  help: 'Only rows of this protocol.',
};

const expiredFlag: FlagSpec = {
  name: 'expired',
  kind: 'bool',
  help: 'Also entries that are as good as gone: nobody spoke for longer than they live.',
  default: 'false',
};

const who = [namespaceFlag, nodeFlag, podFlag];
type TableName = 'ipcache' | 'policy' | 'ct' | 'endpoints' | 'services';

function table(
  name: TableName,
  summary: string,
  details: string,
  flags: readonly FlagSpec[],
  wide: string,
  examples: string,
  aliases: readonly string[] = [],
): Command {
  return {
    name,
    aliases,
    summary,
    details,
    examples,
    subcommands: [
      {
        name: 'list',
        aliases: ['ls'],
        summary,
        details,
        examples,
        maxPositionals: 0,
        flags: [...who, ...flags, limitFlag, listOutputFlag(wide)],
        run: async (invocation: Invocation) => (await import('./run-dump.ts')).dumpTable(name, invocation),
      },
    ],
  };
}

export const bpfCommand: Command = {
  name: 'bpf',
  summary: 'Show what the maps of the programs hold, in names and numbers',
  details: `
Reads maps of a node's programs, through its agent; a relay asks its agents one after the other. Maps change while they are read: a row may be missing, or come twice.
Names are those of cluster state; what nobody has any more has none.`,
  examples: `  sluice bpf ct list -n travel --port 8080
  sluice bpf policy list --pod travel/search -o wide
  sluice bpf ipcache list --ip 10.1.0.0/16 -o json`,
  subcommands: [
    table(
      'ipcache',
      'List which address has which identity',
      'Single addresses are of pods and nodes, ranges of policies that speak of them; of several the longest counts. What is in none is world.',
      [addressFlag, identityFlag],
      'labels',
      '  sluice bpf ipcache list --ip 10.1.1.7\n  sluice bpf ipcache list -n travel -o wide',
    ),
    table(
      'policy',
      'List the entries of the policy map, with the rules that made them',
      'Endpoints with equal policies share their entries. A deny beats every allow; else the entry that says most about port and protocol decides. DECISIONS counts for all entries that the same rules made.',
      [endpointFlag, identityFlag, portFlag, protocolFlag],
      'set, cookie and labels',
      '  sluice bpf policy list --pod travel/search-0 --port 8080\n  sluice bpf policy list --endpoint 0 --node east/n1',
    ),
    table(
      'ct',
      'List connections as conntrack knows them',
      'Each connection once, from the one who began it. CUT: a policy has denied it since.',
      [addressFlag, identityFlag, portFlag, protocolFlag, expiredFlag],
      'identities, TCP flags, and what policies said',
      '  sluice bpf ct list -n travel\n  sluice bpf ct list --ip 10.1.1.7 --port 53 --protocol udp',
      ['conntrack'],
    ),
    table(
      'endpoints',
      'List the interfaces whose packets the programs know',
      'What is not here may not send. The generation counts up with every change of the endpoint’s policy.',
      [addressFlag, identityFlag, endpointFlag],
      'MACs',
      '  sluice bpf endpoints list --node east/n1',
      ['endpoint'],
    ),
    table(
      'services',
      'List services with the pods behind them',
      'As cluster state has them: the programs do not translate services, the kernel or a proxy does.',
      [addressFlag, portFlag, protocolFlag],
      'backends',
      '  sluice bpf services list -n travel\n  sluice bpf services list --ip 10.96.0.10',
      ['service', 'lb'],
    ),
  ],
};
