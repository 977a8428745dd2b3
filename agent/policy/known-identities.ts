import type { ClusterChange, PodEndpoint } from '../../cluster/index.ts';
import type { NamedPort, PolicyIdentity } from '../../policy/index.ts';

/** IP protocol numbers of the protocols that container ports may have. */
const PROTOCOL_NUMBERS = { TCP: 6, UDP: 17, SCTP: 132 } as const;
/** An identity that nobody has any more is known for so long: its pods' addresses are forgotten before, and a pod that is made anew finds it in place. */
const RETIRE_MS = 2000;

interface Holder {
  readonly pods: Map<string, readonly NamedPort[]>;
  readonly labels: readonly string[];
  /** When the last pod went; 0 = there are some. */
  unusedSinceMs: number;
}

/** The identities that pods of all clusters have, as policies have to know them. */
export class KnownIdentities {
  private readonly holders = new Map<number, Holder>();
  private readonly identityOfPod = new Map<string, number>();

  /** Takes changes. Returns the identities that are new, or whose ports have other names. */
  apply(changes: readonly ClusterChange[]): PolicyIdentity[] {
    const touched = new Set<number>();
    for (const change of changes) {
      if (change.kind === 'endpoint-delete') this.move(change.endpoint, 0, touched);
      else if (change.kind === 'endpoint-upsert')
        this.move(change.endpoint, change.endpoint.identity, touched);
    }
    return [...touched].flatMap((id) => {
      const holder = this.holders.get(id)!;
      return holder.pods.size === 0 ? [] : [{ id, labels: holder.labels, namedPorts: portsOf(holder) }];
    });
  }

  /** Whether some identity is there that nobody has. */
  get hasUnused(): boolean {
    for (const { pods } of this.holders.values()) if (pods.size === 0) return true;
    return false;
  }

  /** Forgets identities that nobody has had for a while, and returns them. */
  retire(nowMs: number): number[] {
    const gone: number[] = [];
    for (const [id, { pods, unusedSinceMs }] of this.holders) {
      if (pods.size > 0 || nowMs - unusedSinceMs < RETIRE_MS) continue;
      this.holders.delete(id);
      gone.push(id);
    }
    return gone;
  }

  private move(pod: PodEndpoint, to: number, touched: Set<number>): void {
    const key = `${pod.cluster}/${pod.namespace}/${pod.podName}`;
    const from = this.identityOfPod.get(key) ?? 0;
    const ports = namedPortsOf(pod);
    const old = this.holders.get(from);
    if (old !== undefined && from !== to) {
      old.pods.delete(key);
      if (old.pods.size === 0) old.unusedSinceMs = performance.now();
    }
    if (to === 0) {
      this.identityOfPod.delete(key);
      return;
    }
    this.identityOfPod.set(key, to);
    let holder = this.holders.get(to);
    if (holder === undefined) {
      holder = { pods: new Map(), labels: pod.labels, unusedSinceMs: 0 };
      this.holders.set(to, holder);
      touched.add(to);
    } else if (JSON.stringify(portsOf(holder)) !== JSON.stringify(unionOf([...holder.pods.values(), ports])))
      touched.add(to);
    holder.pods.set(key, ports);
    holder.unusedSinceMs = 0;
  }
}

/** The ports of a pod's containers that have names. */
export function namedPortsOf({ namedPorts = [] }: PodEndpoint): NamedPort[] {
  return namedPorts.map(({ name, protocol, port }) => ({ name, protocol: PROTOCOL_NUMBERS[protocol], port }));
}

function portsOf({ pods }: Holder): NamedPort[] {
  return unionOf([...pods.values()]);
}

function unionOf(lists: readonly (readonly NamedPort[])[]): NamedPort[] {
  const known = new Map<string, NamedPort>();
  for (const list of lists)
    for (const port of list) known.set(`${port.name} ${port.protocol} ${port.port}`, port);
  return [...known.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, port]) => port);
}
