/**
 * Reads flows that `sluice export` has put into a Kafka topic: `node docs/examples/kafka-consumer.ts BROKERS TOPIC [GROUP]`. A line for each flow, with the partition; several of one group share
 * the partitions. What a restart, a rebalance or the exporter brings twice is told by the flow's uuid.
 */
import { fromBinary, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { Consumer, type Message } from '@platformatic/kafka';
import { enumName } from '../../proto/flow/text/enum-name.ts';
import { Verdict } from '../../proto/gen/flow/flow_pb.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';

const [brokers = '127.0.0.1:9092', topic = 'flows', groupId = 'example'] = process.argv.slice(2);

/** The headers say what a value is; `type` tells flows from notices of loss before anything is decoded. */
function decode(value: Buffer, contentType: string): GetFlowsResponse {
  if (contentType === 'application/protobuf') return fromBinary(GetFlowsResponseSchema, value);
  return fromJson(GetFlowsResponseSchema, JSON.parse(value.toString()) as JsonValue);
}

function lineOf({ nodeName, responseTypes }: GetFlowsResponse): string {
  if (responseTypes.case === 'lostEvents')
    return `${nodeName} lost ${responseTypes.value.numEventsLost} events`;
  if (responseTypes.case !== 'flow') return `${nodeName} ${responseTypes.case}`;
  const { uuid, source, destination, IP, verdict } = responseTypes.value;
  const from = source?.podName || IP?.source;
  const to = destination?.podName || IP?.destination;
  return `${nodeName} ${from} -> ${to} ${enumName(Verdict, verdict)} ${uuid}`;
}

const consumer = new Consumer({ clientId: 'example', groupId, bootstrapBrokers: brokers.split(',') });
const stream = await consumer.consume({
  topics: [topic],
  mode: 'committed',
  fallbackMode: 'earliest',
  autocommit: false,
});

/** The last message of each partition that was dealt with: what is committed once a second, behind the work and never ahead of it. */
const done = new Map<number, Message>();
const timer = setInterval(() => {
  for (const message of done.values()) void message.commit();
  done.clear();
}, 1000);
const end = async (): Promise<void> => {
  clearInterval(timer);
  await Promise.all([...done.values()].map(async (message) => message.commit()));
  await stream.close();
  await consumer.close();
};
process.once('SIGINT', () => void end());
process.once('SIGTERM', () => void end());

for await (const message of stream) {
  const { partition, value, headers } = message;
  const contentType = [...headers].find(([name]) => String(name) === 'content-type')?.[1];
  process.stdout.write(`[${partition}] ${lineOf(decode(value, String(contentType)))}\n`);
  done.set(partition, message);
}
