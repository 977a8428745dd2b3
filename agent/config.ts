import {
  type Address,
  formatAddress,
  type PageOptions,
  type ServerLimits,
  type TlsFiles,
} from '../rpc/index.ts';
import type { StoreBounds } from '../history/index.ts';
import type { EnforcementMode } from '../policy/index.ts';
import type { AggregationLevel } from './datapath/map-layout.ts';

/** A directory of another cluster's manifests, read only. */
export interface RemoteCluster {
  readonly name: string;
  /** 1 to 255, as that cluster's own agents are given it. */
  readonly id: number;
  readonly stateDir: string;
}

/** Everything an agent can be told. */
export interface AgentOptions {
  /** Name of the Node manifest that stands for this machine. */
  readonly nodeName: string;
  /** `default` unless set; with any other name flows carry `<cluster>/<node>`. */
  readonly clusterName: string;
  /** 0 to 255; several clusters that see each other need different ones, because identities carry it. Default 0. */
  readonly clusterId: number;
  /** Directory of manifests, watched. */
  readonly stateDir: string;
  readonly remoteClusters: readonly RemoteCluster[];
  /** Default unix:///var/run/sluice/agent.sock alone. */
  readonly listen: readonly Address[];
  /** Certificates for TCP addresses. */
  readonly tls?: TlsFiles;
  /** Serve TCP in plaintext, beside TLS where there are certificates, too: behind something that encrypts. */
  readonly insecure: boolean;
  /** What clients may take; the defaults of `rpc/limits.ts` for what is left out. */
  readonly limits?: Partial<ServerLimits>;
  /** Origins whose web pages may call, such as https://ui.example.org. Default none but the server's own. */
  readonly allowedOrigins?: readonly string[];
  /** The page for browsers; absent: none. */
  readonly page?: PageOptions;
  /** The node's network device; default: that of the default route, else the first that is no loopback or veth. */
  readonly device?: string;
  /** The object with the programs; default build/bpf/datapath.bpf.o of this checkout. */
  readonly bpfObject: string;
  /** Where programs and maps are pinned; default /sys/fs/bpf/sluice/<node>. */
  readonly pinDir: string;
  /** How densely the datapath reports. Default medium: per connection. */
  readonly aggregation: AggregationLevel;
  /** With medium: a live connection is reported again after this long. Default 5 s, as Cilium; sensible 1 s to 5 min. */
  readonly aggregationIntervalMs: number;
  /** Most packet bytes copied into an event; 0 = headers only. Default 0, sensible up to 512, at most 4096. */
  readonly captureBytes: number;
  /**
   * Read the DNS questions of this node's pods and the answers they get: flows of them, and names for the addresses of others. Default true. What pods ask for is then in the
   * flows, for whoever may read those.
   */
  readonly dns?: boolean;
  /** When endpoints are policed: `default` once a rule selects them, `always`, or `never`. Cilium's `enable-policy`. Default `default`. */
  readonly policyEnforcement?: EnforcementMode;
  /** What policies would deny passes, and is told with verdict AUDIT. Cilium's `policy-audit-mode`. Default false; pods may ask for it one by one. */
  readonly policyAudit?: boolean;
  /** Whether policies with a nodeSelector police the node's own traffic. Cilium's `enable-host-firewall`. Default false. */
  readonly hostFirewall?: boolean;
  /** What pods send outside the fleet leaves with the node's address. Cilium's `enable-ipv4-masquerade` and `enable-ipv6-masquerade`. Default false. */
  readonly masquerade?: boolean;
  /** Ranges to which pods speak from their own addresses all the same; those of the fleet's pods are known. Cilium's `ipv4-native-routing-cidr`. Default none. */
  readonly noMasqueradeCidrs?: readonly string[];
  /** Entries of all policies together, of both versions while one replaces the other. Default 524,288, of 80 bytes each as far as they are used. A pinned map of another size is refused. */
  readonly policyMapEntries?: number;
  /** Leave forwarding to the kernel's stack, and only watch. Default false: packets between pods take the short way. */
  readonly noRedirect: boolean;
  /** Ring per CPU, a power of two. Default 4 MiB: 20,000 events. */
  readonly ringBytesPerCpu: number;
  /**
   * Encoded flows that may wait for the main thread, in bytes; what comes beyond is lost and counted. Default 256 MiB, which a stall of three seconds fills at 100,000 flows/s.
   */
  readonly maxQueuedBytes?: number;
  /** Flows kept for GetFlows. Default 65,535; Hubble keeps 4,095. */
  readonly historyFlows: number;
  /** Bytes that history may take at most. Default 64 MiB. */
  readonly historyBytes: number;
  /** Where flows are kept on disk, and how many; absent: in memory only. The command line keeps 1 GiB and seven days. */
  readonly store?: StoreBounds;
  /** On a clean end, detach all programs and remove the pins. Default false: what is loaded goes on while the agent is away. */
  readonly unpinOnExit: boolean;
}

/** What a process room gets from whoever starts it. */
export interface ProcessIo {
  /** Aborts when the process shall end. */
  readonly signal: AbortSignal;
  /** Takes one log line, without a line break. */
  readonly log: (line: string) => void;
}

const MIN_RING_BYTES = 4096;
const MAX_RING_BYTES = 2 ** 30;
const MAX_CAPTURE_BYTES = 4096;
const MIN_POLICY_ENTRIES = 1024;
const MAX_POLICY_ENTRIES = 2 ** 24;
const MIN_INTERVAL_MS = 1000;
const MAX_INTERVAL_MS = 3_600_000;

/**
 * What is wrong with the options, each fault naming the option, its value and what was expected; empty when nothing is. Whether files, directories and devices
 * are there is seen at the start only.
 */
export function checkAgentOptions(options: AgentOptions): string[] {
  const faults: string[] = [];
  const check = (fine: boolean, option: string, value: string | number, expected: string): void => {
    if (!fine) faults.push(`option ${option} is "${value}", expected ${expected}`);
  };
  const isId = (id: number, min: number): boolean => Number.isInteger(id) && id >= min && id <= 255;
  const isCount = (count: number): boolean => Number.isSafeInteger(count) && count >= 1;
  // A name that another agent or relay uses as part of a path or of `<cluster>/<node>`.
  const isName = (name: string): boolean => /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(name);

  check(isName(options.nodeName), 'nodeName', options.nodeName, 'letters, digits, dots and dashes');
  check(isName(options.clusterName), 'clusterName', options.clusterName, 'letters, digits, dots and dashes');
  check(isId(options.clusterId, 0), 'clusterId', options.clusterId, 'a number from 0 to 255');
  const names = [options.clusterName, ...options.remoteClusters.map(({ name }) => name)];
  const ids = [options.clusterId, ...options.remoteClusters.map(({ id }) => id)];
  for (const [i, { name, id }] of options.remoteClusters.entries()) {
    check(isName(name), `remoteClusters[${i}].name`, name, 'letters, digits, dots and dashes');
    check(names.indexOf(name) === i + 1, `remoteClusters[${i}].name`, name, 'a name of its own');
    check(isId(id, 1), `remoteClusters[${i}].id`, id, 'a number from 1 to 255');
    check(ids.indexOf(id) === i + 1, `remoteClusters[${i}].id`, id, 'a number that no other cluster has');
  }
  check(options.listen.length > 0, 'listen', '', 'at least one address');
  const open = options.listen.find(({ kind }) => kind === 'tcp');
  if (open !== undefined && options.tls === undefined && !options.insecure) {
    faults.push(
      `option listen has ${formatAddress(open)}: give a certificate and key, or say insecure to serve it in plaintext`,
    );
  }
  const { ringBytesPerCpu: ring, captureBytes, aggregationIntervalMs: interval } = options;
  check(
    ring >= MIN_RING_BYTES && ring <= MAX_RING_BYTES && Number.isInteger(Math.log2(ring)),
    'ringBytesPerCpu',
    ring,
    `a power of two from ${MIN_RING_BYTES} to ${MAX_RING_BYTES}`,
  );
  check(
    Number.isInteger(captureBytes) && captureBytes >= 0 && captureBytes <= MAX_CAPTURE_BYTES,
    'captureBytes',
    captureBytes,
    `a number from 0 to ${MAX_CAPTURE_BYTES}`,
  );
  check(
    interval >= MIN_INTERVAL_MS && interval <= MAX_INTERVAL_MS,
    'aggregationIntervalMs',
    interval,
    `${MIN_INTERVAL_MS} to ${MAX_INTERVAL_MS} ms`,
  );
  const { policyMapEntries: entries = MIN_POLICY_ENTRIES } = options;
  check(
    Number.isInteger(entries) && entries >= MIN_POLICY_ENTRIES && entries <= MAX_POLICY_ENTRIES,
    'policyMapEntries',
    entries,
    `a number from ${MIN_POLICY_ENTRIES} to ${MAX_POLICY_ENTRIES}`,
  );
  check(isCount(options.historyFlows), 'historyFlows', options.historyFlows, 'a whole number of 1 or more');
  check(isCount(options.historyBytes), 'historyBytes', options.historyBytes, 'a whole number of 1 or more');
  check(
    options.maxQueuedBytes === undefined || isCount(options.maxQueuedBytes),
    'maxQueuedBytes',
    options.maxQueuedBytes ?? 0,
    'a whole number of 1 or more',
  );
  return faults;
}
