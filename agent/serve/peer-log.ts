import type { ClusterChange, ClusterNode } from '../../cluster/model.ts';
import {
  type ChangeNotification,
  ChangeNotificationSchema,
  ChangeNotificationType as Type,
} from '../../proto/gen/peer/peer_pb.ts';
import { agentServerName } from '../../rpc/hubble-names.ts';
import { create } from '@bufbuild/protobuf';

/** Notices that a slow reader may leave unread before its stream is ended. */
const MAX_BUFFERED = 65_536;

/** A node's name across clusters: the default cluster's nodes go without it. */
export function absoluteNodeName(cluster: string, node: string): string {
  return cluster === '' || cluster === 'default' ? node : `${cluster}/${node}`;
}

/** The nodes of the agent's own cluster as its Peer service tells them. */
export class PeerLog {
  private readonly cluster: string;
  private readonly port: number | null;
  private readonly tls: boolean;
  private readonly peers = new Map<string, ChangeNotification>();
  private readonly readers = new Set<(notice: ChangeNotification) => void>();

  /**
   * @param port of every agent of the cluster; null when agents serve no TCP, so that peers are known but cannot be reached
   * @param tls whether agents serve TLS
   */
  constructor(cluster: string, port: number | null, tls: boolean) {
    this.cluster = cluster;
    this.port = port;
    this.tls = tls;
  }

  /** Takes what changed at once. A node that is deleted and there again within one batch has moved: its readers are told of an update. */
  apply(changes: readonly ClusterChange[]): void {
    for (const [i, change] of changes.entries()) {
      if (change.kind !== 'node-upsert' && change.kind !== 'node-delete') continue;
      const { node, kind } = change;
      if (node.cluster !== this.cluster) continue;
      if (kind === 'node-upsert') this.upsert(node);
      else if (!comesBack(changes, i + 1, node)) this.delete(node);
    }
  }

  private upsert(node: ClusterNode): void {
    const name = absoluteNodeName(node.cluster, node.name);
    const address = this.addressOf(node);
    const old = this.peers.get(name);
    if (old?.address === address) return;
    const notice = create(ChangeNotificationSchema, {
      name,
      address,
      type: old === undefined ? Type.PEER_ADDED : Type.PEER_UPDATED,
      ...(this.tls && { tls: { serverName: agentServerName(node.cluster, node.name) } }),
    });
    this.peers.set(name, notice);
    this.tell(notice);
  }

  private delete(node: ClusterNode): void {
    const name = absoluteNodeName(node.cluster, node.name);
    const old = this.peers.get(name);
    if (old === undefined) return;
    this.peers.delete(name);
    this.tell(create(ChangeNotificationSchema, { ...old, type: Type.PEER_DELETED }));
  }

  /** IPv4 first, as Hubble prefers it. */
  private addressOf(node: ClusterNode): string {
    const ip = node.addresses.find((address) => !address.includes(':')) ?? node.addresses[0];
    if (ip === undefined) return '';
    if (this.port === null) return ip;
    return ip.includes(':') ? `[${ip}]:${this.port}` : `${ip}:${this.port}`;
  }

  private tell(notice: ChangeNotification): void {
    for (const reader of this.readers) reader(notice);
  }

  /** Every known node as added, then changes, until the signal aborts. Throws Error when the reader leaves too much unread. */
  async *read(signal: AbortSignal): AsyncGenerator<ChangeNotification> {
    const pending: ChangeNotification[] = [...this.peers.values()].map((peer) =>
      create(ChangeNotificationSchema, { ...peer, type: Type.PEER_ADDED }),
    );
    let wake: () => void = () => {};
    const reader = (notice: ChangeNotification): void => {
      pending.push(notice);
      wake();
    };
    this.readers.add(reader);
    const abort = (): void => wake();
    signal.addEventListener('abort', abort);
    try {
      while (!signal.aborted) {
        if (pending.length > MAX_BUFFERED)
          throw new Error(`reader left ${pending.length} peer notices unread`);
        const notice = pending.shift();
        if (notice === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else yield notice;
      }
    } finally {
      this.readers.delete(reader);
      signal.removeEventListener('abort', abort);
    }
  }
}

function comesBack(changes: readonly ClusterChange[], from: number, { cluster, name }: ClusterNode): boolean {
  return changes
    .slice(from)
    .some(
      (change) =>
        change.kind === 'node-upsert' && change.node.cluster === cluster && change.node.name === name,
    );
}
