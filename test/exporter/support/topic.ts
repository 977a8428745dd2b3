import assert from 'node:assert/strict';
import { createKafkaSink } from '../../../exporter/sink/kafka/sink.ts';
import { KafkaBroker } from '../../../lab/servers/kafka-broker.ts';
import { podFlows, writeUntilDone } from './sink-contract.ts';

/** A real broker for the tests of a file, who stop it; or why there is none, for those that are skipped then. */
export async function startBroker(): Promise<{ broker: KafkaBroker | null; missing: string }> {
  try {
    return { broker: await KafkaBroker.start(), missing: '' };
  } catch (error) {
    const why = (error as Error).message;
    return { broker: null, missing: `Kafka was not tested, there is no broker: ${why}` };
  }
}

/** Writes flows of the pods `from` to `to`, without the last, into a topic of three partitions. */
export async function produce(
  { address }: KafkaBroker,
  topic: string,
  format: 'protobuf' | 'json',
  from: number,
  to: number,
): Promise<void> {
  const sink = await createKafkaSink({
    kind: 'kafka',
    brokers: [address],
    topic,
    client: 'platformatic',
    key: 'workloads',
    format,
    compression: 'lz4',
    inFlight: 1,
    createTopic: { partitions: 3, replicationFactor: 1 },
  });
  await sink.open();
  assert.deepEqual(await writeUntilDone(sink, podFlows(from, to)), []);
  await sink.close();
}
