import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BatchSender, type Cluster } from '../../../../exporter/sink/kafka/batch-sender.ts';
import { KafkaError } from '../../../../exporter/sink/kafka/client.ts';
import type { Refusals } from '../../../../exporter/sink/kafka/produce-request.ts';
import { BatchEncoder, type RecordBatch } from '../../../../exporter/sink/kafka/record-batch.ts';
import { headersOf } from '../../../../exporter/sink/kafka/records.ts';

/** One record for a partition, with a text as its value. */
function batchOf(partition: number, text: string): RecordBatch {
  const bytes = Buffer.from(text);
  const records = {
    bytes,
    starts: Uint32Array.of(0),
    ends: Uint32Array.of(bytes.length),
    keys: [{ bytes: Buffer.from('k'), hash: partition }],
    headers: [headersOf({})],
  };
  return new BatchEncoder('none').encode(records, 4, 0)[0];
}

const refusal = (name: string) => ({ name, message: 'no' });

/** A broker that checks numbers as Kafka does. `plan` decides on requests in their order: `lost`: it is stored, and the answer does not come; or the name of an error. */
class FakeCluster implements Cluster {
  readonly stored: string[] = [];
  identities = 0;
  readonly plan: (string | undefined)[];
  private readonly next = new Map<string, number>();
  private requests = 0;

  constructor(...plan: (string | undefined)[]) {
    this.plan = plan;
  }

  identify = () => Promise.resolve({ id: BigInt(++this.identities), epoch: 0 });
  leaders = () => Promise.resolve([1, 1, 2, 2]);
  connect = () => Promise.resolve((batches: readonly RecordBatch[]) => this.take(batches));

  private async take(batches: readonly RecordBatch[]): Promise<Refusals> {
    const fate = this.plan[this.requests++];
    const refusals = new Map<number, { name: string; message: string }>();
    for (const batch of batches) {
      const name = fate !== undefined && fate !== 'lost' ? fate : this.judge(batch);
      if (name !== undefined) refusals.set(batch.partition, refusal(name));
    }
    await new Promise(setImmediate);
    if (fate === 'lost') throw new KafkaError('broker', 'connection lost');
    return refusals;
  }

  private judge({ partition, bytes }: RecordBatch): string | undefined {
    const key = `${bytes.readBigInt64BE(43)}/${partition}`;
    const sequence = bytes.readInt32BE(53);
    const next = this.next.get(key) ?? 0;
    if (sequence < next) return 'DUPLICATE_SEQUENCE_NUMBER';
    if (sequence > next) return 'OUT_OF_ORDER_SEQUENCE_NUMBER';
    this.next.set(key, sequence + 1);
    this.stored.push(bytes.subarray(61 + 7, -1).toString());
    return undefined;
  }
}

function senderOf(cluster: FakeCluster): BatchSender {
  return new BatchSender(cluster, { id: 0n, epoch: 0 });
}

describe('a sender of batches', () => {
  const send = async (cluster: FakeCluster): Promise<string[]> => {
    const sender = senderOf(cluster);
    const texts = Array.from({ length: 12 }, (_, i) => `value-${String(i).padStart(2, '0')}`);
    const retries: string[] = [];
    await Promise.all(
      texts.map((text, i) => sender.send([batchOf(i % 2, text)], ({ failure }) => retries.push(failure))),
    );
    assert.deepEqual([...cluster.stored].sort(), texts);
    // In order within each partition.
    for (const partition of [0, 1]) {
      const of = cluster.stored.filter((text) => Number(text.slice(-2)) % 2 === partition);
      assert.deepEqual(of, [...of].sort());
    }
    return retries;
  };

  it('stores all in order when nothing fails', async () => {
    assert.deepEqual(await send(new FakeCluster()), []);
  });

  it('stores each once, in order, when an answer gets lost in between', async () => {
    const cluster = new FakeCluster(undefined, 'lost');
    assert.ok((await send(cluster)).includes('broker'));
    assert.equal(cluster.identities, 0);
  });

  it('repeats what came behind a refusal that passes, under the same numbers', async () => {
    const cluster = new FakeCluster(undefined, 'NOT_LEADER_OR_FOLLOWER');
    assert.ok((await send(cluster)).includes('broker'));
    assert.equal(cluster.identities, 0);
  });

  it('begins with new numbers when the cluster lost track of its own', async () => {
    const cluster = new FakeCluster('UNKNOWN_PRODUCER_ID');
    await send(cluster);
    assert.equal(cluster.identities, 1);
  });

  it('gives up a batch that is too large, and sends those behind it with new numbers', async () => {
    const cluster = new FakeCluster('MESSAGE_TOO_LARGE');
    const sender = senderOf(cluster);
    const large = sender.send([batchOf(0, 'value-large')], () => {});
    const small = sender.send([batchOf(0, 'value-small')], () => {});
    await assert.rejects(large, { failure: 'too_large' });
    await small;
    assert.deepEqual(cluster.stored, ['value-small']);
  });

  it('repeats only the partitions that refused', async () => {
    const cluster = new FakeCluster(undefined, 'LEADER_NOT_AVAILABLE');
    await senderOf(cluster).send([batchOf(0, 'value-a'), batchOf(2, 'value-b')], () => {});
    assert.deepEqual(cluster.stored, ['value-a', 'value-b']);
  });

  it('gives up all when it is closed', async () => {
    const sender = senderOf(new FakeCluster('NOT_LEADER_OR_FOLLOWER'));
    const lost = assert.rejects(
      sender.send([batchOf(0, 'value-a')], () => sender.close()),
      { failure: 'broker' },
    );
    await lost;
    await assert.rejects(
      sender.send([batchOf(0, 'value-b')], () => {}),
      { failure: 'broker' },
    );
  });
});
