import type { Command } from '../command.ts';
import { listOutputFlag, namespaceFlag, nodeFlag } from '../nodes/list-flags.ts';
import type { FlagSpec } from '../../flags/flag-spec.ts';
import { replayCommand, suggestCommand } from './recorded-commands.ts';

const outputFlag: FlagSpec = {
  name: 'output',
  short: 'o',
  kind: 'string',
  value: 'FORMAT',
  choices: ['text', 'json'],
  help: 'How to print it.',
  default: 'text',
};

const traceFlags: readonly FlagSpec[] = [
  {
    name: 'from',
    kind: 'string',
    value: 'END',
    help: 'Who begins the connection; see above for how ends are written.',
  },
  { name: 'to', kind: 'string', value: 'END', help: 'Who is reached.' },
  {
    name: 'port',
    kind: 'string',
    value: 'PORT[/PROTOCOL]',
    help: 'Destination port, that of the pod behind a service, such as 8080 or 53/UDP; with icmp and icmpv6 the type of the message.',
  },
  {
    name: 'protocol',
    kind: 'string',
    value: 'PROTOCOL',
    choices: ['tcp', 'udp', 'sctp', 'icmp', 'icmpv6'],
    help: 'Protocol, if --port does not name it (default tcp).',
  },
  {
    name: 'filename',
    short: 'f',
    kind: 'list',
    value: 'FILE',
    help: 'Policies: a file, or a directory with all files below; may be given again. They count besides those of --state-dir, and replace those of the same kind and name there.',
  },
  {
    name: 'state-dir',
    kind: 'string',
    value: 'DIR',
    help: 'Manifests of the cluster (Pod, Node, Namespace, Service, policies), as an agent reads them.',
  },
  nodeFlag,
  {
    name: 'cluster-name',
    kind: 'string',
    value: 'NAME',
    help: 'With files: name of the cluster (default "default").',
  },
  {
    name: 'mode',
    kind: 'string',
    value: 'MODE',
    choices: ['default', 'always', 'never'],
    help: 'With files: when endpoints are policed: once a policy selects them (default), always, or never.',
  },
  {
    name: 'host-firewall',
    kind: 'bool',
    help: 'With files: let policies with a nodeSelector police nodes.',
  },
  outputFlag,
];

const listFlags: readonly FlagSpec[] = [
  namespaceFlag,
  nodeFlag,
  { name: 'rules', kind: 'bool', help: 'A row for each rule instead of each policy.', default: 'false' },
  {
    name: 'unused',
    kind: 'bool',
    help: 'Only rules that have not decided anything since agents began to watch.',
    default: 'false',
  },
  {
    name: 'removed',
    kind: 'bool',
    help: 'Also policies that are not there any more, as long as agents remember them.',
    default: 'false',
  },
  listOutputFlag('cluster, rules, revision, age and file'),
];

const getFlags: readonly FlagSpec[] = [
  namespaceFlag,
  nodeFlag,
  {
    name: 'revisions',
    kind: 'uint',
    value: 'NUMBER',
    help: 'How many of its last changes to show, 0 to 20.',
    default: '5',
  },
  {
    name: 'output',
    short: 'o',
    kind: 'string',
    value: 'FORMAT',
    choices: ['text', 'yaml', 'json'],
    help: 'How to print it; yaml is the manifest as agents read it.',
    default: 'text',
  },
];

export const policyCommand: Command = {
  name: 'policy',
  summary: 'Show network policies and what their rules decided, check them, and ask who reaches whom',
  details: `
list and get ask an agent or a relay for the policies in force; trace does, too, or works on files; validate works on files alone. replay and suggest read recorded flows.
Kinds: NetworkPolicy
(networking.k8s.io/v1), CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy (cilium.io/v2), as YAML or JSON.`,
  examples: `  sluice policy list -n travel
  sluice policy get travel/front-door
  sluice policy trace --from travel/search-0 --to travel/fares-0 --port 8080/TCP
  sluice policy validate policies/
  sluice policy replay policies/ --since 24h --fail-on denied
  sluice policy suggest -n travel --since 24h > travel.yaml`,
  subcommands: [
    {
      name: 'list',
      aliases: ['ls'],
      summary: 'List the policies in force, with what they decided and on how many nodes they are',
      maxPositionals: 0,
      details: `
Decisions are counted where they are made: one for a connection that is allowed (and one more whenever it is judged anew, because a policy or an identity changed), one for
each packet that is denied, or would be but for audit mode. They live over restarts of agents. LAST is when the last decision was made, to a few seconds; for what never
decided it is for how long that has been watched.

ENFORCED says on how many of the cluster's nodes the newest version is in force; nodes that do not answer count as not.`,
      examples: `  sluice policy list
  sluice policy list -n travel -o wide
  sluice policy list --unused                # rules that nobody needs
  sluice policy list --rules --node east/n1 --server east/n1.example:4244`,
      flags: listFlags,
      run: async (invocation) => (await import('./run-list.ts')).listPolicies(invocation),
    },
    {
      name: 'get',
      summary: 'Show one policy: its manifest with the traffic beside each rule, and how it changed',
      positionals: 'NAME',
      maxPositionals: 1,
      details: `
NAME is the policy's name, NAMESPACE/NAME, or KIND/NAMESPACE/NAME as flows name it. Line numbers are those of the file. Rules that are new, gone or changed in a revision
stand there with +, - or ~.`,
      examples: `  sluice policy get front-door -n travel
  sluice policy get CiliumNetworkPolicy/travel/front-door -o yaml
  sluice policy get travel/front-door --revisions 20`,
      flags: getFlags,
      run: async (invocation) => (await import('./run-get.ts')).getPolicy(invocation),
    },
    {
      name: 'validate',
      summary: 'Check policies: every mistake with its file, line, object and field',
      positionals: 'FILE|DIR...',
      details: `
Reads the named files, and every .yaml, .yml and .json file below the named directories. Objects that are no policies are passed over.

A policy with a problem would not be applied at all: not its good rules either. Problems are wrong values, fields that do not exist, and fields that this version does not
support, such as rules on HTTP or DNS names. Lines that begin with "note:" tell of policies that are valid, but do something else than it seems.

Exit status: 0 if every policy is valid, 1 if one has a problem, and for any other error.`,
      examples: `  sluice policy validate web.yaml
  sluice policy validate policies/ -o json`,
      flags: [outputFlag],
      run: async (invocation) => (await import('./run-validate.ts')).validatePolicies(invocation),
    },
    {
      name: 'trace',
      summary: 'Ask whether one end reaches another, and which rules say so',
      maxPositionals: 0,
      details: `
Looks the connection up as the programs on a node do: the egress of the one who begins it, then the ingress of the one who is reached. Both have to allow. What is asked
about is the first packet: replies and ICMP errors pass with their connection. With files (-f, --state-dir) their policies are compiled here. Without any, the agent or relay
of --server answers from what it has in force; a relay has each end judged by the agent of its node.

An end is written as NAMESPACE/POD or node/NAME; an IP address (a pod's or node's, else somebody outside); a comma-separated list of labels, such as
app=web,io.kubernetes.pod.namespace=travel (the namespace is "default" when not given; with files the pod need not exist); or one of host, remote-node, kube-apiserver,
health, init, unmanaged, ingress, world-ipv4 and world-ipv6.

Exit status: 0 if the connection passes (also if it is only audited), 2 if a policy denies it, 1 for any error.`,
      examples: `  sluice policy trace --from travel/search-0 --to travel/fares-0 --port 8080/TCP
  sluice policy trace --from travel/search-0 --to travel/fares-0 --port 8080 --state-dir manifests
  sluice policy trace --from app=web --to 203.0.113.7 --port 443 -f egress.yaml
  sluice policy trace --from host --to travel/search-0 --protocol icmp --port 8 --state-dir manifests -o json`,
      flags: traceFlags,
      run: async (invocation) => (await import('./run-trace.ts')).tracePolicies(invocation),
    },
    replayCommand,
    suggestCommand,
  ],
};
