/** A view of `sluice top`. */
export interface TopPreset {
  readonly name: string;
  /** Ends the sentence "Show the busiest …". */
  readonly help: string;
  readonly keys: readonly string[];
  /** Filter flags that belong to it, with their values. */
  readonly filters: readonly (readonly [flag: string, value: string])[];
  /** Sorted by drops instead of flows. */
  readonly isOfDrops?: boolean;
}

/** Every view, the first being the one without a name. */
export const topPresets: readonly TopPreset[] = [
  {
    name: 'workloads',
    help: 'who talks to whom: workloads and the ports they serve',
    keys: ['client-workload', 'server-workload', 'server-port'],
    filters: [],
  },
  {
    name: 'pods',
    help: 'the same by pod, service, name or address',
    keys: ['client', 'server', 'server-port'],
    filters: [],
  },
  {
    name: 'namespaces',
    help: 'the same by namespace',
    keys: ['client-namespace', 'server-namespace'],
    filters: [],
  },
  { name: 'clusters', help: 'the same by cluster', keys: ['client-cluster', 'server-cluster'], filters: [] },
  {
    name: 'identities',
    help: 'the same by security identity',
    keys: ['client-identity', 'server-identity'],
    filters: [],
  },
  {
    name: 'ports',
    help: 'ports, and who serves them',
    keys: ['protocol', 'server-port', 'server-workload'],
    filters: [],
  },
  {
    name: 'drops',
    help: 'what is dropped, why, and between whom',
    keys: ['drop-reason', 'client', 'server', 'server-port'],
    filters: [['verdict', 'DROPPED']],
    isOfDrops: true,
  },
  {
    name: 'policies',
    help: 'policies that decided, and how',
    keys: ['policy', 'verdict', 'direction'],
    filters: [['type', 'policy-verdict']],
  },
  {
    name: 'names',
    help: 'names of the outside world, and who talks to them',
    keys: ['server-dns-name', 'client-workload'],
    filters: [['fqdn', '*']],
  },
  {
    name: 'dns',
    help: 'names that are asked for, and the answers',
    keys: ['dns-query', 'dns-rcode', 'client-workload'],
    filters: [['protocol', 'dns']],
  },
  {
    name: 'http',
    help: 'HTTP by server, method and status',
    keys: ['server-workload', 'http-method', 'http-status'],
    filters: [['protocol', 'http']],
  },
  { name: 'nodes', help: 'nodes by what they see', keys: ['node', 'verdict'], filters: [] },
];
