import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { frameMessage } from '../../../proto/flow/frame.ts';
import {
  type GetAgentEventsRequest,
  type GetAgentEventsResponseSchema,
  type GetFlowsRequest,
  GetFlowsRequestSchema,
  type GetFlowsResponse,
  GetFlowsResponseSchema,
  type GetNodesResponseSchema,
  type GetNamespacesResponseSchema,
  Observer,
  type ServerStatusResponseSchema,
} from '../../../proto/gen/observer/observer_pb.ts';
import { type ChangeNotificationSchema, Peer } from '../../../proto/gen/peer/peer_pb.ts';
import { Diagnostics, type GetStatusResponseSchema } from '../../../proto/gen/sluice/v1/diagnostics_pb.ts';
import {
  createRpcServer,
  formatAddress,
  HealthState,
  parseAddress,
  type RawCall,
  reflectionRoutes,
  RpcCode,
  RpcError,
} from '../../../rpc/index.ts';

/** What a fake server answers; what is left out is not served, except for health. */
export interface FakeAnswers {
  readonly flows?: readonly GetFlowsResponse[];
  /** Status that GetFlows ends with instead of OK. */
  readonly flowsError?: RpcError;
  /** Goes on with these for ever when following, as fast as they are taken. */
  readonly endless?: GetFlowsResponse;
  readonly agentEvents?: readonly MessageInitShape<typeof GetAgentEventsResponseSchema>[];
  readonly isUnhealthy?: boolean;
  readonly status?: MessageInitShape<typeof ServerStatusResponseSchema>;
  readonly diagnostics?: MessageInitShape<typeof GetStatusResponseSchema>;
  readonly nodes?: MessageInitShape<typeof GetNodesResponseSchema>;
  readonly namespaces?: MessageInitShape<typeof GetNamespacesResponseSchema>;
  readonly peers?: readonly MessageInitShape<typeof ChangeNotificationSchema>[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly listen?: readonly string[];
}

export interface FakeServer {
  /** `unix:///…` */
  readonly address: string;
  /** Bound addresses as text. */
  readonly addresses: readonly string[];
  readonly flowRequests: GetFlowsRequest[];
  readonly agentEventRequests: GetAgentEventsRequest[];
  /** Request headers of the last GetFlows call. */
  readonly lastHeaders: () => RawCall['headers'];
  /** Messages written to endless streams. */
  readonly written: () => number;
  close(): Promise<void>;
}

/** Starts a server for tests of the command line on a Unix socket of its own. */
export async function startFakeServer(answers: FakeAnswers): Promise<FakeServer> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
  const address = `unix://${directory}/server.sock`;
  const flowRequests: GetFlowsRequest[] = [];
  const agentEventRequests: GetAgentEventsRequest[] = [];
  let lastHeaders: RawCall['headers'] = {};
  let written = 0;
  const absent = (): never => {
    throw new ConnectError('not served here', Code.Unimplemented);
  };

  const getFlows = async (call: RawCall): Promise<void> => {
    const request = fromBinary(GetFlowsRequestSchema, call.request);
    flowRequests.push(request);
    lastHeaders = call.headers;
    const stopped = new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve()));
    const send = async (response: GetFlowsResponse): Promise<void> => {
      const isTaken = call.write(frameMessage(toBinary(GetFlowsResponseSchema, response)));
      if (!isTaken) await Promise.race([call.drained().catch(() => {}), stopped]);
    };
    for (const response of answers.flows ?? []) await send(response);
    call.flush();
    if (answers.flowsError !== undefined) throw answers.flowsError;
    if (!request.follow) return;
    while (answers.endless !== undefined && !call.signal.aborted) {
      await send(answers.endless);
      written++;
      if (written % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await stopped;
  };

  const health = new HealthState(['', 'hubble.server.Observer'], answers.isUnhealthy !== true);
  const server = await createRpcServer({
    listen: [address, ...(answers.listen ?? [])].map((text) => parseAddress(text)),
    insecure: true,
    rawStreams: new Map([['/observer.Observer/GetFlows', getFlows]]),
    ...(answers.headers !== undefined && { responseHeaders: answers.headers }),
    routes: (router) => {
      router.service(Observer, {
        serverStatus: () => answers.status ?? absent(),
        getNodes: () => answers.nodes ?? absent(),
        getNamespaces: () => answers.namespaces ?? absent(),
        async *getAgentEvents(request) {
          agentEventRequests.push(request);
          yield* answers.agentEvents ?? absent();
        },
      });
      router.service(Peer, {
        async *notify() {
          yield* answers.peers ?? absent();
        },
      });
      if (answers.diagnostics !== undefined) {
        const { diagnostics } = answers;
        router.service(Diagnostics, { getStatus: () => diagnostics });
      }
      health.routes(router);
      reflectionRoutes(router, [Observer.file]);
    },
  });
  return {
    address,
    addresses: server.addresses.map(formatAddress),
    flowRequests,
    agentEventRequests,
    lastHeaders: () => lastHeaders,
    written: () => written,
    close: async () => {
      await server.close(0);
      rmSync(directory, { recursive: true });
    },
  };
}

/** An error as a server of tests ends GetFlows with. */
export function failedCall(code: RpcCode, message: string): RpcError {
  return new RpcError(code, message);
}

/** A response that no encoder of ours writes: for tests of what cannot be printed. */
export function emptyResponse(): GetFlowsResponse {
  return create(GetFlowsResponseSchema);
}
