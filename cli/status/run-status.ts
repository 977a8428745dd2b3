import { enumName } from '../../proto/flow/text/enum-name.ts';
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../proto/gen/grpc/health/v1/health_pb.ts';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { Diagnostics, type GetStatusResponse } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { callUnary } from '../../rpc/call-unary.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { Invocation } from '../command.ts';
import { lastText } from '../../flags/flag-spec.ts';
import { parseBool } from '../../flags/parse-value.ts';
import { loadSettings, type Server, withServer } from '../server/with-server.ts';
import { diagnosticsJson, diagnosticsText } from './diagnostics-text.ts';
import { compactStatus, dictStatus, jsonStatus, tableStatus } from './status-text.ts';

/** The name under which Hubble's servers tell their health; it is not that of the service in the schema. */
const HEALTH_SERVICE = 'hubble.server.Observer';

/** `sluice status`. */
export async function runStatus({ uses }: Invocation): Promise<number> {
  const format = lastText(uses, 'output') ?? 'compact';
  const isVerbose = parseBool('--verbose', lastText(uses, 'verbose') ?? 'false');
  return withServer(await loadSettings(uses), async (server) => {
    const { connection, unary, target } = server;
    const health = await callUnary(connection, Health.method.check, { service: HEALTH_SERVICE }, unary);
    if (health.status !== ServingStatus.SERVING) {
      const name = enumName(ServingStatus, health.status);
      if (format === 'compact') process.stdout.write(healthLine(target, `Unavailable: ${name}`));
      throw new Error(`${target} is not healthy: ${name}`);
    }
    const status = await callUnary(connection, Observer.method.serverStatus, {}, unary);
    switch (format) {
      case 'compact':
        process.stdout.write(healthLine(target, 'Ok') + compactStatus(status));
        process.stdout.write(await diagnostics(server, (answer) => diagnosticsText(answer, isVerbose)));
        break;
      case 'dict':
        process.stdout.write(dictStatus(status));
        if (isVerbose)
          process.stdout.write(await diagnostics(server, (answer) => diagnosticsText(answer, true)));
        break;
      case 'table':
      case 'tab':
        process.stdout.write(tableStatus(status));
        if (isVerbose)
          process.stdout.write(await diagnostics(server, (answer) => diagnosticsText(answer, true)));
        break;
      default:
        process.stdout.write(jsonStatus(status));
        if (isVerbose) process.stdout.write(await diagnostics(server, diagnosticsJson));
    }
    return 0;
  });
}

function healthLine(target: string, state: string): string {
  return `Healthcheck (via ${target}): ${state}\n`;
}

/** What a server tells beyond Hubble's API; nothing from servers that are not Sluice's. */
async function diagnostics(
  { connection, unary }: Server,
  print: (answer: GetStatusResponse) => string,
): Promise<string> {
  try {
    return print(await callUnary(connection, Diagnostics.method.getStatus, {}, unary));
  } catch (error) {
    if (error instanceof RpcError) return '';
    throw error;
  }
}
