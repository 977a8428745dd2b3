import { createServer, type Server } from 'node:http';
import { type Address, formatAddress } from '../../rpc/index.ts';
import { metricsText } from './metrics-text.ts';
import type { ExportReport } from './report.ts';

/** A running server. Close it. */
export interface StatusServer {
  readonly address: Address;
  close(): Promise<void>;
}

/** Serves `/metrics` for Prometheus and `/status` as JSON. Throws Error that names an address that cannot be listened on. */
export async function serveStatus(address: Address, report: () => ExportReport): Promise<StatusServer> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
    const answer = answerOf(request.method, request.url, report);
    response.writeHead(answer.status, { 'content-type': answer.type, 'cache-control': 'no-store' });
    response.end(answer.body);
  });
  server.maxConnections = 64;
  await listen(server, address);
  const bound = server.address();
  const isTcp = typeof bound === 'object' && bound !== null && address.kind === 'tcp';
  return {
    address: isTcp ? { ...address, port: bound.port } : address,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answerOf(
  method: string | undefined,
  url: string | undefined,
  report: () => ExportReport,
): { readonly status: number; readonly type: string; readonly body: string } {
  const text = 'text/plain; charset=utf-8';
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, type: text, body: 'only GET\n' };
  switch (url) {
    case '/metrics':
      return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: metricsText(report()) };
    case '/status':
      return { status: 200, type: 'application/json', body: `${JSON.stringify(report())}\n` };
    default:
      return { status: 404, type: text, body: 'there are /metrics and /status\n' };
  }
}

function listen(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const message = `cannot serve metrics on ${formatAddress(address)}: ${error.message}`;
      reject(new Error(message, { cause: error }));
    });
    if (address.kind === 'unix') server.listen(address.path, resolve);
    else server.listen(address.port, address.host === '' ? undefined : address.host, resolve);
  });
}
