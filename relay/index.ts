import { LossLedger, type StoreLog } from '../history/index.ts';
import { Health } from '../proto/gen/grpc/health/v1/health_pb.ts';
import { Observer } from '../proto/gen/observer/observer_pb.ts';
import { Aggregation } from '../proto/gen/sluice/v1/aggregation_pb.ts';
import { Datapath } from '../proto/gen/sluice/v1/datapath_pb.ts';
import { Diagnostics, LossCause } from '../proto/gen/sluice/v1/diagnostics_pb.ts';
import { Policies } from '../proto/gen/sluice/v1/policy_pb.ts';
import {
  clientTlsProblems,
  createRpcServer,
  formatAddress,
  HealthState,
  reflectionRoutes,
  type RpcServer,
  servePage,
  type TlsProblem,
} from '../rpc/index.ts';
import { logLine } from '../rpc/log.ts';
import { VERSION } from '../rpc/version.ts';
import { aggregateHandler } from './aggregate/aggregate-service.ts';
import { checkRelayOptions, DEFAULT_MAX_STREAMS, type ProcessIo, type RelayOptions } from './config.ts';
import { PeerDirectory } from './peer/peer-directory.ts';
import { datapathRoutes } from './policy/datapath-service.ts';
import { policyRoutes } from './policy/policy-service.ts';
import { RelayService } from './serve/observer-service.ts';
import { RelayStore } from './store/relay-store.ts';
import { createMeter } from './serve/relay-meter.ts';

export { type ProcessIo, type RelayOptions } from './config.ts';

/** Names under which health is served: all, and the one that Hubble's CLI asks for. */
const HEALTH_NAMES = ['', 'hubble.server.Observer'];
const HEALTH_INTERVAL_MS = 5000;
const CLOSE_GRACE_MS = 500;

/** Runs a relay until `io.signal` aborts. Returns the exit status: 0 for a clean end, 1 when it could not start (told in the log). */
export async function runRelay(options: RelayOptions, io: ProcessIo): Promise<number> {
  try {
    checkRelayOptions(options);
    await serve(options, io);
    io.log(logLine('info', 'relay stopped'));
    return 0;
  } catch (error) {
    io.log(logLine('error', (error as Error).message));
    return 1;
  }
}

async function serve(options: RelayOptions, io: ProcessIo): Promise<void> {
  const {
    name,
    listen,
    insecure,
    tls,
    limits,
    allowedOrigins,
    peers,
    peerService,
    peerServiceServerName,
    peerTls,
  } = options;
  const directory = new PeerDirectory({
    peers,
    ...(peerService !== undefined && { peerService }),
    ...(peerTls !== undefined && { tls: peerTls }),
    ...(peerServiceServerName !== undefined && { peerServiceServerName }),
    log: (level, message, fields) => io.log(logLine(level, message, fields)),
  });
  const ledger = new LossLedger();
  let server: RpcServer | null = null;
  const tlsProblems = (): TlsProblem[] => [
    ...(server?.tlsProblems ?? []),
    ...(peerTls === undefined ? [] : clientTlsProblems(peerTls)),
  ];
  const service = new RelayService(
    { ...options, relayName: name, directory, ledger, meter: createMeter() },
    VERSION,
    options.maxStreams ?? DEFAULT_MAX_STREAMS,
    tlsProblems,
  );
  const store = await openStore(options, ledger, io);
  if (store !== null) service.useStore(store);
  const health = new HealthState(HEALTH_NAMES, false);
  const checkHealth = (): void => health.set(directory.isHealthy);
  let told: readonly string[] = [];
  const tellProblems = (): void => {
    const problems = tlsProblems();
    for (const { where, message } of problems) {
      if (!told.includes(message)) io.log(logLine('warn', message, { where }));
    }
    told = problems.map(({ message }) => message);
  };
  const timer = setInterval(() => {
    checkHealth();
    tellProblems();
  }, HEALTH_INTERVAL_MS);
  directory.onEvent((event) => {
    checkHealth();
    // How much was lost is not known: the peer tells that itself when it is back, if it can.
    if (event.kind === 'lost') ledger.add(LossCause.PEER_UNAVAILABLE, 1, event.session.nodeName);
  });
  try {
    server = await createRpcServer({
      listen,
      insecure,
      ...(tls !== undefined && { tls }),
      ...(limits !== undefined && { limits }),
      ...(allowedOrigins !== undefined && { allowedOrigins }),
      onRefused: (message) => io.log(logLine('warn', message)),
      ...servePage(options.page),
      responseHeaders: { 'hubble-relay-version': VERSION },
      rawStreams: new Map([
        ['/observer.Observer/GetFlows', service.getFlows],
        [
          '/sluice.v1.Aggregation/AggregateFlows',
          aggregateHandler(name, directory, undefined, store === null ? null : { store, ledger }),
        ],
      ]),
      routes: (router) => {
        service.routes(router);
        policyRoutes(router, directory);
        datapathRoutes(router, directory);
        health.routes(router);
        reflectionRoutes(router, [
          Observer.file,
          Aggregation.file,
          Diagnostics.file,
          Policies.file,
          Datapath.file,
          Health.file,
        ]);
      },
    });
    io.log(logLine('info', 'relay ready', { name, listen: server.addresses.map(formatAddress).join(' ') }));
    await untilAborted(io.signal);
    service.close();
    await server.close(CLOSE_GRACE_MS);
  } finally {
    clearInterval(timer);
    await store?.close();
    directory.close();
  }
}

/** How long after it happened a flow has come through the merge, or counts as late: a relay below has waited before, and agents flush some ten times a second. */
function settleMs({ mergeDelayMs }: RelayOptions): number {
  return 2 * mergeDelayMs + 2000;
}

/** A relay without a disk to keep flows on still has its peers: that the store does not open is told, and no reason to stop. */
async function openStore(
  options: RelayOptions,
  ledger: LossLedger,
  io: ProcessIo,
): Promise<RelayStore | null> {
  const { store: bounds } = options;
  if (bounds === undefined) return null;
  const log: StoreLog = (level, message, fields) => io.log(logLine(level, message, fields));
  try {
    return await RelayStore.open({ bounds, ledger, log, settleMs: settleMs(options) });
  } catch (error) {
    log('warn', (error as Error).message, {});
    return null;
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
