import { LossLedger } from '../history/index.ts';
import { Health } from '../proto/gen/grpc/health/v1/health_pb.ts';
import { Observer } from '../proto/gen/observer/observer_pb.ts';
import { Diagnostics, LossCause } from '../proto/gen/sluice/v1/diagnostics_pb.ts';
import { createRpcServer, formatAddress, HealthState, reflectionRoutes } from '../rpc/index.ts';
import { logLine } from '../rpc/log.ts';
import { VERSION } from '../rpc/version.ts';
import { type ProcessIo, type RelayOptions } from './config.ts';
import { PeerDirectory } from './peer/peer-directory.ts';
import { type LiveStreamOptions, LiveStreams } from './serve/live-streams.ts';
import { flowsHandler, relayRoutes, type RelayState } from './serve/observer-service.ts';

export { type ProcessIo, type RelayOptions } from './config.ts';

const HEALTH_INTERVAL_MS = 5000;
const CLOSE_GRACE_MS = 500;

/** Runs a relay until `io.signal` aborts. Returns the exit status: 0 for a clean end, 1 when it could not start (told in the log). */
export async function runRelay(options: RelayOptions, io: ProcessIo): Promise<number> {
  const ledger = new LossLedger();
  const totals = { received: 0, late: 0 };
  const directory = new PeerDirectory({
    peers: options.peers,
    ...(options.peerService !== undefined && { peerService: options.peerService }),
    ...(options.peerTls !== undefined && { tls: options.peerTls }),
    log: (level, message, fields) => io.log(logLine(level, message, fields)),
  });
  const streamOptions: LiveStreamOptions = {
    relayName: options.name,
    ledger,
    delayMs: options.mergeDelayMs,
    maxBufferedBytes: options.maxBufferedBytes,
    liveBufferFlows: options.liveBufferFlows,
    liveBufferBytes: options.liveBufferBytes,
    count: (received, late) => {
      totals.received += received;
      totals.late += late;
      ledger.add(LossCause.RELAY_LATE, late, 'delivered out of order');
    },
  };
  const state: RelayState = {
    name: options.name,
    version: VERSION,
    startedMs: Date.now(),
    directory,
    ledger,
    live: new LiveStreams(directory, streamOptions),
    streamOptions,
    totals,
  };
  const health = new HealthState(['', 'hubble.server.Observer'], false);
  const checkHealth = (): void => health.set(directory.isHealthy);
  directory.onEvent((event) => {
    checkHealth();
    if (event.kind === 'lost') ledger.add(LossCause.PEER_UNAVAILABLE, 1, event.session.name);
  });
  const healthTimer = setInterval(checkHealth, HEALTH_INTERVAL_MS);
  try {
    const server = await createRpcServer({
      listen: options.listen,
      insecure: options.insecure,
      ...(options.tls !== undefined && { tls: options.tls }),
      responseHeaders: { 'hubble-relay-version': VERSION },
      rawStreams: new Map([['/observer.Observer/GetFlows', flowsHandler(state)]]),
      routes: (router) => {
        relayRoutes(router, state);
        health.routes(router);
        reflectionRoutes(router, [Observer.file, Diagnostics.file, Health.file]);
      },
    });
    io.log(
      logLine('info', 'relay ready', {
        name: options.name,
        listen: server.addresses.map(formatAddress).join(' '),
      }),
    );
    await untilAborted(io.signal);
    state.live.close();
    await server.close(CLOSE_GRACE_MS);
    io.log(logLine('info', 'relay stopped'));
    return 0;
  } catch (error) {
    io.log(logLine('error', (error as Error).message));
    return 1;
  } finally {
    clearInterval(healthTimer);
    directory.close();
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
