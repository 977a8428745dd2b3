import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { ElasticsearchConfig } from '../../../../exporter/config/config.ts';
import { createElasticsearchSink } from '../../../../exporter/sink/elasticsearch/sink.ts';
import type { MessageList } from '../../../../exporter/sink/sink.ts';
import { podFrame } from '../../../support/build-frames.ts';
import { createTestAuthority } from '../../../support/make-certificates.ts';
import { BulkServer } from '../../support/bulk-server.ts';
import { brokenFrame, listOf } from '../../support/messages.ts';
import { scratchDirectory } from '../../support/scratch-directory.ts';
import { context, podFlows } from '../../support/sink-contract.ts';

const open: BulkServer[] = [];
after(() => Promise.all(open.map((server) => server.stop())));

async function serve(...args: ConstructorParameters<typeof BulkServer>): Promise<BulkServer> {
  const server = await new BulkServer(...args).start();
  open.push(server);
  return server;
}

const sinkOf = (
  server: BulkServer,
  change: Partial<ElasticsearchConfig> = {},
): ReturnType<typeof createElasticsearchSink> =>
  createElasticsearchSink(
    {
      kind: 'elasticsearch',
      nodes: [server.url],
      namespace: 'default',
      stream: 'flows',
      compression: 'none',
      inFlight: 2,
      ...change,
    },
    'test',
  );

/** A context that notes what is tried again. */
function noting(): { retries: string[]; context: typeof context } {
  const retries: string[] = [];
  return { retries, context: { ...context, retried: (cause?: string) => void retries.push(cause ?? '') } };
}

const podsOf = (documents: readonly unknown[]): string[] =>
  documents.map((document) => (document as { sluice: { source: { pod: string } } }).sluice.source.pod);

describe('a bulk request', () => {
  it('names each document by the 16 bytes of the uuid of its flow', async () => {
    const server = await serve();
    await sinkOf(server).write(podFlows(0, 3), context);
    const [request] = server.requests;
    assert.match(request.path, /^\/logs-sluice\.flows-default\/_bulk\?filter_path=/);
    assert.equal(
      request.headers['content-type'],
      'application/vnd.elasticsearch+x-ndjson; compatible-with=8',
    );
    assert.deepEqual(
      request.ids,
      [0, 1, 2].map((i) =>
        Buffer.from(`b9fab26904ae495c9d12${String(i).padStart(12, '0')}`, 'hex').toString('base64url'),
      ),
    );
    assert.deepEqual(podsOf(request.documents), ['pod-0', 'pod-1', 'pod-2']);
  });

  it('names a message without a uuid by its bytes, the same each time', async () => {
    const server = await serve();
    const sink = sinkOf(server);
    const list = listOf(podFrame('pod-0', 80), podFrame('pod-1', 80));
    await sink.write(list, context);
    await sink.write(list, context);
    const [first, second] = server.requests;
    assert.deepEqual(first.ids, second.ids);
    assert.notEqual(first.ids[0], first.ids[1]);
  });

  it('is compressed when that is asked for', async () => {
    const server = await serve();
    await sinkOf(server).write(podFlows(0, 100), context);
    await sinkOf(server, { compression: 'gzip' }).write(podFlows(0, 100), context);
    const [plain, small] = server.requests;
    assert.deepEqual(small.documents, plain.documents);
    assert.ok(small.bytes < plain.bytes / 5, `${small.bytes} of ${plain.bytes}`);
  });

  it('is split when it is longer than servers like, and again when one still finds it too long', async () => {
    const server = await serve();
    server.reply = ({ bytes, ids }) => (bytes > 3_000_000 ? { status: 413 } : ids.map(() => 201));
    const long = {
      policyLog: [],
      destinationNames: Array.from({ length: 300 }, (_, i) => `${'x'.repeat(250)}${i}`),
    };
    const flows = listOf(...Array.from({ length: 150 }, (_, i) => podFrame(`pod-${i}`, 80, 1, i, long)));
    assert.deepEqual(await sinkOf(server).write(flows, context), []);
    const stored = server.requests.filter(({ bytes }) => bytes <= 3_000_000);
    assert.deepEqual(
      podsOf(stored.flatMap(({ documents }) => documents)),
      Array.from({ length: 150 }, (_, i) => `pod-${i}`),
    );
    assert.ok(server.requests.every(({ bytes }) => bytes <= 8 * 1024 * 1024));
  });

  it('rejects the one document that is too long by itself', async () => {
    const server = await serve();
    server.reply = ({ bytes, ids }) => (bytes > 30_000 ? { status: 413 } : ids.map(() => 201));
    const flows = listOf(
      podFrame('pod-0', 80),
      podFrame('pod-1', 80, 1, 1, { destinationNames: ['x'.repeat(40_000)] }),
    );
    const rejects = await sinkOf(server).write(flows, context);
    assert.deepEqual(
      rejects.map(({ index, cause }) => [index, cause]),
      [[1, 'too_large']],
    );
  });
});

describe('what the server says of documents', () => {
  it('sends again only those for which there was no room', async () => {
    const server = await serve();
    let calls = 0;
    server.reply = ({ ids }) => {
      calls++;
      return ids.map((_, i) => (calls < 3 && i % 2 === 1 ? 429 : 201));
    };
    const { retries, context: noted } = noting();
    assert.deepEqual(await sinkOf(server).write(podFlows(0, 8), noted), []);
    assert.deepEqual(
      server.requests.map(({ documents }) => podsOf(documents)),
      [podsOf(server.requests[0].documents), ['pod-1', 'pod-3', 'pod-5', 'pod-7'], ['pod-3', 'pod-7']],
    );
    assert.deepEqual(retries, ['item_busy', 'item_busy']);
  });

  it('counts what is there already, and stores nothing twice', async () => {
    const server = await serve();
    server.reply = ({ ids }) => ids.map((_, i) => (i === 1 ? 409 : 201));
    const sink = sinkOf(server);
    assert.deepEqual(await sink.write(podFlows(0, 3), context), []);
    assert.deepEqual(sink.counters, { duplicates: 1 });
    assert.equal(server.requests.length, 1);
  });

  it('rejects by their places what the mapping refuses, beside what is no message', async () => {
    const server = await serve();
    const refusal = {
      status: 400,
      error: {
        type: 'document_parsing_exception',
        reason: 'failed to parse field [source.ip]',
        caused_by: { reason: "'x' is not an IP string literal." },
      },
    };
    server.reply = ({ ids }) => ids.map((_, i) => (i === 1 ? refusal : 201));
    const list: MessageList = listOf(
      brokenFrame(),
      podFrame('pod-0', 80),
      podFrame('pod-1', 80),
      podFrame('pod-2', 80),
    );
    const rejects = await sinkOf(server).write(list, context);
    assert.deepEqual(
      rejects.map(({ index, cause, reason }) => [index, cause, reason.slice(0, 200)]).slice(1),
      [
        [
          2,
          'mapping',
          "document_parsing_exception: failed to parse field [source.ip]: 'x' is not an IP string literal.",
        ],
      ],
    );
    assert.deepEqual([rejects[0].index, rejects[0].cause], [0, 'malformed']);
  });

  it('does not take for the fault of a document what is the fault of the cluster', async () => {
    const server = await serve();
    const error = {
      type: 'validation_exception',
      reason: 'this action would add [2] shards, but this cluster currently has [1000]/[1000]',
    };
    server.reply = ({ ids }) => ids.map(() => ({ status: 400, error }));
    await assert.rejects(sinkOf(server).write(podFlows(0, 2), context), {
      failure: 'refused',
      message: /^data stream logs-sluice\.flows-default: validation_exception: this action would add/,
    });
  });
});

describe('a server that says no', () => {
  for (const [status, failure] of [
    [429, 'busy'],
    [503, 'busy'],
    [403, 'denied'],
    [400, 'refused'],
  ] as const) {
    it(`has the whole write tried again after status ${status}`, async () => {
      const server = await serve();
      const sink = sinkOf(server);
      server.reply = () => ({ status });
      await assert.rejects(sink.write(podFlows(0, 2), context), {
        failure,
        message: `Elasticsearch at ${server.url}: status ${status}: test: as asked`,
      });
      server.reply = ({ ids }) => ids.map(() => 201);
      assert.deepEqual(await sink.write(podFlows(0, 2), context), []);
    });
  }

  it('is passed over for another node', async () => {
    const [gone, there] = [await serve(), await serve()];
    const nodes = [gone.url, there.url];
    await gone.stop();
    const sink = sinkOf(there, { nodes });
    for (let i = 0; i < 4; i++) assert.deepEqual(await sink.write(podFlows(i, i + 1), context), []);
    assert.equal(there.requests.length, 4);
    await sink.close();
  });
});

describe('a login', () => {
  it('is an API key or a name, with the secret as it is now', async () => {
    const server = await serve();
    const file = join(scratchDirectory(), 'secret');
    writeFileSync(file, 'first\n');
    const key = sinkOf(server, { auth: { kind: 'apiKey', apiKey: { file } } });
    await key.write(podFlows(0, 1), context);
    server.reply = () => ({ status: 401 });
    await assert.rejects(key.write(podFlows(0, 1), context), { failure: 'denied' });
    writeFileSync(file, 'second\n');
    server.reply = ({ ids }) => ids.map(() => 201);
    await key.write(podFlows(0, 1), context);
    await sinkOf(server, { auth: { kind: 'basic', username: 'sluice', password: { file } } }).write(
      podFlows(0, 1),
      context,
    );
    assert.deepEqual(
      server.requests.map(({ headers }) => headers.authorization),
      [
        'ApiKey first',
        'ApiKey first',
        'ApiKey second',
        `Basic ${Buffer.from('sluice:second').toString('base64')}`,
      ],
    );
  });

  it('works over TLS, each side showing a certificate, and not without one', async () => {
    const authority = await createTestAuthority();
    after(() => authority.remove());
    const caFiles = [authority.caFile];
    const serverFiles = await authority.issue('search', 'server');
    const clientFiles = await authority.issue('exporter', 'client');
    const server = await serve({
      cert: readFileSync(serverFiles.certFile),
      key: readFileSync(serverFiles.keyFile),
      ca: readFileSync(authority.caFile),
      requestCert: true,
      rejectUnauthorized: true,
    });
    const sink = sinkOf(server, { tls: { caFiles, ...clientFiles } });
    assert.deepEqual(await sink.write(podFlows(0, 2), context), []);
    await sink.close();
    const unknown = sinkOf(server, { tls: { caFiles } });
    await assert.rejects(unknown.write(podFlows(0, 2), context), { failure: 'server' });
    const untrusted = sinkOf(server);
    await assert.rejects(untrusted.write(podFlows(0, 2), context), {
      failure: 'server',
      message: /certificate/,
    });
  });
});
