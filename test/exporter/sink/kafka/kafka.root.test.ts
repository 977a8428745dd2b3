import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromBinary, fromJson, type JsonValue } from '@bufbuild/protobuf';
import kafkajs, { type Admin, type IHeaders, type KafkaJSError } from 'kafkajs';
import type { KafkaConfig } from '../../../../exporter/config/config.ts';
import { createKafkaSink } from '../../../../exporter/sink/kafka/sink.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../../../proto/gen/observer/observer_pb.ts';
import { FakeAgent } from '../../../relay/support/fake-agent.ts';
import { Scratch } from '../../../relay/support/scratch.ts';
import { podFrame } from '../../../support/build-frames.ts';
import { startExport } from '../../support/export-process.ts';
import { each, listOf } from '../../support/messages.ts';
import {
  checkRejects,
  checkSink,
  writeUntilDone,
  context,
  podFlows,
  podNames,
  type SinkRig,
} from '../../support/sink-contract.ts';
import { scratchDirectory } from '../../support/scratch-directory.ts';
import { startBroker } from '../../support/topic.ts';

const { broker, missing } = await startBroker();
const scratch = new Scratch();
let topics = 0;

after(async () => {
  await broker?.stop();
  await scratch.clear();
});

interface Read {
  readonly partition: number;
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Record<string, string>;
}

/** Where the partitions of a topic end. A new topic's leaders may have moved since the client looked, which this call of kafkajs does not try again for. */
async function offsetsOf(admin: Admin, topic: string): ReturnType<Admin['fetchTopicOffsets']> {
  for (let tries = 0; ; tries++) {
    try {
      return await admin.fetchTopicOffsets(topic);
    } catch (error) {
      if (tries === 20 || !(error as KafkaJSError).retriable) throw error;
      await sleep(250);
      await admin.fetchTopicMetadata({ topics: [topic] });
    }
  }
}

/** Reads a topic from its beginning up to where each partition ends now: to be called when the writes have resolved. */
async function readTopic(topic: string): Promise<Read[]> {
  const kafka = new kafkajs.Kafka({ brokers: [broker!.address], logLevel: kafkajs.logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const unread = new Map<number, number>();
  for (const { partition, low, high } of await offsetsOf(admin, topic)) {
    if (low !== high) unread.set(partition, Number(high));
  }
  await admin.disconnect();
  if (unread.size === 0) return [];
  const consumer = kafka.consumer({ groupId: `test-${topic}-${Math.random()}`, maxWaitTimeInMs: 100 });
  const read: Read[] = [];
  const done = Promise.withResolvers<void>();
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: ({ partition, message: { offset, key, value, headers } }) => {
      read.push({ partition, key: String(key), value: value!, headers: textHeaders(headers) });
      if (Number(offset) + 1 >= (unread.get(partition) ?? 0)) unread.delete(partition);
      if (unread.size === 0) done.resolve();
      return Promise.resolve();
    },
  });
  const timer = setTimeout(
    () => done.reject(new Error(`${topic} was not read to its end in a minute`)),
    60_000,
  );
  try {
    await done.promise;
  } finally {
    clearTimeout(timer);
    await consumer.disconnect();
  }
  return read;
}

function textHeaders(headers: IHeaders | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)]));
}

function decode({ value, headers }: Read): GetFlowsResponse {
  return headers['content-type'] === 'application/json'
    ? fromJson(GetFlowsResponseSchema, JSON.parse(value.toString()) as JsonValue)
    : fromBinary(GetFlowsResponseSchema, value);
}

function nameOf({ responseTypes }: GetFlowsResponse): string {
  return responseTypes.case === 'flow' ? responseTypes.value.source!.podName : 'lost';
}

function configOf(change: Partial<KafkaConfig> = {}): KafkaConfig {
  return {
    kind: 'kafka',
    brokers: [broker!.address],
    topic: `flows-${++topics}`,
    client: 'platformatic',
    key: 'workloads',
    format: 'protobuf',
    compression: 'none',
    inFlight: 3,
    createTopic: { partitions: 3, replicationFactor: 1 },
    ...change,
  };
}

async function rigOf(change: Partial<KafkaConfig>): Promise<SinkRig> {
  const config = configOf(change);
  return {
    sink: await createKafkaSink(config),
    stored: async () => (await readTopic(config.topic)).map((read) => nameOf(decode(read))),
  };
}

/** A record that is larger than the broker takes. */
const tooLarge = podFrame('pod-large', 80, 1, 0, { Summary: 'x'.repeat(1_100_000) });

describe('the sink for Kafka', { skip: missing !== '' && missing }, () => {
  for (const client of ['platformatic', 'kafkajs'] as const) {
    describe(`with ${client}`, () => {
      checkSink(() => rigOf({ client }));

      describe('in JSON', () => checkRejects(() => rigOf({ client, format: 'json' })));

      it('writes the bytes as they came, with headers, both directions of a conversation to one partition', async () => {
        const config = configOf({ client });
        const sink = await createKafkaSink(config);
        await sink.open();
        const ends = Array.from({ length: 20 }, (_, i) => ({
          podName: `pod-${i}`,
          namespace: 'shop',
          clusterName: 'east',
        }));
        const flows = ends.flatMap((end, i) => {
          const other = {
            podName: 'db-1',
            namespace: 'data',
            workloads: [{ name: 'db', kind: 'StatefulSet' }],
          };
          const more = { nodeName: `east/node${i % 2}` };
          return [
            podFrame('', 80, 1, i, { ...more, source: end, destination: other }),
            podFrame('', 80, 1, i, { ...more, source: other, destination: end }),
          ];
        });
        const list = listOf(...flows);
        assert.deepEqual(await sink.write(list, context), []);
        await sink.close();
        const read = await readTopic(config.topic);
        assert.deepEqual(
          read.map(({ value }) => value.toString('hex')).sort(),
          each(list)
            .map((value) => value.toString('hex'))
            .sort(),
        );
        const partitions = new Map<string, Set<number>>();
        for (const { key, partition } of read)
          partitions.set(key, (partitions.get(key) ?? new Set()).add(partition));
        assert.equal(partitions.size, 20);
        assert.ok(partitions.has('/data/db east/shop/pod-0'));
        for (const [key, used] of partitions) assert.equal(used.size, 1, key);
        assert.equal(new Set(read.map(({ partition }) => partition)).size, 3);
        assert.deepEqual(read.find(({ key }) => key === '/data/db east/shop/pod-3')!.headers, {
          type: 'flow',
          node: 'east/node1',
          cluster: 'east',
          schema: 'observer.GetFlowsResponse;v=1',
          'content-type': 'application/protobuf',
        });
      });

      it('puts the keys where the other client puts them', async () => {
        const config = configOf({ client });
        const other = { ...config, client: client === 'kafkajs' ? 'platformatic' : 'kafkajs' } as const;
        for (const one of [config, other]) {
          const sink = await createKafkaSink(one);
          await sink.open();
          await sink.write(
            listOf(...Array.from({ length: 30 }, (_, i) => podFrame(`app${i}-1`, 80))),
            context,
          );
          await sink.close();
        }
        const places = new Map<string, number[]>();
        for (const { key, partition } of await readTopic(config.topic)) {
          places.set(key, [...(places.get(key) ?? []), partition]);
        }
        assert.equal(places.size, 30);
        for (const [key, [first, second]] of places) assert.equal(first, second, key);
      });

      for (const compression of client === 'kafkajs'
        ? (['gzip', 'zstd'] as const)
        : (['gzip', 'zstd', 'lz4'] as const)) {
        // Nothing here reads lz4 but the client that wrote it; the broker looks into every batch.
        it(`compresses with ${compression}, keyed by node or not at all`, async () => {
          for (const key of ['node', 'none'] as const) {
            const config = configOf({ client, compression, key });
            const sink = await createKafkaSink(config);
            await sink.open();
            await writeUntilDone(sink, podFlows(0, 50));
            await writeUntilDone(sink, podFlows(50, 100));
            await sink.close();
            if (compression === 'lz4') continue;
            const read = await readTopic(config.topic);
            const names = new Set(read.map((one) => nameOf(decode(one))));
            assert.deepEqual([...names].sort(), podNames(0, 100).sort());
          }
        });
      }

      it('rejects the one record that is too large, and stores the others', async () => {
        const config = configOf({ client });
        const sink = await createKafkaSink(config);
        await sink.open();
        const rejects = await sink.write(
          listOf(podFrame('pod-0', 80), tooLarge, podFrame('pod-1', 80)),
          context,
        );
        assert.deepEqual(
          rejects.map(({ index, cause }) => [index, cause]),
          [[1, 'too_large']],
        );
        await sink.write(podFlows(2, 4), context);
        const names = new Set((await readTopic(config.topic)).map((read) => nameOf(decode(read))));
        assert.deepEqual([...names].sort(), podNames(0, 4));
        await sink.close();
      });

      it('says that a topic is missing, and finds it once it is there', async () => {
        const { createTopic, ...config } = configOf({ client });
        const sink = await createKafkaSink(config);
        await assert.rejects(sink.open(), {
          failure: 'topic_missing',
          message: `topic "${config.topic}" does not exist on ${broker!.address}: create it, or have it created with createTopic`,
        });
        const maker = await createKafkaSink({ ...config, ...(createTopic !== undefined && { createTopic }) });
        await maker.open();
        await maker.close();
        await sink.open();
        await sink.close();
      });

      it('tells when there is no broker', async () => {
        const sink = await createKafkaSink(configOf({ client, brokers: ['127.0.0.1:1'] }));
        await assert.rejects(sink.open(), { failure: 'broker' });
        await sink.close();
      });
    });
  }

  it('gets every flow through the death of broker and exporter, as the example of a consumer sees it', async () => {
    const directory = scratchDirectory();
    const address = scratch.socket('relay');
    const agent = scratch.keep(await new FakeAgent({ address, nodeName: 'n1' }).start());
    const configFile = join(directory, 'export.yaml');
    writeFileSync(
      configFile,
      `source: { address: ${address}, start: oldest }
spool: { directory: ${join(directory, 'spool')}, maxBytes: 64Mi }
metrics: { listen: 127.0.0.1:0 }
sinks:
  - name: bus
    kafka: { brokers: ["${broker!.address}"], topic: killed, createTopic: { partitions: 4 } }
`,
    );
    let next = 0;
    const feed = setInterval(() => {
      for (let i = 0; i < 10; i++, next++) {
        const uuid = `b9fab269-04ae-495c-9d12-${String(next).padStart(12, '0')}`;
        agent.append(podFrame(`app${next % 50}-1`, 80, 1, Date.now() - 1_772_615_722_118, { uuid, l4: {} }));
      }
    }, 20);
    let exporter = await startExport(configFile);
    scratch.keep({ stop: () => exporter.end('SIGKILL') });
    try {
      await sleep(1000);
      await broker!.kill();
      await broker!.resume();
      await exporter.end('SIGKILL');
      exporter = await startExport(configFile);
    } finally {
      clearInterval(feed);
    }
    const example = join(import.meta.dirname, '../../../../docs/examples/kafka-consumer.ts');
    const consumer = spawn(process.execPath, [example, broker!.address, 'killed', 'example'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const timer = setTimeout(() => consumer.kill('SIGKILL'), 120_000);
    const found = new Set<number>();
    for await (const line of createInterface(consumer.stdout)) {
      assert.match(line, /^\[\d\] n1 app\d+-1 -> pay-5b7 FORWARDED b9fab269-04ae-495c-9d12-\d{12}$/);
      found.add(Number(line.slice(-12)));
      if (found.size === next) consumer.kill('SIGTERM');
    }
    clearTimeout(timer);
    assert.deepEqual(
      [...found].sort((a, b) => a - b),
      Array.from({ length: next }, (_, i) => i),
    );
    assert.equal(await exporter.end('SIGTERM'), 0);
  });
});
