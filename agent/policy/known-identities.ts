import type { ClusterChange, PodEndpoint } from '../../cluster/index.ts';
import type { NamedPort, PolicyIdentity } from '../../policy/index.ts';

/** IP protocol numbers of the protocols that container ports may have. */
const PROTOCOL_NUMBERS = { TCP: 6, UDP: 17, SCTP: 132 } as const;
/** An identity that nobody has any more is known for so long: its pods' addresses are forgotten before, and a pod that is made anew finds it in place. */
const RETIRE_MS = 2000;

interface Holder {
  readonly labels: readonly string[];
  pods: number;
  /** Ports of its pods, with how many of them have each. */
  readonly ports: Map<string, { readonly port: NamedPort; pods: number }>;
  /** When the last pod went. */
  unusedSinceMs: number;
}

/** The identities that pods of all clusters have, as policies have to know them. */
export class KnownIdentities {
  private readonly holders = new Map<number, Holder>();
  private readonly pods = new Map<
    string,
    { readonly identity: number; readonly ports: readonly NamedPort[]; readonly pod: PodEndpoint }
  >();
  /** Of those of `holders` that no pod has. */
  private readonly unused = new Set<number>();

  /** Takes changes. Returns the identities that are new, or whose ports have other names. */
  apply(changes: readonly ClusterChange[]): PolicyIdentity[] {
    const touched = new Set<number>();
    for (const change of changes) {
      if (change.kind === 'endpoint-delete') this.leave(change.endpoint, touched);
      else if (change.kind === 'endpoint-upsert') this.join(change.endpoint, touched);
    }
    return [...touched].flatMap((id) => {
      const { pods, labels, ports } = this.holders.get(id)!;
      return pods === 0 ? [] : [{ id, labels, namedPorts: [...ports.values()].map(({ port }) => port) }];
    });
  }

  /** A pod that has an identity. */
  pod(cluster: string, namespace: string, podName: string): PodEndpoint | undefined {
    return this.pods.get(podText({ cluster, namespace, podName }))?.pod;
  }

  /** All pods that have an identity. */
  *allPods(): IterableIterator<PodEndpoint> {
    for (const { pod } of this.pods.values()) yield pod;
  }

  /** Whether some identity is there that nobody has. */
  get hasUnused(): boolean {
    return this.unused.size > 0;
  }

  /** Forgets identities that nobody has had for a while, and returns them. */
  retire(nowMs: number): number[] {
    const gone = [...this.unused].filter((id) => nowMs - this.holders.get(id)!.unusedSinceMs >= RETIRE_MS);
    for (const id of gone) {
      this.holders.delete(id);
      this.unused.delete(id);
    }
    return gone;
  }

  /** The new identity first, so that a pod that only changes keeps the one it has in use. */
  private join(pod: PodEndpoint, touched: Set<number>): void {
    const { identity, labels } = pod;
    const ports = namedPortsOf(pod);
    if (identity !== 0) {
      const holder = this.holders.get(identity) ?? { labels, pods: 0, ports: new Map(), unusedSinceMs: 0 };
      if (holder.pods++ === 0 && !this.unused.delete(identity)) touched.add(identity);
      this.holders.set(identity, holder);
      for (const port of ports) {
        const known = holder.ports.get(portText(port));
        if (known === undefined) touched.add(identity);
        holder.ports.set(portText(port), { port, pods: (known?.pods ?? 0) + 1 });
      }
    }
    this.leave(pod, touched);
    if (identity !== 0) this.pods.set(podText(pod), { identity, ports, pod });
  }

  private leave(pod: PodEndpoint, touched: Set<number>): void {
    const known = this.pods.get(podText(pod));
    if (known === undefined) return;
    this.pods.delete(podText(pod));
    const holder = this.holders.get(known.identity)!;
    for (const port of known.ports) {
      const one = holder.ports.get(portText(port))!;
      if (--one.pods > 0) continue;
      holder.ports.delete(portText(port));
      touched.add(known.identity);
    }
    if (--holder.pods > 0) return;
    holder.unusedSinceMs = performance.now();
    this.unused.add(known.identity);
  }
}

/** The ports of a pod's containers that have names. */
export function namedPortsOf({ namedPorts = [] }: PodEndpoint): NamedPort[] {
  return namedPorts.map(({ name, protocol, port }) => ({ name, protocol: PROTOCOL_NUMBERS[protocol], port }));
}

function podText({
  cluster,
  namespace,
  podName,
}: Pick<PodEndpoint, 'cluster' | 'namespace' | 'podName'>): string {
  return `${cluster}/${namespace}/${podName}`;
}

function portText({ name, protocol, port }: NamedPort): string {
  return `${name} ${protocol} ${port}`;
}
