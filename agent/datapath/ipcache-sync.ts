import type { ClusterChange, ClusterNode, PodEndpoint } from '../../cluster/model.ts';
import { parseIp } from '../../proto/flow/ip.ts';
import { type AddressMap, AddressMapSync } from './address-map-sync.ts';
import type { DatapathProblem } from './datapath-problem.ts';
import { encodeIpcacheInfo } from './map-layout.ts';

const IDENTITY_HOST = 1;
const IDENTITY_REMOTE_NODE = 6;

/** The identity of a node's addresses. */
export type NodeIdentityLookup = (node: ClusterNode) => number;

/** One address that got another identity, or none any more. */
export interface IpcacheChange {
  readonly address: string;
  /** 0 = removed */
  readonly identity: number;
  /** 0 = new */
  readonly oldIdentity: number;
  readonly namespace: string;
  readonly podName: string;
}

/** Somebody who says that an address is his. */
interface Claim {
  /** Sorts own pods and nodes before those of other clusters, so that all agents of a cluster decide alike. */
  readonly rank: string;
  readonly who: string;
  /** 0 = the cluster has not agreed on one yet. */
  readonly identity: number;
  readonly namespace: string;
  readonly podName: string;
}

/**
 * Keeps the datapath's map of addresses to identities in step with all clusters: pods by their identity, nodes as host, as remote node, or by identities of their own. An address that several say is
 * theirs is the first one's, by own cluster and name; when he goes it is the next one's.
 */
export class IpcacheSync {
  private readonly sync: AddressMapSync;
  private readonly clusterName: string;
  private readonly nodeName: string;
  private identityOfNode: NodeIdentityLookup | null = null;
  private readonly claims = new Map<string, readonly Claim[]>();
  private readonly contested = new Set<string>();
  /** What was told and wanted last, by address. */
  private readonly told = new Map<string, Claim>();
  private writeProblem: DatapathProblem | null = null;
  private synced = false;

  /** Takes over what an earlier agent wrote into the map; it stays as it is until `finishInitial`. */
  constructor(map: AddressMap, own: { readonly clusterName: string; readonly nodeName: string }) {
    this.sync = new AddressMapSync(map);
    this.clusterName = own.clusterName;
    this.nodeName = own.nodeName;
  }

  /** Has nodes told apart. One whose identity changes is to be applied again. Without it other nodes are all `remote-node`. */
  useNodeIdentities(lookup: NodeIdentityLookup): void {
    this.identityOfNode = lookup;
  }

  /** Addresses with an identity. */
  get size(): number {
    return this.told.size;
  }

  /** What cannot be written, and addresses that two say are theirs. */
  get problems(): readonly DatapathProblem[] {
    const contested = [...this.contested].map((address) => {
      const [owner, ...others] = this.claims.get(address)!;
      const names = others.map(({ who }) => who).join(', ');
      return { where: `address ${address}`, message: `taken for ${owner.who}, but ${names} has it too` };
    });
    return this.writeProblem === null ? contested : [this.writeProblem, ...contested];
  }

  /** Who has an address, such as `pod east/travel/search-0` or `node east/n1`; undefined for an address of nobody. */
  ownerOf(address: string): string | undefined {
    return this.claims.get(address)?.[0]?.who;
  }

  /** Applies changes as one step and returns what became of addresses. Before `finishInitial` they are only noted. */
  apply(changes: readonly ClusterChange[]): IpcacheChange[] {
    const touched = new Set<string>();
    for (const change of changes) {
      switch (change.kind) {
        case 'endpoint-upsert':
          this.move(
            change.old?.addresses ?? [],
            change.endpoint.addresses,
            this.podClaim(change.endpoint),
            touched,
          );
          break;
        case 'endpoint-delete':
          this.move(change.endpoint.addresses, [], this.podClaim(change.endpoint), touched);
          break;
        case 'node-upsert':
          this.move(change.old?.addresses ?? [], change.node.addresses, this.nodeClaim(change.node), touched);
          break;
        case 'node-delete':
          this.move(change.node.addresses, [], this.nodeClaim(change.node), touched);
          break;
      }
    }
    const done = [...touched].flatMap((address) => this.settle(address));
    this.flush();
    return done;
  }

  /** Makes the map hold exactly what is known: removes what an earlier agent left behind. */
  finishInitial(): void {
    this.synced = true;
    this.sync.setAll(
      [...this.told].map(([text, { identity }]) => [parseIp(text)!, encodeIpcacheInfo(identity)] as const),
    );
    this.flush();
  }

  /** Tries again what could not be written. Whether there was anything. */
  retry(): boolean {
    if (this.writeProblem === null) return false;
    this.flush();
    return true;
  }

  private flush(): void {
    if (!this.synced) return;
    try {
      this.sync.flush();
      this.writeProblem = null;
    } catch (error) {
      this.writeProblem = { where: 'ipcache', message: (error as Error).message };
    }
  }

  private move(from: readonly string[], to: readonly string[], claim: Claim, touched: Set<string>): void {
    for (const address of new Set([...from, ...to])) {
      const others = (this.claims.get(address) ?? []).filter(({ who }) => who !== claim.who);
      const claims = to.includes(address)
        ? [...others, claim].sort((a, b) => (a.rank < b.rank ? -1 : 1))
        : others;
      if (claims.length === 0) this.claims.delete(address);
      else this.claims.set(address, claims);
      if (claims.length > 1) this.contested.add(address);
      else this.contested.delete(address);
      touched.add(address);
    }
  }

  /** Brings an address to its first claimant's identity. */
  private settle(address: string): IpcacheChange[] {
    const bytes = parseIp(address);
    const old = this.told.get(address);
    const owner = this.claims.get(address)?.[0];
    // While the cluster has not agreed on an identity, the datapath goes on with what it has of the same owner.
    if (bytes === null || (owner?.identity === 0 && owner.who === old?.who)) return [];
    const now = owner === undefined || owner.identity === 0 ? undefined : owner;
    if (now === undefined) this.told.delete(address);
    else this.told.set(address, now);
    if (now?.identity === old?.identity) return [];
    if (now === undefined) this.sync.delete(bytes);
    else this.sync.set(bytes, encodeIpcacheInfo(now.identity));
    const { namespace, podName } = (now ?? old)!;
    return [{ address, identity: now?.identity ?? 0, oldIdentity: old?.identity ?? 0, namespace, podName }];
  }

  private nodeClaim(node: ClusterNode): Claim {
    const { cluster, name } = node;
    const isThisNode = cluster === this.clusterName && name === this.nodeName;
    const who = `node ${cluster}/${name}`;
    const other = this.identityOfNode?.(node) ?? IDENTITY_REMOTE_NODE;
    const identity = isThisNode ? IDENTITY_HOST : other;
    return { rank: this.rankOf(cluster, who), who, identity, namespace: '', podName: '' };
  }

  private podClaim({ cluster, namespace, podName, identity }: PodEndpoint): Claim {
    const who = `pod ${cluster}/${namespace}/${podName}`;
    return { rank: this.rankOf(cluster, who), who, identity, namespace, podName };
  }

  private rankOf(cluster: string, who: string): string {
    return `${cluster === this.clusterName ? 0 : 1} ${who}`;
  }
}
