import { toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { parseFlowsRequest } from '../../history/index.ts';
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
    const { request } = parseFlowsRequest(call.request);
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
      else await this.relayOwn(peerRequest, call);
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
    const upstream = new Upstream(request, this.options, call.signal, {
      output: new BatchOutput((batch, release) => {
        if (call.write(batch.bytes, release)) return true;
        void call.drained().then(() => upstream.release());
        return false;
      }),
      tell: ({ bytes }) => call.write(bytes),
    });
    for (const { bytes } of upstream.preamble()) call.write(bytes);
    call.flush();
    await upstream.run();
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
