import {
  type Connection,
  createAPI,
  produceV9,
  protocolErrorsCodesById,
  type Reader,
  ResponseError,
  Writer,
} from '@platformatic/kafka';
import type { RecordBatch } from './record-batch.ts';

/** Produce of the protocol, in the version that brokers from 2.4 to those of today take. */
const PRODUCE = 0;
const VERSION = 9;
const ALL_REPLICAS = -1;
const TIMEOUT_MS = 30_000;

/** Partitions that did not take their batch, with the name of the protocol's error. */
export type Refusals = ReadonlyMap<number, { readonly name: string; readonly message: string }>;

function createRequest(topic: string, batches: readonly RecordBatch[]): Writer {
  return Writer.create()
    .appendString(null) // no transaction
    .appendInt16(ALL_REPLICAS)
    .appendInt32(TIMEOUT_MS)
    .appendArray([topic], (writer) => {
      writer.appendString(topic).appendArray([...batches], (part, { partition, bytes }) => {
        part
          .appendInt32(partition)
          .appendUnsignedVarInt(bytes.length + 1)
          .append(bytes);
      });
    })
    .appendTaggedFields();
}

function parseResponse(correlation: number, key: number, version: number, reader: Reader): Refusals {
  let response: produceV9.ProduceResponse;
  try {
    response = produceV9.parseResponse(correlation, key, version, reader);
  } catch (error) {
    // It is thrown where a partition refused: some may have taken theirs all the same.
    if (!(error instanceof ResponseError)) throw error;
    response = (error as ResponseError & { response: produceV9.ProduceResponse }).response;
  }
  const refusals = new Map<number, { name: string; message: string }>();
  for (const { partitionResponses } of response.responses) {
    for (const { index, errorCode, errorMessage, recordErrors } of partitionResponses) {
      if (errorCode === 0) continue;
      const name = protocolErrorsCodesById[errorCode] ?? `error ${errorCode}`;
      const message = errorMessage ?? recordErrors[0]?.batchIndexErrorMessage ?? '';
      refusals.set(index, { name, message });
    }
  }
  return refusals;
}

const api = createAPI<[topic: string, batches: readonly RecordBatch[]], Refusals>(
  PRODUCE,
  VERSION,
  createRequest,
  parseResponse,
);

/** Sends batches, one for a partition, to the broker that leads these. Resolves when all in-sync replicas have what is not refused. Rejects when nothing is known. */
export function produce(
  connection: Connection,
  topic: string,
  batches: readonly RecordBatch[],
): Promise<Refusals> {
  return api.async(connection, topic, batches);
}
