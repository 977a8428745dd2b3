import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compatibilityPartitioner, crc32c, Reader, readRecordsBatch } from '@platformatic/kafka';
import fc from 'fast-check';
import { murmur2 } from '../../../../exporter/sink/kafka/murmur2.ts';
import { BatchEncoder, stampBatch } from '../../../../exporter/sink/kafka/record-batch.ts';
import { headersOf, type KafkaRecords, keyOf } from '../../../../exporter/sink/kafka/records.ts';

interface Wanted {
  readonly key: string | null;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

function recordsOf(wanted: readonly Wanted[]): KafkaRecords {
  const bytes = Buffer.concat(wanted.map(({ value }) => value));
  const ends = new Uint32Array(wanted.length);
  let end = 0;
  for (const [i, { value }] of wanted.entries()) ends[i] = end += value.length;
  return {
    bytes,
    starts: Uint32Array.from(wanted, ({ value }, i) => ends[i] - value.length),
    ends,
    keys: wanted.map(({ key }) => (key === null ? null : keyOf(key))),
    headers: wanted.map(({ headers }) => headersOf(headers)),
  };
}

const record = fc.record({
  key: fc.option(fc.string({ unit: 'binary', maxLength: 200 })),
  value: fc.uint8Array({ maxLength: 20_000 }),
  headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 80 }), fc.string({ maxLength: 200 }), {
    maxKeys: 5,
  }),
});

describe('a batch of records', () => {
  it('is read back by the client library as what went in, each key in the partition that the library would choose', () => {
    const arrays = fc.array(record, { minLength: 1, maxLength: 150 });
    const compressions = fc.constantFrom('none', 'gzip', 'lz4', 'zstd');
    fc.assert(
      fc.property(arrays, compressions, fc.integer({ min: 1, max: 9 }), (wanted, compression, partitions) => {
        const batches = new BatchEncoder(compression).encode(
          recordsOf(wanted),
          partitions,
          1_795_000_000_123,
        );
        const found: { key: string | null; partition: number; value: string; headers: unknown }[] = [];
        for (const batch of batches) {
          stampBatch(batch, { id: 77n, epoch: 3 }, 1000);
          const read = readRecordsBatch(Reader.from(batch.bytes));
          assert.equal(read.crc, crc32c(batch.bytes.subarray(21)) >>> 0);
          assert.deepEqual(
            [
              read.producerId,
              read.producerEpoch,
              read.firstSequence,
              read.firstTimestamp,
              read.lastOffsetDelta,
            ],
            [77n, 3, 1000, 1_795_000_000_123n, batch.count - 1],
          );
          for (const [i, { key, value, headers, offsetDelta }] of read.records.entries()) {
            assert.equal(offsetDelta, i);
            found.push({
              key: key === null || key === undefined ? null : key.toString(),
              partition: batch.partition,
              value: value!.toString('hex'),
              headers: Object.fromEntries(headers.map(([name, text]) => [String(name), String(text)])),
            });
          }
        }
        const sorted = (list: readonly object[]): string[] => list.map((one) => JSON.stringify(one)).sort();
        const texts = (list: readonly { key: string | null; value: string; headers: unknown }[]): string[] =>
          sorted(list.map(({ key, value, headers }) => ({ key, value, headers })));
        assert.deepEqual(
          texts(found),
          texts(
            wanted.map(({ key, value, headers }) => ({
              key,
              value: Buffer.from(value).toString('hex'),
              headers: { ...headers },
            })),
          ),
        );
        for (const { key, partition } of found) {
          if (key === null) continue;
          const message = { topic: 't', value: Buffer.alloc(0) };
          assert.equal(partition, compatibilityPartitioner(message, Buffer.from(key)) % partitions);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('has records without a key go to all partitions in turn', () => {
    const wanted = Array.from({ length: 9 }, () => ({ key: null, value: Buffer.from('v'), headers: {} }));
    const batches = new BatchEncoder('none').encode(recordsOf(wanted), 3, 0);
    assert.deepEqual(
      batches.map(({ count }) => count),
      [3, 3, 3],
    );
  });

  it('hashes keys as Kafka does', () => {
    // Values of the test of org.apache.kafka.common.utils.Utils.murmur2.
    const known = { '21': -973932308, foobar: -790332482, 'a-little-bit-long-string': -985981536 };
    for (const [text, hash] of Object.entries(known)) assert.equal(murmur2(Buffer.from(text)), hash, text);
  });
});
