import { Datapath, type DatapathOptions } from '../../../../agent/datapath/datapath.ts';
import type { DatapathProblem } from '../../../../agent/datapath/datapath-problem.ts';
import type { AttachedEndpoint } from '../../../../agent/datapath/endpoint-manager.ts';
import { encodeAddressKey } from '../../../../agent/datapath/map-layout.ts';
import type { ClusterChange, PodEndpoint } from '../../../../cluster/model.ts';
import { parseIp } from '../../../../proto/flow/ip.ts';
import { readCHeader } from '../../../../bench/support/c-header.ts';
import type { PodNetwork } from './pod-network.ts';

const header = readCHeader('flow_event_shared.h');
/** Ends a wait that would never end; less than the datapath's own recheck, so that what it follows it was told. */
const PATIENCE_MS = 6000;

/** A datapath on the node of a PodNetwork, with all it told. */
export class LocalDatapath {
  readonly datapath: Datapath;
  readonly attached: AttachedEndpoint[] = [];
  readonly detached: AttachedEndpoint[] = [];
  problems: readonly DatapathProblem[] = [];

  constructor(network: Pick<PodNetwork, 'pinDir'>, options: Partial<DatapathOptions> = {}) {
    this.datapath = new Datapath(
      {
        clusterName: 'east',
        nodeName: 'n1',
        bpfObject: `${import.meta.dirname}/../../../../build/bpf/datapath.bpf.o`,
        pinDir: network.pinDir,
        device: 'dev0',
        aggregation: 'none',
        aggregationIntervalMs: 1000,
        captureBytes: 0,
        noRedirect: false,
        ...options,
      },
      {
        onEndpoints: (attached, detached) => {
          this.attached.push(...attached);
          this.detached.push(...detached);
        },
        onIpcache: () => {},
        onMasquerade: () => {},
        onInterfaces: () => {},
        onProblems: (problems) => {
          this.problems = problems;
        },
      },
    );
  }

  /** Applies a first state and starts. */
  start(...pods: readonly PodEndpoint[]): void {
    this.apply(...pods.map((endpoint) => ({ kind: 'endpoint-upsert', endpoint }) as const));
    this.datapath.start();
  }

  apply(...changes: readonly ClusterChange[]): void {
    this.datapath.apply(changes);
  }

  /** Endpoints served now, as `name on interface`. */
  get served(): string[] {
    return this.datapath.endpoints.map(({ pod, linkName }) => `${pod.podName} on ${linkName}`).sort();
  }

  idOf(podName: string): number {
    return this.datapath.endpoints.find(({ pod }) => pod.podName === podName)?.id ?? 0;
  }

  ifindexOf(podName: string): number {
    return this.datapath.endpoints.find(({ pod }) => pod.podName === podName)?.ifindex ?? 0;
  }

  /** Value of an address in one of the datapath's maps, or null. */
  lookup(map: 'ipcache' | 'local_addresses', address: string): Buffer | null {
    const value = this.datapath.object.map(map).lookup(encodeAddressKey(parseIp(address)!));
    return value === null ? null : Buffer.from(value);
  }

  /** A counter of the programs by its name in the header, summed over CPUs. */
  counter(name: string): number {
    const key = Buffer.alloc(4);
    key.writeUInt32LE(header.defines.get(name)!);
    const values = this.datapath.object.map('event_counters').lookup(key)!;
    return new BigUint64Array(values.buffer).reduce((sum, value) => sum + Number(value), 0);
  }

  close(remove: boolean): void {
    this.datapath.close(remove);
  }
}

/** Waits until something is so; fails, with what was met last, when that does not come. */
export async function followed(
  what: string,
  isSo: () => boolean,
  met: () => unknown = () => '',
): Promise<void> {
  const endMs = Date.now() + PATIENCE_MS;
  while (!isSo()) {
    if (Date.now() > endMs) throw new Error(`it did not come to this: ${what}; ${JSON.stringify(met())}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
