import { rmSync } from 'node:fs';
import { type ClusterChange, type ClusterNode, type PodEndpoint } from '../../cluster/model.ts';
import { BpfObject } from '../kernel/bpf-object.ts';
import { preparePinDir } from '../kernel/bpffs.ts';
import { Netlink, type NetworkState, watchNetwork } from '../kernel/netlink.ts';
import { type Link } from '../kernel/netlink-message.ts';
import { type AttachedEndpoint, type DatapathProblem, EndpointManager } from './endpoint-manager.ts';
import { type IpcacheChange, IpcacheSync } from './ipcache-sync.ts';
import {
  type AggregationLevel,
  encodeNodeConstants,
  encodeSettings,
  encodeU32,
  SETTING_NO_REDIRECT,
} from './map-layout.ts';

/** What the datapath of a node is set up with. */
export interface DatapathOptions {
  readonly clusterName: string;
  readonly nodeName: string;
  readonly bpfObject: string;
  readonly pinDir: string;
  /** Chosen by the routes when absent. */
  readonly device?: string;
  readonly aggregation: AggregationLevel;
  readonly aggregationIntervalMs: number;
  readonly captureBytes: number;
  readonly noRedirect: boolean;
}

/** What the datapath tells as the node changes. */
export interface DatapathListeners {
  readonly onEndpoints: (
    attached: readonly AttachedEndpoint[],
    detached: readonly AttachedEndpoint[],
  ) => void;
  readonly onIpcache: (changes: readonly IpcacheChange[]) => void;
  readonly onInterfaces: (links: readonly Link[]) => void;
  readonly onProblems: (problems: readonly DatapathProblem[]) => void;
  /** The datapath cannot go on in this process. */
  readonly onFatal: (error: Error) => void;
}

/** Changes of the network come in crowds: a pod's birth is a dozen notices. */
const SETTLE_MS = 20;
/** Looked at again after this long although nothing was heard: for notices that were lost and for attachments that failed. */
const RECHECK_MS = 10_000;

/** The node's programs and maps, kept in step with cluster state and the node's interfaces. */
export class Datapath {
  readonly object: BpfObject;
  readonly deviceName: string;
  private readonly options: DatapathOptions;
  private readonly listeners: DatapathListeners;
  private readonly netlink: Netlink;
  private readonly manager: EndpointManager;
  private readonly ipcache: IpcacheSync;
  private readonly deviceIndex: number;
  private readonly pods = new Map<string, PodEndpoint>();
  /** Kept reachable: a poll handle that is collected stops without a word. */
  private watch: { close(): void } | null = null;
  private timer: NodeJS.Timeout | undefined;
  private readonly recheck: NodeJS.Timeout;
  private started = false;

  /** Loads the programs and takes over what is pinned; nothing is attached yet. Throws KernelError. */
  constructor(options: DatapathOptions, listeners: DatapathListeners) {
    this.options = options;
    this.listeners = listeners;
    preparePinDir(options.pinDir);
    this.netlink = new Netlink();
    const network = this.netlink.readState();
    this.deviceName = options.device ?? defaultDevice(network);
    this.deviceIndex = network.links.find((link) => link.name === this.deviceName)?.index ?? 0;
    this.object = BpfObject.load({
      path: options.bpfObject,
      pinDir: options.pinDir,
      rodata: encodeNodeConstants(this.deviceIndex),
    });
    this.manager = new EndpointManager(this.object, this.netlink, options.pinDir);
    this.ipcache = new IpcacheSync(this.object.map('ipcache'), (node) => this.isOwnNode(node));
    this.object.map('settings').update(
      encodeU32(0),
      encodeSettings({
        aggregation: options.aggregation,
        intervalSeconds: Math.max(1, Math.round(options.aggregationIntervalMs / 1000)),
        captureBytes: options.captureBytes,
        flags: options.noRedirect ? SETTING_NO_REDIRECT : 0,
      }),
    );
    this.recheck = setInterval(() => this.schedule(), RECHECK_MS);
  }

  /** Endpoints served now. */
  get endpoints(): readonly AttachedEndpoint[] {
    return this.manager.attached;
  }

  /** Takes changes of any cluster's state. Before `start` they are only noted. */
  apply(changes: readonly ClusterChange[]): void {
    for (const change of changes) {
      if (change.kind === 'endpoint-upsert' && this.isOwnPod(change.endpoint)) {
        this.pods.set(podKey(change.endpoint), change.endpoint);
        this.schedule();
      } else if (change.kind === 'endpoint-delete' || change.kind === 'endpoint-upsert') {
        if (this.isOwnPod(change.endpoint) || change.kind === 'endpoint-upsert')
          this.pods.delete(podKey(change.endpoint));
        if (change.kind === 'endpoint-delete' && this.isOwnPod(change.endpoint)) this.schedule();
      }
    }
    const done = this.ipcache.apply(changes);
    if (done.length > 0) this.listeners.onIpcache(done);
  }

  /** Writes the maps in full, attaches everything and follows changes from here on. */
  start(): void {
    this.ipcache.finishInitial();
    this.started = true;
    this.watch = watchNetwork(() => this.schedule());
    this.reconcile();
  }

  /** Stops following changes. Programs and maps stay as they are, unless they are to be removed. */
  close(remove: boolean): void {
    clearInterval(this.recheck);
    clearTimeout(this.timer);
    this.watch?.close();
    if (remove) this.manager.detachAll();
    this.netlink.close();
    this.object.close();
    if (remove) removePins(this.options.pinDir);
  }

  private isOwnNode(node: ClusterNode): boolean {
    return node.cluster === this.options.clusterName && node.name === this.options.nodeName;
  }

  private isOwnPod(pod: PodEndpoint): boolean {
    return pod.cluster === this.options.clusterName && pod.nodeName === this.options.nodeName;
  }

  private schedule(): void {
    if (!this.started) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.reconcile();
    }, SETTLE_MS);
  }

  private reconcile(): void {
    try {
      const network = this.netlink.readState();
      const device = network.links.find((link) => link.name === this.deviceName);
      if (device !== undefined && device.index !== this.deviceIndex) {
        // The index is a constant of the loaded programs.
        this.listeners.onFatal(
          new Error(`device ${this.deviceName} was replaced: the programs have to be loaded anew`),
        );
        return;
      }
      this.listeners.onInterfaces(network.links);
      const { attached, detached, problems } = this.manager.reconcile(
        [...this.pods.values()],
        network,
        this.deviceName,
      );
      if (attached.length > 0 || detached.length > 0) this.listeners.onEndpoints(attached, detached);
      this.listeners.onProblems(problems);
    } catch (error) {
      this.listeners.onProblems([{ where: 'datapath', message: (error as Error).message }]);
    }
  }
}

/** Removes a node's pins without loading anything: programs are detached and maps given back once nothing else holds them. */
export function removePins(pinDir: string): void {
  rmSync(pinDir, { recursive: true, force: true });
}

function podKey(pod: PodEndpoint): string {
  return `${pod.cluster}/${pod.namespace}/${pod.podName}`;
}

/** The device of the default route, else the first that leads out of the node. */
function defaultDevice(network: NetworkState): string {
  const route = network.routes.find(({ prefixLength }) => prefixLength === 0);
  const link =
    network.links.find(({ index }) => index === route?.linkIndex) ??
    network.links.find(({ isLoopback, kind }) => !isLoopback && kind !== 'veth') ??
    network.links.find(({ isLoopback }) => !isLoopback);
  return link?.name ?? 'eth0';
}
