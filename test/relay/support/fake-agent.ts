import { create, fromBinary } from '@bufbuild/protobuf';
import { aggregateHandler } from '../../../agent/serve/aggregate-service.ts';
import { FilterFailures } from '../../../agent/serve/filter-failures.ts';
import {
  FlowRing,
  type FlowRingOptions,
  LossLedger,
  parseFlowsRequest,
  readFlows,
} from '../../../history/index.ts';
import { type GetFlowsRequest, Observer } from '../../../proto/gen/observer/observer_pb.ts';
import {
  type ChangeNotification,
  ChangeNotificationSchema,
  ChangeNotificationType,
  Peer,
} from '../../../proto/gen/peer/peer_pb.ts';
import {
  type AggregateFlowsRequest,
  AggregateFlowsRequestSchema,
} from '../../../proto/gen/sluice/v1/aggregation_pb.ts';
import { Diagnostics } from '../../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { createRpcServer, parseAddress, type RawCall, RpcError, type RpcServer } from '../../../rpc/index.ts';
import { batchOf } from './flow-bytes.ts';

/** What a fake agent is. */
export interface FakeAgentOptions {
  /** Where it listens, as `unix:///…`. */
  readonly address: string;
  readonly nodeName: string;
  readonly ring?: FlowRingOptions;
  readonly namespaces?: readonly { cluster: string; namespace: string }[];
  /** Answer like Hubble's agents: no Diagnostics and no Aggregation service. */
  readonly isForeign?: boolean;
}

/** A peer as a relay sees it: the real server, history and selection rules, fed with frames by the test instead of by a kernel. */
export class FakeAgent {
  readonly options: FakeAgentOptions;
  ring: FlowRing;
  readonly ledger = new LossLedger();
  /** GetFlows requests, as they came. */
  readonly requests: GetFlowsRequest[] = [];
  /** AggregateFlows requests, as they came. */
  readonly rowRequests: AggregateFlowsRequest[] = [];
  /** Headers of the calls that brought them. */
  readonly headers: Record<string, unknown>[] = [];
  /** What the next GetFlows calls end with at once. */
  refusal: RpcError | null = null;
  /** GetFlows and AggregateFlows calls are taken, and nothing is sent. */
  isMute = false;
  private server: RpcServer | null = null;
  private startedMs = 0;
  private peers: ChangeNotification[] = [];
  private readonly onRequest = new Set<() => void>();
  private readonly onUnmute = new Set<() => void>();
  private readonly peerReaders = new Set<() => void>();

  constructor(options: FakeAgentOptions) {
    this.options = options;
    this.ring = this.newRing();
  }

  /** Starts it: as a new process with an empty history, or, given what it had, as one that was only out of reach. */
  async start(kept?: FlowRing): Promise<this> {
    if (kept === undefined) this.startedMs = performance.now();
    this.ring = kept ?? this.newRing();
    const { nodeName, isForeign, namespaces = [] } = this.options;
    this.server = await createRpcServer({
      listen: [parseAddress(this.options.address)],
      rawStreams: new Map([
        ['/observer.Observer/GetFlows', (call: RawCall) => this.getFlows(call)],
        ...(isForeign === true
          ? []
          : [['/sluice.v1.Aggregation/AggregateFlows', (call: RawCall) => this.aggregate(call)] as const]),
      ]),
      responseHeaders: { 'hubble-server-version': '0.1.0' },
      routes: (router) => {
        router.service(Observer, {
          serverStatus: () => ({
            numFlows: BigInt(this.ring.flowCount),
            maxFlows: BigInt(this.ring.capacity),
            seenFlows: BigInt(this.ring.seenFlows),
            uptimeNs: BigInt(Math.round((performance.now() - this.startedMs) * 1e6)),
            version: 'sluice v0.1.0',
            flowsRate: 2.5,
          }),
          getNamespaces: () => ({ namespaces: [...namespaces] }),
        });
        router.service(Peer, { notify: (_, { signal }) => this.notify(signal) });
        if (isForeign !== true) {
          router.service(Diagnostics, { getStatus: () => ({ nodes: [{ nodeName, component: 'agent' }] }) });
        }
      },
    });
    return this;
  }

  /** Resolves when so many GetFlows calls have come. */
  async asked(times = 1): Promise<void> {
    while (this.requests.length < times)
      await new Promise((resolve) => this.onRequest.add(resolve as () => void));
  }

  /** Adds frames to the history, which wakes those who follow. */
  append(...frames: readonly Uint8Array[]): void {
    this.ring.append(batchOf(frames));
  }

  /** Answers the AggregateFlows calls that were taken while it was mute. */
  unmute(): void {
    this.isMute = false;
    for (const wake of this.onUnmute) wake();
    this.onUnmute.clear();
  }

  /** Tells whoever listens to the Peer service; the list is told again to those who call later. */
  tellPeer(
    name: string,
    address: string,
    type: ChangeNotificationType = ChangeNotificationType.PEER_ADDED,
  ): void {
    this.peers.push(create(ChangeNotificationSchema, { name, address, type }));
    for (const wake of this.peerReaders) wake();
  }

  /** What the Peer service tells to those who call from now on. */
  resetPeers(): void {
    this.peers = [];
  }

  /** Cuts every connection and stops listening. */
  async stop(): Promise<void> {
    await this.server?.close(0);
    this.server = null;
  }

  private newRing(): FlowRing {
    return new FlowRing(this.options.ring ?? { capacity: 65_536, maxBytes: 64 * 1024 * 1024 });
  }

  private async getFlows(call: RawCall): Promise<void> {
    const { request, selection } = parseFlowsRequest(call.request);
    this.requests.push(request);
    this.headers.push(call.headers);
    for (const wake of this.onRequest) wake();
    this.onRequest.clear();
    if (this.refusal !== null) throw this.refusal;
    if (this.isMute) {
      await beMute(call);
      return;
    }
    await readFlows(this.ring, selection, call, { nodeName: this.options.nodeName, ledger: this.ledger });
  }

  private async aggregate(call: RawCall): Promise<void> {
    this.rowRequests.push(fromBinary(AggregateFlowsRequestSchema, call.request));
    for (const wake of this.onRequest) wake();
    this.onRequest.clear();
    if (this.refusal !== null) throw this.refusal;
    if (this.isMute) await Promise.race([beMute(call), new Promise<void>((wake) => this.onUnmute.add(wake))]);
    if (call.signal.aborted) return;
    const { ring, ledger } = this;
    const filterFailures = new FilterFailures(() => {});
    await aggregateHandler({ ring, ledger, nodeName: this.options.nodeName, filterFailures })(call);
  }

  private async *notify(signal: AbortSignal): AsyncGenerator<ChangeNotification> {
    let told = 0;
    while (!signal.aborted) {
      while (told < this.peers.length) yield this.peers[told++];
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.peerReaders.delete(done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        this.peerReaders.add(done);
        signal.addEventListener('abort', done, { once: true });
      });
    }
  }
}

/** Takes a call, and says nothing. */
async function beMute(call: RawCall): Promise<void> {
  call.flush();
  await new Promise<void>((resolve) =>
    call.signal.addEventListener('abort', () => resolve(), { once: true }),
  );
}
