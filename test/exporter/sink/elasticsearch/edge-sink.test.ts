import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SinkConfig } from '../../../../exporter/config/config.ts';
import { DeadLetters } from '../../../../exporter/delivery/dead-letters.ts';
import { Delivery } from '../../../../exporter/delivery/delivery.ts';
import { createElasticsearchSink } from '../../../../exporter/sink/elasticsearch/sink.ts';
import type { MessageList, Sink } from '../../../../exporter/sink/sink.ts';
import { Spool } from '../../../../exporter/spool/spool.ts';
import type { FlowInit } from '../../../support/build-responses.ts';
import { podFrame } from '../../../support/build-frames.ts';
import { BulkServer } from '../../support/bulk-server.ts';
import { listOf } from '../../support/messages.ts';
import { context } from '../../support/sink-contract.ts';
import { spoolOptions } from '../../support/spool.ts';

const MINUTE_MS = 60_000;
const open: BulkServer[] = [];
after(() => Promise.all(open.map((server) => server.stop())));

async function serve(): Promise<BulkServer> {
  const server = await new BulkServer().start();
  open.push(server);
  return server;
}

function sinkOf(server: BulkServer, scope = 'one'): Sink {
  const target = {
    kind: 'elasticsearch',
    nodes: [server.url],
    stream: 'edges',
    namespace: 'default',
    compression: 'none',
    inFlight: 2,
  } as const;
  return createElasticsearchSink(target, scope);
}

let uuids = 0;
/** A flow of the pod's workload to `pay-5b7`, so many ms after 2026-03-04T09:15:22.118. */
function flow(pod: string, ms: number, more: FlowInit = {}, verdict = 1): Uint8Array {
  const uuid = `b9fab269-04ae-495c-9d12-${String(uuids++).padStart(12, '0')}`;
  return podFrame(pod, 80, verdict, ms, { uuid, ...more });
}
const end = (minutes = 3): MessageList => listOf(flow('last-1', minutes * MINUTE_MS));

interface EdgeSource {
  readonly '@timestamp': string;
  readonly sluice: {
    readonly flows: number;
    readonly verdict: string;
    readonly source: { readonly workload: string };
  };
}

const edges = (server: BulkServer): EdgeSource[] =>
  server.requests.flatMap(({ documents }) => documents as EdgeSource[]);
const ids = (server: BulkServer): string[] => server.requests.flatMap((request) => [...request.ids]).sort();

describe('the sink for counts of edges', () => {
  it('counts by minute and edge, replies with their requests, and stores a minute when it is over', async () => {
    const server = await serve();
    const sink = sinkOf(server);
    await sink.open();
    const reply: FlowInit = {
      isReply: true,
      source: { namespace: 'shop', podName: 'pay-5b7' },
      destination: {
        namespace: 'shop',
        podName: 'cart-1',
        workloads: [{ name: 'cart', kind: 'Deployment' }],
      },
      l4: { protocol: { case: 'TCP', value: { sourcePort: 80, destinationPort: 41_000 } } },
    };
    await sink.write(
      listOf(
        flow('cart-1', 0),
        flow('cart-2', 10),
        flow('cart-1', 20, reply),
        flow('cart-1', 30, {}, 2),
        flow('web-1', MINUTE_MS),
      ),
      context,
    );
    const settled = sink.settled!();
    assert.equal(server.requests.length, 0);
    await sink.write(end(), context);
    await settled;
    assert.deepEqual(server.requests[0].path.split('?')[0], '/metrics-sluice.edges-default/_bulk');
    const edge = (workload: string, flows: number, verdict: string, time: string): object => ({
      '@timestamp': time,
      destination: { port: 80 },
      network: { transport: 'tcp' },
      sluice: {
        verdict,
        flows,
        source: { namespace: 'shop', workload: `shop/${workload}` },
        destination: { namespace: 'shop', workload: 'shop/pay-5b7' },
      },
    });
    assert.deepEqual(
      edges(server).sort(
        (a, b) => b.sluice.flows - a.sluice.flows || a['@timestamp'].localeCompare(b['@timestamp']),
      ),
      [
        edge('cart', 3, 'FORWARDED', '2026-03-04T09:15:00.000Z'),
        edge('cart', 1, 'DROPPED', '2026-03-04T09:15:00.000Z'),
        edge('web', 1, 'FORWARDED', '2026-03-04T09:16:00.000Z'),
      ],
    );
    await sink.close();
  });

  it('gives documents the same ids when the same flows are counted again, and others than another exporter', async () => {
    const flows = listOf(flow('cart-1', 0), flow('cart-2', 10), flow('web-1', 20));
    const [first, again, other] = [await serve(), await serve(), await serve()];
    for (const [server, scope] of [
      [first, 'one'],
      [again, 'one'],
      [other, 'two'],
    ] as const) {
      const sink = sinkOf(server, scope);
      await sink.open();
      await sink.write(flows, context);
      const settled = sink.settled!();
      await sink.write(end(), context);
      await settled;
      await sink.close();
    }
    assert.deepEqual(ids(again), ids(first));
    assert.equal(new Set([...ids(first), ...ids(other)]).size, 4);
  });

  it('adds flows that come when their minute is stored as further documents of it', async () => {
    const server = await serve();
    const sink = sinkOf(server);
    await sink.open();
    await sink.write(listOf(flow('cart-1', 0)), context);
    await sink.write(end(2), context);
    await sink.write(listOf(flow('cart-1', 5), flow('cart-1', 6)), context);
    const settled = sink.settled!();
    await sink.write(end(5), context);
    await settled;
    const early = edges(server).filter((edge) => edge['@timestamp'] === '2026-03-04T09:15:00.000Z');
    assert.deepEqual(
      early.map(({ sluice }) => sluice.flows),
      [1, 2],
    );
    assert.equal(new Set(ids(server)).size, ids(server).length);
    await sink.close();
  });

  it('keeps trying while the server has no room, and says so', async () => {
    const server = await serve();
    const sink = sinkOf(server);
    await sink.open();
    let calls = 0;
    server.reply = ({ ids: all }) => (calls++ < 2 ? { status: 429 } : all.map(() => 201));
    const told: string[] = [];
    const noting = {
      ...context,
      retried: (cause: string, reason = '') => void told.push(`${cause} ${reason}`),
    };
    await sink.write(listOf(flow('cart-1', 0)), noting);
    const settled = sink.settled!();
    await sink.write(end(), noting);
    await settled;
    assert.equal(told.length, 2);
    assert.match(told[0], /^busy Elasticsearch at .*: status 429/);
    await sink.close();
  });

  it('has nothing acknowledged that is not stored, so that it is counted after a restart', async () => {
    const server = await serve();
    const options = spoolOptions({ maxBytes: 64 * 1024 * 1024 });
    const config = { name: 'edges', allowList: [], denyList: [], fieldMask: [], sampleOneIn: 1 };
    const letters = join(options.directory, 'letters.jsonl');
    /** Runs an exporter's part with what the spool holds and these records, until `isDone`. Resolves to what is acknowledged then. */
    const run = async (
      records: readonly Uint8Array[][],
      isDone: (delivery: Delivery) => boolean,
    ): Promise<number> => {
      const spool = await Spool.open(options);
      const reader = spool.reader('edges');
      const delivery = new Delivery({
        config: config as unknown as SinkConfig,
        sink: sinkOf(server),
        reader,
        deadLetters: new DeadLetters(letters, () => {}),
        log: () => {},
      });
      const stop = new AbortController();
      const running = delivery.run(stop.signal);
      for (const pieces of records) {
        await spool.append(
          {
            pieces: pieces.map((piece) => Buffer.from(piece)),
            count: pieces.length,
            minTimeUs: 1,
            maxTimeUs: 1,
          },
          stop.signal,
        );
      }
      for (let i = 0; i < 600 && !isDone(delivery); i++) await sleep(50);
      assert.ok(isDone(delivery));
      stop.abort();
      await running;
      await spool.close();
      return reader.acked;
    };
    // Nothing is over when the first process ends: it has taken all, and stored nothing.
    const first = [[flow('cart-1', 0), flow('cart-1', 1)], [flow('cart-1', 2)], [flow('web-1', 3)]];
    assert.equal(await run(first, ({ inFlight }) => inFlight === 4), 0);
    assert.equal(server.requests.length, 0);
    // The second counts it again, with what has come since. The last minute stays open.
    const more = [[flow('cart-1', MINUTE_MS)], [flow('last-1', 3 * MINUTE_MS)]];
    assert.equal(await run(more, ({ reader }) => reader.acked === 5), 5);
    const counts = edges(server).map((edge) => `${edge['@timestamp'].slice(14, 16)}: ${edge.sluice.flows}`);
    assert.deepEqual(counts.sort(), ['15: 1', '15: 3', '16: 1']);
  });
});
