import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { registerCodecs } from '../../exporter/kafka/kafkajs-codecs.ts';
import { KafkaBroker } from '../../lab/servers/kafka-broker.ts';
import { uuidOf } from './uuid-of.ts';
import type { FaultStore } from './store.ts';

const TOPIC = 'faults';
const POLL_MS = 500;
const POLLS = 120;

/** A Kafka broker of one node. */
export async function createKafkaStore(): Promise<FaultStore> {
  registerCodecs();
  const broker = await KafkaBroker.start();
  return {
    name: 'kafka',
    sink: `kafka: { brokers: ["${broker.address}"], topic: ${TOPIC}, createTopic: { partitions: 4 } }`,
    kill: () => broker.kill(),
    resume: () => broker.resume(),
    stop: () => broker.stop(),
    uuids: (atLeast) => readUuids(broker.address, atLeast),
  };
}

async function readUuids(address: string, atLeast: number): Promise<readonly string[]> {
  const kafka = new kafkajs.Kafka({ brokers: [address], logLevel: kafkajs.logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(TOPIC);
  await admin.disconnect();
  const total = ends.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
  const consumer = kafka.consumer({ groupId: 'faults', maxWaitTimeInMs: 200 });
  const uuids: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: ({ batch }) => {
      for (const { value } of batch.messages) uuids.push(uuidOf(value!));
      return Promise.resolve();
    },
  });
  for (let i = 0; i < POLLS && (uuids.length < total || uuids.length < atLeast); i++) await sleep(POLL_MS);
  await consumer.disconnect();
  return uuids;
}
