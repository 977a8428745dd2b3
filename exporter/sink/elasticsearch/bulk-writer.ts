import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { Client } from '@elastic/elasticsearch';
import { Backoff } from '../../../rpc/backoff.ts';
import type { ElasticsearchConfig } from '../../config/config.ts';
import { pause } from '../../wait.ts';
import type { WriteContext } from '../sink.ts';
import { ANSWER_PARTS, type BulkAnswer, type BulkItem, reasonOf, resultOf } from './bulk-answer.ts';
import type { BulkBody } from './bulk-body.ts';
import { checkTemplate } from './check-template.ts';
import { createClient, ElasticsearchError, elasticsearchError } from './connection.ts';

const compress = promisify(gzip);

/** Tries that single documents get when the server has no room for them, before the whole body is given up. */
const ITEM_TRIES = 6;
const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 5000;
/** Larger bodies are split before they are sent: servers refuse 100 MB, and like a tenth of that. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

const headers = {
  'content-type': 'application/vnd.elasticsearch+x-ndjson; compatible-with=8',
  accept: 'application/vnd.elasticsearch+json; compatible-with=8',
};

/** Told of a document that will never be taken: its number in the body, why in a word, and what the server said. */
export type RejectDocument = (document: number, cause: string, reason: string) => void;

/** Creates documents in a data stream. Whatever is thrown is an ElasticsearchError. */
export class BulkWriter {
  /** Documents that were there already. */
  duplicates = 0;
  private readonly config: ElasticsearchConfig;
  private readonly stream: string;
  private client: Client | null = null;

  constructor(config: ElasticsearchConfig, stream: string) {
    this.config = config;
    this.stream = stream;
  }

  /** Checks that the index template of this name is there. */
  async open(template: string): Promise<void> {
    await checkTemplate(this.connected(), template, this.config.nodes[0]).catch((error: unknown) =>
      this.fail(error),
    );
  }

  /** Resolves once every document is stored but those that `reject` was told of. */
  write(body: BulkBody, context: WriteContext, reject: RejectDocument): Promise<void> {
    return this.send(body, 0, body.count, context, reject);
  }

  /** Never throws. */
  async close(): Promise<void> {
    const { client } = this;
    this.client = null;
    await client?.close().catch(() => {});
  }

  /** Sends documents `[from, to)` of a body; halves of them when they are too large together. */
  private async send(
    body: BulkBody,
    from: number,
    to: number,
    context: WriteContext,
    reject: RejectDocument,
  ): Promise<void> {
    if (from === to) return;
    const { json, starts } = body;
    if (to - from === 1 || starts[to] - starts[from] <= MAX_BODY_BYTES) {
      try {
        const documentBytes = Buffer.from(json.bytes.buffer, starts[from], starts[to] - starts[from]);
        const answer = await this.request(documentBytes, context.signal);
        const documents = Array.from({ length: to - from }, (_, i) => from + i);
        await this.settle(body, documents, answer, context, reject);
        return;
      } catch (error) {
        if (!(error instanceof ElasticsearchError) || error.failure !== 'too_large') throw error;
        if (to - from === 1) {
          reject(from, 'too_large', error.message);
          return;
        }
      }
    }
    const middle = (from + to) >> 1;
    await this.send(body, from, middle, context, reject);
    await this.send(body, middle, to, context, reject);
  }

  /** Looks at what became of documents; those for which there was no room are sent again. */
  private async settle(
    body: BulkBody,
    documents: readonly number[],
    answer: BulkAnswer,
    context: WriteContext,
    reject: RejectDocument,
  ): Promise<void> {
    const wait = new Backoff(FIRST_WAIT_MS, MAX_WAIT_MS);
    let sent = documents;
    let last = answer;
    for (let tries = 1; last.errors; tries++) {
      const again: number[] = [];
      const items: readonly BulkItem[] = last.items ?? [];
      let said = '';
      for (const [i, document] of sent.entries()) {
        const item = items[i] ?? {};
        const result = resultOf(item);
        if (result === 'duplicate') this.duplicates++;
        else if (result === 'rejected') reject(document, 'mapping', reasonOf(item));
        else if (result === 'refused') throw new ElasticsearchError('refused', this.inWords(reasonOf(item)));
        else if (result === 'busy') {
          again.push(document);
          said = reasonOf(item);
        }
      }
      if (again.length === 0) return;
      context.retried('item_busy');
      if (tries === ITEM_TRIES || context.signal.aborted) {
        throw new ElasticsearchError('busy', this.inWords(`${again.length} documents: ${said}`));
      }
      await pause(wait.next(), context.signal);
      sent = again;
      last = await this.request(linesOf(body, again), context.signal);
    }
  }

  private async request(body: Buffer, signal: AbortSignal): Promise<BulkAnswer> {
    const isGzip = this.config.compression === 'gzip';
    try {
      // Level 1: most of the saving at a third of the CPU of the client's own level.
      const bulkBody = isGzip ? await compress(body, { level: constants.Z_BEST_SPEED }) : body;
      return await this.connected().transport.request<BulkAnswer>(
        {
          method: 'POST',
          path: `/${this.stream}/_bulk`,
          querystring: { filter_path: ANSWER_PARTS },
          bulkBody,
        },
        { signal, headers: isGzip ? { ...headers, 'content-encoding': 'gzip' } : headers },
      );
    } catch (error) {
      return this.fail(error);
    }
  }

  /** The client, made with the secrets and certificates as they are now when there is none. */
  private connected(): Client {
    try {
      this.client ??= createClient(this.config);
      return this.client;
    } catch (error) {
      throw new ElasticsearchError('denied', (error as Error).message, error);
    }
  }

  private fail(error: unknown): never {
    const failure = elasticsearchError(error, `Elasticsearch at ${this.config.nodes.join(', ')}`);
    // A secret or a certificate may have been replaced: the next try reads them again.
    if (failure.failure === 'denied' || failure.failure === 'server') void this.close();
    throw failure;
  }

  private inWords(reason: string): string {
    return `data stream ${this.stream}: ${reason}`;
  }
}

function linesOf({ json, starts }: BulkBody, documents: readonly number[]): Buffer {
  return Buffer.concat(documents.map((i) => json.bytes.subarray(starts[i], starts[i + 1])));
}
