import { type Address } from '../rpc/index.ts';
import { type TlsFiles } from '../rpc/index.ts';
import { type AggregationLevel } from './datapath/map-layout.ts';

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
  /** Serve TCP in plaintext: for a lab, or behind something that encrypts. */
  readonly insecure: boolean;
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
  /** Most packet bytes copied into an event; 0 = headers only. Default 0, sensible up to 512. */
  readonly captureBytes: number;
  /** Leave forwarding to the kernel's stack, and only watch. Default false: packets between pods take the short way. */
  readonly noRedirect: boolean;
  /** Ring per CPU, a power of two. Default 4 MiB: 20,000 events. */
  readonly ringBytesPerCpu: number;
  /** Flows kept for GetFlows. Default 65,535; Hubble keeps 4,095. */
  readonly historyFlows: number;
  /** Bytes that history may take at most. Default 64 MiB. */
  readonly historyBytes: number;
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
