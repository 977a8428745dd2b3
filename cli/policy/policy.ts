import type { Command } from '../command.ts';
import type { FlagSpec } from '../../flags/flag-spec.ts';

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
    kind: 'uint16',
    value: 'PORT',
    help: 'Destination port, that of the pod behind a service; with icmp and icmpv6 the type of the message.',
  },
  {
    name: 'protocol',
    kind: 'string',
    value: 'PROTOCOL',
    choices: ['tcp', 'udp', 'sctp', 'icmp', 'icmpv6'],
    help: 'Protocol.',
    default: 'tcp',
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
  { name: 'cluster-name', kind: 'string', value: 'NAME', help: 'Name of the cluster.', default: 'default' },
  {
    name: 'mode',
    kind: 'string',
    value: 'MODE',
    choices: ['default', 'always', 'never'],
    help: 'When endpoints are policed: once a policy selects them, always, or never.',
    default: 'default',
  },
  {
    name: 'host-firewall',
    kind: 'bool',
    help: 'Let policies with a nodeSelector police nodes.',
    default: 'false',
  },
  outputFlag,
];

export const policyCommand: Command = {
  name: 'policy',
  summary: 'Check network policies, and ask who reaches whom, without a cluster',
  details: `
Works on files: NetworkPolicy (networking.k8s.io/v1), CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy (cilium.io/v2), as YAML or JSON. Neither an agent nor a server
is asked.`,
  examples: `  sluice policy validate policies/
  sluice policy trace --from travel/search-0 --to travel/fares-0 --port 8080 --state-dir manifests`,
  subcommands: [
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
Compiles the policies and looks the connection up as the programs on a node do: the egress of the one who begins it, then the ingress of the one who is reached. Both have to
allow. What is asked about is the first packet: replies and ICMP errors pass with their connection.

An end is written as NAMESPACE/POD or node/NAME (from --state-dir); an IP address (a pod's or node's of --state-dir, else somebody outside); a comma-separated list of
labels, such as app=web,io.kubernetes.pod.namespace=travel (a pod that need not exist; the namespace is "default" when not given); or one of host, remote-node,
kube-apiserver, health, init, unmanaged, ingress, world-ipv4 and world-ipv6.

Exit status: 0 if the connection passes, 2 if a policy denies it, 1 for any error.`,
      examples: `  sluice policy trace --from travel/search-0 --to travel/fares-0 --port 8080 --state-dir manifests
  sluice policy trace --from app=web --to 203.0.113.7 --port 443 -f egress.yaml
  sluice policy trace --from host --to travel/search-0 --protocol icmp --port 8 --state-dir manifests -o json`,
      flags: traceFlags,
      run: async (invocation) => (await import('./run-trace.ts')).tracePolicies(invocation),
    },
  ],
};
