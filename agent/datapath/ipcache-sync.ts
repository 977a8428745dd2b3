import { type ClusterChange, type ClusterNode, type PodEndpoint } from '../../cluster/model.ts';
import { parseIp } from '../../proto/flow/ip.ts';
import { type BpfMap } from '../kernel/bpf-map.ts';
import { AddressMapSync } from './address-set-sync.ts';
import { encodeIpcacheInfo } from './map-layout.ts';

const IDENTITY_HOST = 1;
const IDENTITY_REMOTE_NODE = 6;

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

/** Keeps the datapath's map of addresses to identities in step with all clusters: pods by their identity, nodes as host or remote node. */
export class IpcacheSync {
  private readonly sync: AddressMapSync;
  private readonly isOwnNode: (node: ClusterNode) => boolean;
  private readonly identities = new Map<string, { identity: number; owner: string }>();
  private synced = false;

  constructor(map: BpfMap, isOwnNode: (node: ClusterNode) => boolean) {
    this.sync = new AddressMapSync(map);
    this.isOwnNode = isOwnNode;
  }

  get size(): number {
    return this.identities.size;
  }

  /** Applies changes and returns what became of addresses. Until `finishInitial` the map itself is left as an earlier agent left it. Throws KernelError. */
  apply(changes: readonly ClusterChange[]): IpcacheChange[] {
    const done: IpcacheChange[] = [];
    for (const change of changes) {
      switch (change.kind) {
        case 'endpoint-upsert':
          this.replaceEndpoint(change.old, change.endpoint, done);
          break;
        case 'endpoint-delete':
          this.replaceEndpoint(change.endpoint, undefined, done);
          break;
        case 'node-upsert':
          this.replaceNode(change.old, change.node, done);
          break;
        case 'node-delete':
          this.replaceNode(change.node, undefined, done);
          break;
      }
    }
    return done;
  }

  /** Writes everything known in one batch and removes what an earlier agent left behind. */
  finishInitial(): void {
    const entries = [...this.identities].flatMap(([text, { identity }]) => {
      const address = parseIp(text);
      return address === null ? [] : [{ address, value: encodeIpcacheInfo(identity) }];
    });
    this.sync.replaceAll(entries);
    this.synced = true;
  }

  private replaceEndpoint(
    old: PodEndpoint | undefined,
    now: PodEndpoint | undefined,
    done: IpcacheChange[],
  ): void {
    const pod = now ?? old;
    if (pod === undefined) return;
    const names = { namespace: pod.namespace, podName: pod.podName };
    this.replace(
      `pod ${pod.cluster}/${pod.namespace}/${pod.podName}`,
      old?.addresses ?? [],
      now?.addresses ?? [],
      now?.identity ?? 0,
      names,
      done,
    );
  }

  private replaceNode(
    old: ClusterNode | undefined,
    now: ClusterNode | undefined,
    done: IpcacheChange[],
  ): void {
    const node = now ?? old;
    if (node === undefined) return;
    const identity = this.isOwnNode(node) ? IDENTITY_HOST : IDENTITY_REMOTE_NODE;
    const names = { namespace: '', podName: '' };
    this.replace(
      `node ${node.cluster}/${node.name}`,
      old?.addresses ?? [],
      now?.addresses ?? [],
      identity,
      names,
      done,
    );
  }

  private replace(
    owner: string,
    old: readonly string[],
    now: readonly string[],
    identity: number,
    names: { readonly namespace: string; readonly podName: string },
    done: IpcacheChange[],
  ): void {
    for (const address of now) {
      // 0 = the cluster has not agreed on an identity yet: the datapath goes on with what it has.
      if (identity === 0) continue;
      const oldIdentity = this.identities.get(address)?.identity ?? 0;
      this.identities.set(address, { identity, owner });
      if (oldIdentity === identity) continue;
      const bytes = parseIp(address);
      if (this.synced && bytes !== null) this.sync.set(bytes, encodeIpcacheInfo(identity));
      done.push({ address, identity, oldIdentity, ...names });
    }
    for (const address of old) {
      // An address that another owner has taken over meanwhile is that one's.
      if (now.includes(address) || this.identities.get(address)?.owner !== owner) continue;
      const oldIdentity = this.identities.get(address)?.identity ?? 0;
      this.identities.delete(address);
      const bytes = parseIp(address);
      if (this.synced && bytes !== null) this.sync.delete(bytes);
      done.push({ address, identity: 0, oldIdentity, ...names });
    }
  }
}
