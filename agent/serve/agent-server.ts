import { Health } from '../../proto/gen/grpc/health/v1/health_pb.ts';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { Peer } from '../../proto/gen/peer/peer_pb.ts';
import { Aggregation } from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import { Datapath } from '../../proto/gen/sluice/v1/datapath_pb.ts';
import { Diagnostics } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { Policies } from '../../proto/gen/sluice/v1/policy_pb.ts';
import {
  type Address,
  createRpcServer,
  HealthState,
  reflectionRoutes,
  type PageOptions,
  type RpcServer,
  servePage,
  type ServerLimits,
  type TlsFiles,
} from '../../rpc/index.ts';
import { aggregateHandler } from './aggregate-service.ts';
import { datapathRoutes } from './datapath-service.ts';
import { agentRoutes, type AgentState, flowsHandler } from './observer-service.ts';
import { policyRoutes } from './policy-service.ts';

/** Where and how an agent serves. */
export interface AgentServerOptions {
  readonly listen: readonly Address[];
  readonly insecure: boolean;
  readonly tls?: TlsFiles;
  readonly limits?: Partial<ServerLimits>;
  readonly allowedOrigins?: readonly string[];
  /** The page for browsers; absent: none. */
  readonly page?: PageOptions;
  /** See RpcServerOptions. */
  readonly onRefused?: (message: string) => void;
}

/** The name under which Hubble's clients ask for health: not that of the service. */
const HEALTH_SERVICE = 'hubble.server.Observer';

/** Serves Observer, Peer, Aggregation, Diagnostics, health and reflection. Throws Error when an address cannot be served. */
export async function serveAgent(state: AgentState, options: AgentServerOptions): Promise<RpcServer> {
  const health = new HealthState(['', HEALTH_SERVICE], true);
  return createRpcServer({
    listen: options.listen,
    insecure: options.insecure,
    ...(options.tls !== undefined && { tls: options.tls }),
    ...(options.limits !== undefined && { limits: options.limits }),
    ...(options.allowedOrigins !== undefined && { allowedOrigins: options.allowedOrigins }),
    ...(options.onRefused !== undefined && { onRefused: options.onRefused }),
    ...servePage(options.page),
    responseHeaders: { 'hubble-server-version': state.version },
    rawStreams: new Map([
      ['/observer.Observer/GetFlows', flowsHandler(state)],
      ['/sluice.v1.Aggregation/AggregateFlows', aggregateHandler(state)],
    ]),
    routes: (router) => {
      agentRoutes(router, state);
      if (state.view !== undefined) {
        policyRoutes(router, state.view, state.nodeName);
        datapathRoutes(router, state.view, state.nodeName);
      }
      health.routes(router);
      reflectionRoutes(router, [
        Observer.file,
        Peer.file,
        Aggregation.file,
        Diagnostics.file,
        Policies.file,
        Datapath.file,
        Health.file,
      ]);
    },
  });
}
