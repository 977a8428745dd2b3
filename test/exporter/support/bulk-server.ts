import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';

/** A request for documents, as the stand-in got it. */
export interface BulkRequest {
  readonly headers: IncomingMessage['headers'];
  readonly path: string;
  readonly bytes: number;
  readonly ids: readonly string[];
  readonly documents: readonly unknown[];
}

/** What the stand-in says: a status for the whole request, or for each document. */
export type BulkReply = { readonly status: number; readonly error?: object } | readonly (number | object)[];

/** A server that answers bulk requests as a test wants it to: for what no real server can be made to do at will, such as to have no room. */
export class BulkServer {
  readonly requests: BulkRequest[] = [];
  /** What to answer to each; by default everything is stored. */
  reply: (request: BulkRequest) => BulkReply = ({ ids }) => ids.map(() => 201);
  private readonly server: ReturnType<typeof createHttpServer>;
  private readonly scheme: string;

  constructor(tls?: ServerOptions) {
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      this.answer(request, response).catch(() => response.destroy());
    };
    this.scheme = tls === undefined ? 'http' : 'https';
    this.server = tls === undefined ? createHttpServer(listener) : createHttpsServer(tls, listener);
  }

  async start(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  get url(): string {
    return `${this.scheme}://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const raw = await buffer(request);
    const { headers, url = '' } = request;
    response.setHeader('X-Elastic-Product', 'Elasticsearch');
    response.setHeader('content-type', 'application/vnd.elasticsearch+json;compatible-with=8');
    if (!url.includes('/_bulk')) {
      const found = [
        {
          name: 'sluice-flows',
          index_template: { index_patterns: [], composed_of: [], _meta: { version: 1 } },
        },
      ];
      response.end(JSON.stringify({ index_templates: found }));
      return;
    }
    const text = (headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).toString();
    const lines = text.trimEnd().split('\n');
    const parsed = lines.map((line) => JSON.parse(line) as { create?: { _id: string } });
    const bulk: BulkRequest = {
      headers,
      path: url,
      bytes: raw.length,
      ids: parsed.filter((_, i) => i % 2 === 0).map(({ create }) => create!['_id']),
      documents: parsed.filter((_, i) => i % 2 === 1),
    };
    this.requests.push(bulk);
    const reply = this.reply(bulk);
    if ('status' in reply) {
      response.statusCode = reply.status;
      response.end(
        JSON.stringify({ error: reply.error ?? { type: 'test', reason: 'as asked' }, status: reply.status }),
      );
      return;
    }
    const items = reply.map((one) => ({ create: typeof one === 'number' ? { status: one } : one }));
    response.end(JSON.stringify({ errors: reply.some((one) => one !== 201), items }));
  }
}
