/**
 * Run as a child process: writes flows to Elasticsearch and tells the CPU seconds that this took, encoding included.
 *   usage: node bulk-client.ts sink|helper URL NAMESPACE DOCUMENTS
 */
import { fromBinary } from '@bufbuild/protobuf';
import { Client } from '@elastic/elasticsearch';
import { createElasticsearchSink } from '../../exporter/sink/elasticsearch/sink.ts';
import { messagesOf } from '../../exporter/select/select-messages.ts';
import { FRAME_PREFIX_BYTES, frameMessage } from '../../proto/flow/frame.ts';
import { GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { cpuSeconds } from '../report.ts';
import { mixedFlows } from './mixed-flows.ts';
import { naiveDocument } from './naive-document.ts';
import { uniqueFlows } from './unique-flows.ts';

const [mode, url, namespace, countText] = process.argv.slice(2);
const count = Number(countText);
const PODS = 3000;
/** Documents of a request: about as many as a record of the spool has. */
const BATCH = 400;
const IN_FLIGHT = 2;
const WARM = 10_000;

const frames = mixedFlows(20_000, PODS).map(frameMessage);
/** Made before anything is measured. */
const batches = Array.from({ length: (WARM + count) / BATCH }, (_, i) =>
  uniqueFlows(frames, i * BATCH, BATCH),
);

async function bySink(from: number, to: number): Promise<void> {
  const sink = createElasticsearchSink(
    {
      kind: 'elasticsearch',
      nodes: [url],
      namespace,
      stream: 'flows',
      compression: 'none',
      inFlight: IN_FLIGHT,
    },
    'bench',
  );
  await sink.open();
  const running = new Set<Promise<unknown>>();
  const signal = new AbortController().signal;
  for (let i = from; i < to; i += BATCH) {
    const list = messagesOf(batches[i / BATCH]);
    const work = sink.write(list, { signal, retried: () => {} }).finally(() => running.delete(work));
    running.add(work);
    if (running.size === IN_FLIGHT) await Promise.race(running);
  }
  await Promise.all(running);
  await sink.close();
}

async function byHelper(from: number, to: number): Promise<void> {
  const client = new Client({ node: url });
  async function* documents(): AsyncGenerator<{ id: string; document: object }> {
    for (let i = from; i < to; i += BATCH) {
      const { bytes, offsets } = batches[i / BATCH];
      for (let k = 0; k < BATCH; k++) {
        const message = bytes.subarray(offsets[k] + FRAME_PREFIX_BYTES, offsets[k + 1]);
        const response = fromBinary(GetFlowsResponseSchema, message);
        yield {
          id: (response.responseTypes.value as { uuid: string }).uuid,
          document: naiveDocument(response),
        };
      }
    }
  }
  const result = await client.helpers.bulk<{ id: string; document: object }>({
    datasource: documents(),
    flushBytes: 400_000,
    concurrency: IN_FLIGHT,
    onDocument: ({ id, document }) => [
      { create: { _index: `logs-sluice.flows-${namespace}`, _id: id } },
      document,
    ],
  });
  if (result.successful !== to - from) throw new Error(`${result.successful} of ${to - from} stored`);
  await client.close();
}

const write = mode === 'sink' ? bySink : byHelper;
process.send?.('ready');
process.on('message', () => {
  void (async () => {
    await write(0, WARM);
    const before = cpuSeconds();
    await write(WARM, WARM + count);
    process.send?.({ cpu: cpuSeconds() - before });
  })();
});
process.on('disconnect', () => process.exit());
