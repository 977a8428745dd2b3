/** A namespace of a cluster, as it appears in flows. */
export interface SeenNamespace {
  readonly cluster: string;
  readonly namespace: string;
}

const KEEP_MS = 60 * 60 * 1000;

/** Namespaces seen in flows of the last hour. Those of the default cluster go without its name, as Hubble has it. */
export class NamespaceLog {
  private readonly seen = new Map<string, SeenNamespace & { lastMs: number }>();

  add(namespaces: readonly SeenNamespace[], nowMs: number): void {
    for (const seen of namespaces) {
      const { namespace } = seen;
      const cluster = seen.cluster === 'default' ? '' : seen.cluster;
      this.seen.set(`${cluster}/${namespace}`, { cluster, namespace, lastMs: nowMs });
    }
  }

  /** Sorted by cluster, then namespace; what was last seen more than an hour ago is forgotten. */
  list(nowMs: number): SeenNamespace[] {
    for (const [key, { lastMs }] of this.seen) if (nowMs - lastMs > KEEP_MS) this.seen.delete(key);
    return [...this.seen.values()]
      .map(({ cluster, namespace }) => ({ cluster, namespace }))
      .sort((a, b) => compare(a.cluster, b.cluster) || compare(a.namespace, b.namespace));
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
