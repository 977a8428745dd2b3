import { create, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { type FlowSelection, type FrameSink, parseFlowsRequest, storeReport } from '../../history/index.ts';
import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import { GetFlowsRequestSchema, Observer } from '../../proto/gen/observer/observer_pb.ts';
import { Diagnostics } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { type RawCall, type RawStreamHandler, RpcCode, RpcError, type TlsProblem } from '../../rpc/index.ts';
import { BatchOutput } from '../merge/merge-output.ts';
import type { PeerRequest } from '../peer/peer-flows.ts';
import {
  aggregateNamespaces,
  aggregateNodes,
  aggregateReports,
  aggregateStatus,
  type PeerQuestion,
} from './aggregate.ts';
import { forwardedMetadata } from './forwarded-metadata.ts';
import { type LiveStreamOptions, LiveStreams } from './live-streams.ts';
import { ownReport } from './own-report.ts';
import type { RelayStore } from '../store/relay-store.ts';
import { answerFromStore } from '../store/stored-flows.ts';
import { Upstream } from './upstream.ts';

/** Longest wait for a peer's answer to a unary call. */
const UNARY_TIMEOUT_MS = 5000;
/** Share of a client's deadline that peers get: what is left is for the answer, which the slowest of them must not cost. */
const PEER_SHARE = 0.8;

/** A relay's services: one per process. */
export class RelayService {
  private readonly options: LiveStreamOptions;
  private readonly version: string;
  private readonly maxStreams: number;
  private readonly tlsProblems: () => readonly TlsProblem[];
  private readonly live: LiveStreams;
  private readonly startedMs = Date.now();
  private store: RelayStore | null = null;
  private clients = 0;

  /**
   * @param maxStreams GetFlows calls served at once; more are refused with RESOURCE_EXHAUSTED
   * @param tlsProblems what is wrong with certificates now
   */
  constructor(
    options: LiveStreamOptions,
    version: string,
    maxStreams: number,
    tlsProblems: () => readonly TlsProblem[],
  ) {
    this.options = options;
    this.version = version;
    this.maxStreams = maxStreams;
    this.tlsProblems = tlsProblems;
    this.live = new LiveStreams(options);
  }

  /** GetFlows over all peers: shared where the request is live, on its own where it asks for what is stored. */
  readonly getFlows: RawStreamHandler = async (call) => {
    // The relay looks at the request only to refuse what no peer could answer; the peers get it unchanged.
    const { request, selection } = parseFlowsRequest(call.request);
    if (this.clients >= this.maxStreams) {
      throw new RpcError(
        RpcCode.ResourceExhausted,
        `${this.clients} GetFlows calls are being served, the most this relay serves`,
      );
    }
    const peerRequest = { request, metadata: forwardedMetadata(Object.entries(call.headers)) };
    this.clients++;
    try {
      if (LiveStreams.isLive(request)) await this.live.subscribe(keyOf(peerRequest), peerRequest, call);
      else if (!(await this.answerFromStore(peerRequest, selection, call)))
        await this.relayOwn(peerRequest, call);
    } finally {
      this.clients--;
    }
  };

  /** Registers everything a relay serves beside GetFlows. */
  routes(router: ConnectRouter): void {
    const agentsOnly = (method: string) => (): never => {
      throw new ConnectError(`${method} is served by agents only`, Code.Unimplemented);
    };
    router.service(Observer, {
      getFlows: () => {
        throw new ConnectError('GetFlows is served over gRPC only', Code.Unimplemented);
      },
      getAgentEvents: agentsOnly('GetAgentEvents'),
      getDebugEvents: agentsOnly('GetDebugEvents'),
      getNodes: async (_, context) => ({ nodes: await aggregateNodes(this.question(context)) }),
      getNamespaces: async (_, context) => ({
        namespaces: await aggregateNamespaces(this.question(context)),
      }),
      serverStatus: (_, context) => aggregateStatus(this.question(context), this.version),
    });
    router.service(Diagnostics, {
      getStatus: async (_, context) => {
        const below = await aggregateReports(this.question(context));
        const { relayName: name, directory, ledger, meter } = this.options;
        const streams = { clients: this.clients, live: this.live.size };
        const tlsProblems = this.tlsProblems();
        const own = ownReport({
          name,
          startedMs: this.startedMs,
          directory,
          ledger,
          meter,
          streams,
          tlsProblems,
          ...(this.store !== null && { flowStore: storeReport(this.store.store, this.store.bounds) }),
        });
        return { nodes: [own, ...below], version: this.version };
      },
    });
  }

  /** Ends all streams. */
  close(): void {
    this.live.close();
  }

  private async relayOwn(request: PeerRequest, call: RawCall): Promise<void> {
    const take = ({ bytes }: FlowBatch, onSent: () => void): boolean => call.write(bytes, onSent);
    const upstream = this.createUpstream(request, call, call.signal, take);
    this.writePreamble(upstream, call);
    await upstream.run();
  }

  /** Asks all peers, and gives what they have to `take`. */
  private createUpstream(
    request: PeerRequest,
    call: RawCall,
    signal: AbortSignal,
    take: (batch: FlowBatch, onSent: () => void) => boolean,
  ): Upstream {
    const upstream: Upstream = new Upstream(request, this.options, signal, {
      output: new BatchOutput((batch, release) => {
        if (take(batch, release)) return true;
        void call.drained().then(() => upstream.release());
        return false;
      }),
      tell: ({ bytes }) => call.write(bytes),
    });
    return upstream;
  }

  private writePreamble(upstream: Upstream, call: RawCall): void {
    for (const { bytes } of upstream.preamble()) call.write(bytes);
    call.flush();
  }

  /** False when there is no store, or it is of no use here; nothing was sent then. */
  private async answerFromStore(
    { request, metadata }: PeerRequest,
    selection: FlowSelection,
    call: RawCall,
  ): Promise<boolean> {
    if (this.store === null) return false;
    let isBegun = false;
    // What is asked of peers in several parts is one answer to the client: which nodes it comes from is said once.
    const begin = (): void => {
      if (isBegun) return;
      isBegun = true;
      this.writePreamble(
        this.createUpstream({ request, metadata }, call, call.signal, () => true),
        call,
      );
    };
    const sink: FrameSink = {
      signal: call.signal,
      write: (frames, onSent) => {
        begin();
        return call.write(frames, onSent);
      },
      drained: () => call.drained(),
      flush: () => call.flush(),
    };
    const { relayName, ledger } = this.options;
    const isAnswered = await answerFromStore({
      relayName,
      ledger,
      store: this.store,
      request,
      selection,
      sink,
      askPeers: (part, take, signal) =>
        this.createUpstream({ request: part, metadata }, call, signal, take).run(),
    });
    if (isAnswered) begin();
    return isAnswered;
  }

  /** Keeps everything that peers tell from now on, and answers from that. */
  useStore(store: RelayStore): void {
    this.store = store;
    store.start((request, sink) => {
      // Clients that want everything share the stream that the store follows.
      const everything = { request: create(GetFlowsRequestSchema, { follow: true }), metadata: {} };
      return this.live.subscribe(keyOf(everything), request, sink);
    });
  }

  private question(context: HandlerContext): PeerQuestion {
    const timeoutMs = Math.min(
      UNARY_TIMEOUT_MS,
      (context.timeoutMs() ?? Number.POSITIVE_INFINITY) * PEER_SHARE,
    );
    return {
      directory: this.options.directory,
      call: { timeoutMs, metadata: forwardedMetadata(context.requestHeader), signal: context.signal },
    };
  }
}

/** Equal for requests to which every peer would give the same answer. */
function keyOf({ request, metadata }: PeerRequest): string {
  const body = Buffer.from(toBinary(GetFlowsRequestSchema, request)).toString('latin1');
  return `${JSON.stringify(metadata, Object.keys(metadata).sort())} ${body}`;
}
