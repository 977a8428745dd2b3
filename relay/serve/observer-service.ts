import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { type LossLedger, parseFlowsRequest } from '../../history/index.ts';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { Diagnostics, type NodeReport, NodeReportSchema } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { type RawCall, type RawStreamHandler } from '../../rpc/index.ts';
import { type PeerDirectory } from '../peer/peer-directory.ts';
import { aggregateNamespaces, aggregateNodes, aggregateReports, aggregateStatus } from './aggregate.ts';
import { type LiveStreamOptions, LiveStreams } from './live-streams.ts';
import { Upstream } from './upstream.ts';

/** What a relay's services answer from. */
export interface RelayState {
  readonly name: string;
  readonly version: string;
  readonly startedMs: number;
  readonly directory: PeerDirectory;
  readonly ledger: LossLedger;
  readonly live: LiveStreams;
  readonly streamOptions: LiveStreamOptions;
  readonly totals: { received: number; late: number };
}

/** GetFlows over all peers: shared where the request is live, on its own where it asks for what is stored. */
export function flowsHandler(state: RelayState): RawStreamHandler {
  return async (call) => {
    // The relay looks at the request only to refuse what no peer could answer; the peers get it unchanged.
    const { request } = parseFlowsRequest(call.request);
    call.flush();
    if (LiveStreams.isLive(request)) {
      await state.live.subscribe(request, call.request, call);
      return;
    }
    await relayOwn(state, request, call);
  };
}

async function relayOwn(
  state: RelayState,
  request: ReturnType<typeof parseFlowsRequest>['request'],
  call: RawCall,
): Promise<void> {
  const upstream = new Upstream(state.directory, request, state.streamOptions, call.signal, (batch) => {
    if (call.write(batch.bytes)) return true;
    void call.drained().then(() => upstream.release());
    return false;
  });
  await upstream.run();
}

function ownReport(state: RelayState): NodeReport {
  const { user, system } = process.cpuUsage();
  return create(NodeReportSchema, {
    nodeName: state.name,
    component: 'relay',
    losses: state.ledger.snapshot(),
    problems: state.directory.all
      .filter((session) => !session.isReady)
      .map((session) => ({
        where: `peer ${session.name}`,
        message: session.state.name === 'connecting' ? session.state.reason : session.state.name,
        since: timestampFromMs(Date.now()),
      })),
    uptimeNs: BigInt(Date.now() - state.startedMs) * 1_000_000n,
    residentBytes: BigInt(process.memoryUsage.rss()),
    cpuSeconds: (user + system) / 1e6,
    flowsEmitted: BigInt(state.totals.received),
    flowsDelivered: BigInt(state.totals.received),
    counters: { lateFlows: BigInt(state.totals.late), peers: BigInt(state.directory.all.length) },
  });
}

/** Registers everything a relay serves beside GetFlows. */
export function relayRoutes(router: ConnectRouter, state: RelayState): void {
  const agentsOnly = (method: string) => (): never => {
    throw new ConnectError(`${method} is served by agents only`, Code.Unimplemented);
  };
  router.service(Observer, {
    getFlows: () => {
      throw new ConnectError('GetFlows is served over gRPC only', Code.Unimplemented);
    },
    getAgentEvents: agentsOnly('GetAgentEvents'),
    getDebugEvents: agentsOnly('GetDebugEvents'),
    getNodes: async () => ({ nodes: await aggregateNodes(state.directory) }),
    getNamespaces: async () => ({ namespaces: await aggregateNamespaces(state.directory) }),
    serverStatus: () => aggregateStatus(state.directory, state.version),
  });
  router.service(Diagnostics, {
    getStatus: async () => ({
      nodes: [ownReport(state), ...(await aggregateReports(state.directory))],
      version: state.version,
    }),
  });
}
