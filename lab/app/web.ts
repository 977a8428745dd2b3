import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProgramPlan } from '../topology/workloads.ts';
import type { AppConfig } from './app-config.ts';
import type { Tally } from './tally.ts';
import { UpstreamCaller } from './upstream.ts';

const SLOW_MS = 2_000;

/** An HTTP service: for each request it calls the services that it depends on, works a little, and answers; sometimes slowly, with an error, or not at all. */
export function runWeb(config: AppConfig, program: ProgramPlan & { role: 'web' }, tally: Tally): void {
  const caller = new UpstreamCaller(config);
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    request.resume();
    const calls = program.calls.filter(
      ({ onPath, chance }) => (onPath === undefined || onPath === request.url) && Math.random() < chance,
    );
    const results = await Promise.allSettled(
      calls.map((call) =>
        caller.call(call).catch((error: unknown) => {
          tally.fail(`${call.host}:${call.port}`, error);
          throw error;
        }),
      ),
    );
    await sleep(Math.random() < program.slow ? SLOW_MS : program.workMs * (0.5 + Math.random()));
    if (Math.random() < program.resetting) {
      tally.count('reset on purpose');
      request.socket.resetAndDestroy();
      return;
    }
    const failed = results.some(({ status }) => status === 'rejected');
    const status = Math.random() < program.failing ? 500 : failed ? 502 : 200;
    tally.count(`answered ${status}`);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ from: config.name, to: request.headers['user-agent'], path: request.url }));
  };
  for (const address of [config.addresses.ipv4, config.addresses.ipv6]) {
    const server = createServer((request, response) => {
      handle(request, response).catch((error: unknown) => {
        tally.fail('answer', error);
        response.destroy();
      });
    });
    server.on('error', (error) => tally.fail('listen', error));
    server.listen(program.port, address);
  }
}
