import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { AgentOptions, RemoteCluster } from '../../agent/config.ts';
import { canonicalCidr } from '../../cluster/index.ts';
import type { Command, Invocation } from '../command.ts';
import { allTexts, type FlagSpec, type FlagUse, invalidValue, lastText } from '../../flags/flag-spec.ts';
import { listenFlags, readListenFlags } from './listen-flags.ts';
import { boolFlag, durationFlag, uintFlag } from './read-flags.ts';
import { runProcess } from './run-process.ts';
import { readStoreFlags, storeFlags } from './store-flags.ts';

const DEFAULT_LISTEN = 'unix:///var/run/sluice/agent.sock';
const STORE_BYTES = 2 ** 30;
const BPF_OBJECT = fileURLToPath(new URL('../../build/bpf/datapath.bpf.o', import.meta.url));

const flags: readonly FlagSpec[] = [
  {
    name: 'node-name',
    kind: 'string',
    value: 'NAME',
    help: "Name of the Node manifest that stands for this machine (default: the machine's name).",
  },
  { name: 'cluster-name', kind: 'string', value: 'NAME', help: 'Name of the cluster.', default: 'default' },
  {
    name: 'cluster-id',
    kind: 'uint',
    value: 'N',
    help: 'Number of the cluster, 0 to 255; clusters that see each other need different ones.',
    default: '0',
  },
  {
    name: 'state-dir',
    kind: 'string',
    value: 'DIR',
    help: 'Directory of Kubernetes manifests (Pod, Node, Namespace, Service, network policies), watched.',
    default: '/etc/sluice/manifests',
  },
  {
    name: 'remote-cluster',
    kind: 'list',
    value: 'NAME=ID:DIR',
    help: 'Another cluster, its number and its directory of manifests (read only); may be given again.',
  },
  ...listenFlags(DEFAULT_LISTEN),
  {
    name: 'device',
    kind: 'string',
    value: 'NAME',
    help: "The node's network device (default: that of the default route).",
  },
  {
    name: 'bpf-object',
    kind: 'string',
    value: 'FILE',
    help: 'Object with the programs (default: as built in this checkout).',
  },
  {
    name: 'pin-dir',
    kind: 'string',
    value: 'DIR',
    help: 'Where programs and maps are pinned (default: /sys/fs/bpf/sluice/<node>, dots made dashes).',
  },
  {
    name: 'aggregation',
    kind: 'string',
    value: 'LEVEL',
    choices: ['none', 'low', 'medium'],
    help: 'Events: of every packet everywhere, of every packet where it is sent on, or per connection.',
    default: 'medium',
  },
  {
    name: 'aggregation-interval',
    kind: 'duration',
    value: 'DURATION',
    help: 'With medium: a live connection is reported again after this long.',
    default: '5s',
  },
  {
    name: 'capture-bytes',
    kind: 'uint',
    value: 'N',
    help: 'Packet bytes copied into an event, 0 = headers only.',
    default: '0',
  },
  {
    name: 'dns',
    kind: 'string',
    value: 'on|off',
    choices: ['on', 'off'],
    help: "Read pods' DNS questions and answers: flows of them, and names for addresses in other flows.",
    default: 'on',
  },
  {
    name: 'policy-enforcement',
    kind: 'string',
    value: 'MODE',
    choices: ['default', 'always', 'never'],
    help: 'Police pods once a policy selects them, always (then what no rule allows is denied), or never.',
    default: 'default',
  },
  {
    name: 'policy-audit',
    kind: 'bool',
    help: 'Let pass what policies would deny, and tell it with verdict AUDIT.',
  },
  {
    name: 'host-firewall',
    kind: 'bool',
    help: "Police the node's own traffic by policies with a nodeSelector.",
  },
  {
    name: 'policy-map-entries',
    kind: 'uint',
    value: 'N',
    help: 'Room for entries of all policies together. Another number than that of a pinned map is refused.',
    default: '524288',
  },
  {
    name: 'masquerade',
    kind: 'string',
    value: 'on|off',
    choices: ['on', 'off'],
    help: "What pods send outside the fleet leaves with the address of the node's device.",
    default: 'off',
  },
  {
    name: 'no-masquerade-cidr',
    kind: 'list',
    value: 'CIDR',
    help: 'To this range pods speak from their own addresses all the same. Ranges of pods (podCIDRs of Nodes) are known; may be given again.',
  },
  { name: 'no-redirect', kind: 'bool', help: "Only watch: leave forwarding to the kernel's stack." },
  {
    name: 'ring-bytes-per-cpu',
    kind: 'uint',
    value: 'N',
    help: 'Ring of each CPU, a power of two.',
    default: '4194304',
  },
  { name: 'history-flows', kind: 'uint', value: 'N', help: 'Flows kept for observe.', default: '65535' },
  { name: 'history-bytes', kind: 'uint', value: 'N', help: 'Bytes that they may take.', default: '67108864' },
  ...storeFlags({ directory: '/var/lib/sluice/agent/<node>', bytes: STORE_BYTES }),
  {
    name: 'unpin-on-exit',
    kind: 'bool',
    help: 'At the end detach all programs and forget all state, instead of leaving them at work.',
  },
];

function remoteCluster(text: string): RemoteCluster {
  const match = /^([^=]+)=(\d+):(.+)$/.exec(text);
  if (match === null || Number(match[2]) > 255) {
    throw invalidValue('--remote-cluster', text, 'NAME=ID:DIR, such as west=2:/etc/sluice/west');
  }
  return { name: match[1], id: Number(match[2]), stateDir: match[3] };
}

function cidr(text: string): string {
  const canonical = canonicalCidr(text);
  if (canonical === null)
    throw invalidValue('--no-masquerade-cidr', text, 'a range, such as 10.0.0.0/8 or fd00::/8');
  return canonical;
}

/** The options that a command line asks for. Throws UsageError. */
export function agentOptions(uses: readonly FlagUse[]): AgentOptions {
  const nodeName = lastText(uses, 'node-name') ?? hostname();
  const ringBytesPerCpu = uintFlag(uses, 'ring-bytes-per-cpu', 4 * 1024 * 1024, { min: 4096, max: 2 ** 30 });
  if ((ringBytesPerCpu & (ringBytesPerCpu - 1)) !== 0) {
    throw invalidValue('--ring-bytes-per-cpu', String(ringBytesPerCpu), 'a power of two');
  }
  const device = lastText(uses, 'device');
  return {
    nodeName,
    clusterName: lastText(uses, 'cluster-name') ?? 'default',
    clusterId: uintFlag(uses, 'cluster-id', 0, { min: 0, max: 255 }),
    stateDir: lastText(uses, 'state-dir') ?? '/etc/sluice/manifests',
    remoteClusters: allTexts(uses, 'remote-cluster').map(remoteCluster),
    ...readListenFlags(uses, DEFAULT_LISTEN),
    ...(device !== undefined && { device }),
    bpfObject: lastText(uses, 'bpf-object') ?? BPF_OBJECT,
    // A BPF file system takes no dots.
    pinDir: lastText(uses, 'pin-dir') ?? `/sys/fs/bpf/sluice/${nodeName.replaceAll('.', '-')}`,
    aggregation: (lastText(uses, 'aggregation') ?? 'medium') as AgentOptions['aggregation'],
    aggregationIntervalMs: durationFlag(uses, 'aggregation-interval', 5_000, 1),
    captureBytes: uintFlag(uses, 'capture-bytes', 0, { min: 0, max: 512 }),
    dns: lastText(uses, 'dns') !== 'off',
    policyEnforcement: (lastText(uses, 'policy-enforcement') ?? 'default') as NonNullable<
      AgentOptions['policyEnforcement']
    >,
    policyAudit: boolFlag(uses, 'policy-audit'),
    hostFirewall: boolFlag(uses, 'host-firewall'),
    policyMapEntries: uintFlag(uses, 'policy-map-entries', 524_288, { min: 1024, max: 2 ** 24 }),
    masquerade: lastText(uses, 'masquerade') === 'on',
    noMasqueradeCidrs: allTexts(uses, 'no-masquerade-cidr').map(cidr),
    noRedirect: boolFlag(uses, 'no-redirect'),
    ringBytesPerCpu,
    historyFlows: uintFlag(uses, 'history-flows', 65_535, { min: 1, max: 2 ** 31 }),
    historyBytes: uintFlag(uses, 'history-bytes', 64 * 1024 * 1024, { min: 1, max: 2 ** 40 }),
    ...readStoreFlags(uses, { directory: `/var/lib/sluice/agent/${nodeName}`, bytes: STORE_BYTES }),
    unpinOnExit: boolFlag(uses, 'unpin-on-exit'),
  };
}

export const agentCommand: Command = {
  name: 'agent',
  summary: 'Run the agent of this node (as root)',
  details: `
Loads the BPF programs, attaches them to every pod of this node and to its network device, and serves flows. State of the cluster comes from a directory of manifests.
What is loaded stays when the agent ends, so that a restart interrupts nothing. Exit status: 0 after SIGTERM or SIGINT, 1 when it cannot start or go on.`,
  examples: `  sluice agent --node-name node1 --cluster-name east --state-dir /etc/sluice/manifests \\
    --listen unix:///var/run/sluice/agent.sock --listen :4244 --tls-cert-file node.crt --tls-key-file node.key`,
  flags,
  maxPositionals: 0,
  run: async ({ uses }: Invocation) => {
    const options = agentOptions(uses);
    const { runAgent } = await import('../../agent/index.ts');
    return runProcess((io) => runAgent(options, io));
  },
};
