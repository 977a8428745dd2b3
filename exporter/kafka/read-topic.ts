import { randomUUID } from 'node:crypto';
import kafkajs, { type EachBatchPayload } from 'kafkajs';
import { orAborted } from '../wait.ts';
import { registerCodecs } from './kafkajs-codecs.ts';
import { kafkajsConfig, type KafkaServers } from './kafkajs-config.ts';
import { messageOf } from './message-of.ts';

/** What is read of a topic. */
export interface TopicRange extends KafkaServers {
  readonly topic: string;
  /** Records written at this time or later, in ms since 1970; else the last so many of each partition; else all that are kept. */
  readonly sinceMs?: number;
  readonly last?: number;
  /** Go on with what comes, instead of ending where the topic ended when reading began. */
  readonly follow: boolean;
}

export interface TopicReader {
  readonly signal: AbortSignal;
  /** Takes an encoded GetFlowsResponse. False: read no more. */
  readonly take: (message: Uint8Array) => boolean;
  /** Told of a value that is neither JSON nor protobuf of a response. */
  readonly onMalformed: (place: string, reason: string) => void;
  /** Called after some: what it gives is waited for before more is read. */
  readonly afterBatch: () => void | Promise<void>;
}

/** Consumers that are tried before reading counts as failed. */
const TRIES = 3;

/** From and to where a partition is read: `end` is the offset behind the last; Infinity to follow. */
interface Span {
  next: bigint;
  readonly end: bigint | null;
}

/**
 * Reads a topic without leaving a trace in it: no position is stored. Records of a partition come in order, those of several as they arrive. Resolves at the end, when told to read no more, and when the signal
 * aborts. Throws Error that names topic and brokers when it cannot be read.
 */
export async function readTopic(range: TopicRange, reader: TopicReader): Promise<void> {
  registerCodecs();
  const { topic, brokers } = range;
  try {
    const kafka = new kafkajs.Kafka({ ...kafkajsConfig(range, 'sluice-observe'), retry: { retries: 2 } });
    const spans = await spansOf(kafka, range);
    for (let tries = 1; !isDone(spans) && !reader.signal.aborted; tries++) {
      try {
        await consume(kafka, topic, spans, reader);
        return;
      } catch (error) {
        // A consumer that broke is followed by another, which goes on where that one was.
        if (tries === TRIES) throw error;
      }
    }
  } catch (error) {
    throw new Error(`cannot read topic ${topic} of ${brokers.join(',')}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function spansOf(
  kafka: kafkajs.Kafka,
  { topic, sinceMs, last, follow }: TopicRange,
): Promise<Map<number, Span>> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const bounds = await admin.fetchTopicOffsets(topic);
    const times = sinceMs === undefined ? [] : await admin.fetchTopicOffsetsByTimestamp(topic, sinceMs);
    const since = new Map(times.map(({ partition, offset }) => [partition, BigInt(offset)]));
    return new Map(
      bounds.map(({ partition, high, low }) => {
        const end = BigInt(high);
        const ofLast = last === undefined ? BigInt(low) : end - BigInt(last);
        const wanted = since.get(partition) ?? ofLast;
        // Behind the newest record a time has no offset: -1.
        const next = wanted < 0n && sinceMs !== undefined ? end : wanted < BigInt(low) ? BigInt(low) : wanted;
        return [partition, { next, end: follow ? null : end }];
      }),
    );
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

function isDone(spans: ReadonlyMap<number, Span>): boolean {
  return [...spans.values()].every(({ next, end }) => end !== null && next >= end);
}

async function consume(
  kafka: kafkajs.Kafka,
  topic: string,
  spans: ReadonlyMap<number, Span>,
  reader: TopicReader,
): Promise<void> {
  const consumer = kafka.consumer({
    groupId: `sluice-observe-${randomUUID()}`,
    maxWaitTimeInMs: 200,
    allowAutoTopicCreation: false,
    retry: { retries: 2, restartOnFailure: () => Promise.resolve(false) },
  });
  const done = Promise.withResolvers<void>();
  done.promise.catch(() => {}); // it may break before anybody waits
  consumer.on(consumer.events.CRASH, ({ payload }) => done.reject(payload.error));
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: true,
      eachBatch: async (payload) => {
        const { batch } = payload;
        const span = spans.get(batch.partition);
        if (span === undefined) return;
        if (takeBatch(batch, span, reader) || isDone(spans)) done.resolve();
        await reader.afterBatch();
        await payload.heartbeat();
      },
    });
    for (const [partition, { next }] of spans) consumer.seek({ topic, partition, offset: String(next) });
    await orAborted(done.promise, reader.signal);
  } finally {
    await consumer.disconnect().catch(() => {}); // what is broken is closed
  }
}

/** True when no more is to be read. What was fetched before the consumer stood where it should is passed over. */
function takeBatch(
  { messages, partition, topic }: EachBatchPayload['batch'],
  span: Span,
  reader: TopicReader,
): boolean {
  for (const { offset, value } of messages) {
    const at = BigInt(offset);
    if (at < span.next) continue;
    if (span.end !== null && at >= span.end) break;
    span.next = at + 1n;
    if (value === null) continue;
    try {
      if (!reader.take(messageOf(value))) return true;
    } catch (error) {
      reader.onMalformed(`${topic}[${partition}] at ${offset}`, (error as Error).message);
    }
  }
  return false;
}
