import { create } from '@bufbuild/protobuf';
import { timestampFromMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import {
  type FlowRing,
  type LossLedger,
  parseFlowsRequest,
  readHistory,
  type RingFeed,
  timePoint,
} from '../../history/index.ts';
import type { AgentEvent, DebugEvent } from '../../proto/gen/flow/flow_pb.ts';
import {
  GetAgentEventsResponseSchema,
  GetDebugEventsResponseSchema,
  Observer,
} from '../../proto/gen/observer/observer_pb.ts';
import { Peer } from '../../proto/gen/peer/peer_pb.ts';
import { Diagnostics, type NodeReport } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import type { RawStreamHandler } from '../../rpc/index.ts';
import type { EventLog, EventSelection } from './event-log.ts';
import type { FilterFailures } from './filter-failures.ts';
import type { NamespaceLog } from './namespace-log.ts';
import type { NodeView } from './node-view.ts';
import type { PeerLog } from './peer-log.ts';

/** What the agent's services answer from. */
export interface AgentState {
  /** `<node>` or `<cluster>/<node>`. */
  readonly nodeName: string;
  readonly version: string;
  readonly startedMs: number;
  readonly ring: FlowRing;
  /** What keeps the ring's flows on disk; absent when nothing does. */
  readonly feed?: RingFeed;
  readonly ledger: LossLedger;
  readonly agentEvents: EventLog<AgentEvent>;
  readonly debugEvents: EventLog<DebugEvent>;
  readonly namespaces: NamespaceLog;
  readonly peers: PeerLog;
  readonly report: () => NodeReport;
  /** What policies, endpoints and maps are told from; absent: they are not served. */
  readonly view?: NodeView;
  /** Filters that fail on flows. */
  readonly filterFailures: FilterFailures;
}

/** GetFlows, as bytes from history to the wire. */
export function flowsHandler(state: AgentState): RawStreamHandler {
  return async (call) => {
    const { selection } = parseFlowsRequest(call.request, state.filterFailures.add);
    const { nodeName, ledger } = state;
    await readHistory(state, call.request, selection, call, { nodeName, ledger });
  };
}

function eventSelection(request: {
  number: bigint;
  first: boolean;
  follow: boolean;
  since?: Timestamp | undefined;
  until?: Timestamp | undefined;
}): EventSelection {
  if (request.first && request.follow) {
    throw new ConnectError('first and follow cannot be used together', Code.InvalidArgument);
  }
  const point = (name: string, time: Timestamp | undefined): EventSelection['since'] => {
    try {
      return timePoint(name, time);
    } catch (error) {
      throw new ConnectError((error as Error).message, Code.InvalidArgument);
    }
  };
  return {
    number: Number(request.number),
    first: request.first,
    follow: request.follow,
    since: point('since', request.since),
    until: point('until', request.until),
  };
}

/** Registers everything an agent serves beside GetFlows. */
export function agentRoutes(router: ConnectRouter, state: AgentState): void {
  router.service(Observer, {
    // Reached by gRPC-web and Connect only: gRPC takes the raw way.
    getFlows: () => {
      throw new ConnectError('GetFlows is served over gRPC only', Code.Unimplemented);
    },
    async *getAgentEvents(request, { signal }) {
      for await (const { timeMs, event } of state.agentEvents.read(eventSelection(request), signal)) {
        const time = timestampFromMs(timeMs);
        yield create(GetAgentEventsResponseSchema, { agentEvent: event, nodeName: state.nodeName, time });
      }
    },
    async *getDebugEvents(request, { signal }) {
      for await (const { timeMs, event } of state.debugEvents.read(eventSelection(request), signal)) {
        const time = timestampFromMs(timeMs);
        yield create(GetDebugEventsResponseSchema, { debugEvent: event, nodeName: state.nodeName, time });
      }
    },
    getNodes: () => {
      throw new ConnectError('GetNodes is served by relays only', Code.Unimplemented);
    },
    getNamespaces: () => ({ namespaces: state.namespaces.list(Date.now()) }),
    serverStatus: () => ({
      numFlows: BigInt(state.ring.flowCount),
      maxFlows: BigInt(state.ring.capacity),
      seenFlows: BigInt(state.ring.seenFlows),
      uptimeNs: BigInt(Date.now() - state.startedMs) * 1_000_000n,
      version: `sluice v${state.version}`,
      flowsRate: state.ring.flowsPerSecond(Date.now()),
    }),
  });
  router.service(Peer, { notify: (_request, { signal }) => state.peers.read(signal) });
  router.service(Diagnostics, { getStatus: () => ({ nodes: [state.report()], version: state.version }) });
}
