import type { ClusterChange, PodEndpoint } from '../../cluster/model.ts';
import { BpfObject } from '../kernel/bpf-object.ts';
import { preparePinDir, removePinDir } from '../kernel/bpffs.ts';
import { Netlink, type NetworkState, watchNetwork } from '../kernel/netlink.ts';
import type { Link } from '../kernel/netlink-message.ts';
import type { DatapathProblem } from './datapath-problem.ts';
import { type AttachedEndpoint, EndpointManager, type EndpointPolicies } from './endpoint-manager.ts';
import { type IpcacheChange, IpcacheSync, type NodeIdentityLookup } from './ipcache-sync.ts';
import { DatapathSettings, type DatapathSettingsOptions } from './datapath-settings.ts';
import { encodeNodeConstants } from './map-layout.ts';
import { Masquerade, type MasqueradeAddresses, type MasqueradeOptions } from './masquerade.ts';

/** What the datapath of a node is set up with. */
export interface DatapathOptions extends DatapathSettingsOptions, MasqueradeOptions {
  /** Default 0. */
  readonly clusterId?: number;
  readonly bpfObject: string;
  readonly pinDir: string;
  /** Chosen by the routes when absent. */
  readonly device?: string;
  /** Sizes of maps that shall differ from the object's, as long as they are not pinned yet. */
  readonly maxEntries?: Readonly<Record<string, number>>;
}

/** What the datapath tells as the node changes. */
export interface DatapathListeners {
  readonly onEndpoints: (
    attached: readonly AttachedEndpoint[],
    detached: readonly AttachedEndpoint[],
  ) => void;
  readonly onIpcache: (changes: readonly IpcacheChange[]) => void;
  /** What pods are seen as outside, when it is known or changes. Not called unless they are masqueraded. */
  readonly onMasquerade: (addresses: MasqueradeAddresses) => void;
  readonly onInterfaces: (links: readonly Link[]) => void;
  /** All that is wrong now; empty when nothing is. */
  readonly onProblems: (problems: readonly DatapathProblem[]) => void;
}

/** Changes of the network come in crowds: a pod's birth is a dozen notices. */
const SETTLE_MS = 20;
/** What takes long is done seldom: a look at the network may take a fifth of this thread's time at most, whatever happens there. */
const REST_PER_WORK = 4;
/** Failures that may pass by themselves are tried again after this long. */
const RETRY_MS = 500;
/** Looked at again after this long although nothing was heard: for notices that were lost and for attachments that failed. */
const RECHECK_MS = 10_000;

/** The node's programs and maps, kept in step with cluster state and the node's interfaces. Belongs to the network namespace of the thread that made it. */
export class Datapath {
  /** Its maps are to be used until `close`; its programs may have been replaced by those of a younger object. */
  readonly object: BpfObject;
  readonly deviceName: string;
  readonly settings: DatapathSettings;
  private readonly options: DatapathOptions;
  private readonly listeners: DatapathListeners;
  private readonly netlink: Netlink;
  private readonly manager: EndpointManager;
  private readonly ipcache: IpcacheSync;
  private readonly masquerade: Masquerade;
  private readonly pods = new Map<string, PodEndpoint>();
  /** The first one, whose maps others use, and the one whose programs are attached, if that is another. */
  private readonly objects: BpfObject[] = [];
  /** Of the node's device, which the loaded programs know as a constant; 0 = it was not there. */
  private deviceIndex: number;
  /** Kept reachable: a poll handle that is collected stops without a word. */
  private watch: { close(): void } | null = null;
  private timer: NodeJS.Timeout | undefined;
  private recheck: NodeJS.Timeout | undefined;
  private restUntilMs = 0;
  private networkProblems: readonly DatapathProblem[] = [];

  /** Loads the programs and takes over what is pinned; nothing is attached yet. Throws KernelError. */
  constructor(options: DatapathOptions, listeners: DatapathListeners) {
    this.options = options;
    this.listeners = listeners;
    preparePinDir(options.pinDir);
    this.netlink = new Netlink();
    try {
      const network = this.netlink.readState();
      this.deviceName = options.device ?? defaultDevice(network);
      const device = this.findDevice(network);
      this.deviceIndex = device?.index ?? 0;
      this.object = this.load(device);
      this.manager = new EndpointManager(this.object, this.netlink, options.pinDir);
      this.ipcache = new IpcacheSync(this.object.map('ipcache'), options);
      this.settings = new DatapathSettings(this.object.map('settings'), options);
      const maps = {
        masquerade: this.object.map('masquerade'),
        noMasquerade: this.object.map('no_masquerade'),
      };
      this.masquerade = new Masquerade(options, maps, this.settings, listeners.onMasquerade);
    } catch (error) {
      for (const object of this.objects) object.close();
      this.netlink.close();
      throw error;
    }
  }

  /** Endpoints served now. */
  get endpoints(): readonly AttachedEndpoint[] {
    return this.manager.attached;
  }

  /** Who has an address, such as `pod east/travel/search-0` or `node east/n1`; undefined for an address of nobody. */
  ownerOf(address: string): string | undefined {
    return this.ipcache.ownerOf(address);
  }

  /** Has every endpoint given its policy before it is served. To be called before `start`. */
  usePolicies(policies: EndpointPolicies): void {
    this.manager.usePolicies(policies);
  }

  /** Has other nodes told apart; one whose identity changes is to be applied again. To be called before `apply`. */
  useNodeIdentities(lookup: NodeIdentityLookup): void {
    this.ipcache.useNodeIdentities(lookup);
  }

  /** Takes changes of any cluster's state. Before `start` they are only noted. */
  apply(changes: readonly ClusterChange[]): void {
    for (const change of changes) {
      if (change.kind !== 'endpoint-upsert' && change.kind !== 'endpoint-delete') continue;
      const { endpoint } = change;
      if (endpoint.cluster !== this.options.clusterName) continue;
      const key = `${endpoint.namespace}/${endpoint.podName}`;
      if (change.kind === 'endpoint-upsert' && endpoint.nodeName === this.options.nodeName) {
        this.pods.set(key, endpoint);
        this.schedule(SETTLE_MS);
      } else if (this.pods.delete(key)) {
        this.schedule(SETTLE_MS);
      }
    }
    if (this.masquerade.apply(changes)) this.schedule(SETTLE_MS);
    const done = this.ipcache.apply(changes);
    if (done.length > 0) {
      this.settings.identitiesChanged();
      this.listeners.onIpcache(done);
    }
    this.tellProblems();
  }

  /** Writes the maps in full, attaches everything and follows changes from here on. The first full cluster state has to be applied before. */
  start(): void {
    this.ipcache.finishInitial();
    this.settings.identitiesChanged();
    this.watch = watchNetwork(() => this.schedule(SETTLE_MS));
    this.recheck = setInterval(() => this.schedule(0), RECHECK_MS);
    this.reconcile();
  }

  /** Stops following changes. Programs and maps stay as they are, unless they are to be removed: then nothing of this node is left. */
  close(remove: boolean): void {
    clearInterval(this.recheck);
    clearTimeout(this.timer);
    this.timer = undefined;
    this.watch?.close();
    this.watch = null;
    this.netlink.close();
    for (const object of this.objects) object.close();
    if (remove) removePins(this.options.pinDir);
  }

  private load(device: Link | undefined): BpfObject {
    const object = BpfObject.load({
      path: this.options.bpfObject,
      pinDir: this.options.pinDir,
      rodata: encodeNodeConstants(device ?? null, this.options.clusterId ?? 0),
      maxEntries: this.options.maxEntries ?? {},
    });
    this.objects.push(object);
    return object;
  }

  private findDevice(network: NetworkState): Link | undefined {
    return network.links.find((link) => link.name === this.deviceName);
  }

  /** Looks at the network after a while, once for all that happens meanwhile. */
  private schedule(delayMs: number): void {
    if (this.watch === null || this.timer !== undefined) return;
    const restMs = this.restUntilMs - performance.now();
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        this.reconcile();
      },
      Math.max(delayMs, restMs),
    );
  }

  private reconcile(): void {
    const startedMs = performance.now();
    let restsAfter = true;
    try {
      const network = this.netlink.readState();
      const reloadProblem = this.followDevice(this.findDevice(network));
      this.listeners.onInterfaces(network.links);
      const pods = [...this.pods.values()];
      const { attached, detached, problems, retry, unfinished, addressesChanged } = this.manager.reconcile(
        pods,
        network,
        this.deviceName,
      );
      if (addressesChanged) this.settings.identitiesChanged();
      restsAfter = !unfinished;
      if (attached.length > 0 || detached.length > 0) this.listeners.onEndpoints(attached, detached);
      const masqueradeProblems = this.masquerade.reconcile(network, this.deviceIndex);
      const all = [...problems, ...masqueradeProblems];
      this.networkProblems = reloadProblem === null ? all : [reloadProblem, ...all];
      if (retry && !unfinished) this.schedule(RETRY_MS);
    } catch (error) {
      this.networkProblems = [{ where: 'datapath', message: (error as Error).message }];
      this.schedule(RETRY_MS);
    }
    if (this.ipcache.retry()) this.settings.identitiesChanged();
    this.tellProblems();
    const nowMs = performance.now();
    // What is unfinished spends its time waiting for the kernel, and pods waiting for their programs: it goes on after others had their turn.
    this.restUntilMs = restsAfter ? nowMs + (nowMs - startedMs) * REST_PER_WORK : nowMs;
    if (!restsAfter) this.schedule(0);
  }

  /** A device that was deleted and made again has another index: the programs, which know it as a constant, are loaded anew over the same maps. */
  private followDevice(device: Link | undefined): DatapathProblem | null {
    if (device === undefined || device.index === this.deviceIndex) return null;
    try {
      this.manager.setPrograms(this.load(device));
      this.deviceIndex = device.index;
      for (const replaced of this.objects.splice(1, this.objects.length - 2)) replaced.close();
      return null;
    } catch (error) {
      // With the old ones everything is seen all the same, only nothing goes past the kernel's stack to other nodes.
      return { where: `device ${this.deviceName}`, message: (error as Error).message };
    }
  }

  private tellProblems(): void {
    if (this.watch !== null) this.listeners.onProblems([...this.networkProblems, ...this.ipcache.problems]);
  }
}

/** Removes a node's pins without loading anything: programs are detached and maps given back once nothing else holds them. Returns how many there were. */
export function removePins(pinDir: string): number {
  return removePinDir(pinDir);
}

/** The device of the default route, else the first that leads out of the node. */
function defaultDevice(network: NetworkState): string {
  const defaultRoute = network.routes.find(({ prefixLength }) => prefixLength === 0);
  const ofPods = new Set(
    network.routes
      .filter(
        ({ destination, prefixLength, viaGateway }) => !viaGateway && prefixLength === destination.length * 8,
      )
      .map(({ linkIndex }) => linkIndex),
  );
  const candidates = network.links.filter(({ index, isLoopback }) => !isLoopback && !ofPods.has(index));
  const link =
    network.links.find(({ index }) => index === defaultRoute?.linkIndex) ??
    candidates.find(({ kind }) => kind !== 'veth') ??
    candidates[0];
  return link?.name ?? 'eth0';
}
