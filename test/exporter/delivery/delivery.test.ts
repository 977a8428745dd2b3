import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { create } from '@bufbuild/protobuf';
import type { SinkConfig } from '../../../exporter/config/config.ts';
import { DeadLetters } from '../../../exporter/delivery/dead-letters.ts';
import { Delivery } from '../../../exporter/delivery/delivery.ts';
import { SinkError } from '../../../exporter/sink/sink.ts';
import { Spool } from '../../../exporter/spool/spool.ts';
import type { SpoolOptions } from '../../../exporter/spool/spool-options.ts';
import { FlowFilterSchema, Verdict } from '../../../proto/gen/flow/flow_pb.ts';
import { podFrame } from '../../support/build-frames.ts';
import { until } from '../../support/rpc-test-server.ts';
import { MemorySink } from '../support/memory-sink.ts';
import { never, spoolOptions } from '../support/spool.ts';

interface Rig {
  readonly spool: Spool;
  readonly delivery: Delivery;
  readonly log: string[];
  readonly deadLetterFile: string;
  readonly append: (...frames: Uint8Array[]) => Promise<boolean>;
  readonly stop: () => Promise<void>;
}

async function start(
  sink: MemorySink,
  change: { spool?: SpoolOptions; config?: Partial<SinkConfig> } = {},
): Promise<Rig> {
  const options = change.spool ?? spoolOptions();
  const spool = await Spool.open(options);
  const log: string[] = [];
  const deadLetterFile = join(options.directory, 'dead.jsonl');
  const delivery = new Delivery({
    config: {
      name: 'a',
      allowList: [],
      denyList: [],
      fieldMask: [],
      sampleOneIn: 1,
      deadLetterFile,
      target: { kind: 'stdout' },
      ...change.config,
    },
    sink,
    reader: spool.reader('a'),
    deadLetters: new DeadLetters(deadLetterFile, (error) => log.push(error.message)),
    log: (_level, message) => log.push(message),
  });
  const stop = new AbortController();
  const running = delivery.run(stop.signal);
  return {
    spool,
    delivery,
    log,
    deadLetterFile,
    append: (...frames) =>
      spool.append({ pieces: frames, count: frames.length, minTimeUs: 1, maxTimeUs: 2 }, never),
    stop: async () => {
      stop.abort();
      await running;
      await spool.close();
    },
  };
}

const flows = (from: number, to: number): Uint8Array[] =>
  Array.from({ length: to - from }, (_, i) => podFrame(`pod-${from + i}`, 80, 1 + ((from + i) % 2)));
const hexOf = (frames: readonly Uint8Array[]): string[] =>
  frames.map((frame) => Buffer.from(frame.subarray(5)).toString('hex'));

describe('a delivery', () => {
  it('brings every message to the store, and acknowledges it', async () => {
    const sink = new MemorySink();
    const { append, delivery, stop } = await start(sink);
    await append(...flows(0, 3));
    await append(...flows(3, 5));
    await until(() => delivery.reader.acked === 5);
    assert.deepEqual(sink.stored, hexOf(flows(0, 5)));
    assert.deepEqual(delivery.reader.counts, { delivered: 5 });
    await stop();
    assert.equal(sink.isOpen, false);
  });

  it('tries a failed write until it succeeds, with the same messages', async () => {
    const sink = new MemorySink();
    sink.before = (call) => {
      if (call < 3) throw new SinkError('away', 'store is away');
      return [];
    };
    const { append, delivery, log, stop } = await start(sink);
    await append(...flows(0, 3));
    await until(() => delivery.problem !== null);
    assert.equal(delivery.reader.acked, 0);
    await until(() => delivery.reader.acked === 3);
    assert.deepEqual(sink.stored, hexOf(flows(0, 3)));
    assert.deepEqual([...delivery.retries], [['away', 3]]);
    assert.equal(delivery.problem, null);
    assert.deepEqual(log, ['cannot write, trying again until it works', 'works again']);
    await stop();
  });

  it('acknowledges in order, although a later write is done before an earlier one', async () => {
    const sink = new MemorySink(3);
    const first = Promise.withResolvers<void>();
    sink.before = async (call) => {
      if (call === 0) await first.promise;
      return [];
    };
    const { append, delivery, stop } = await start(sink);
    for (let i = 0; i < 3; i++) await append(...flows(i, i + 1));
    await until(() => sink.stored.length === 2);
    assert.equal(delivery.reader.acked, 0);
    assert.equal(delivery.inFlight, 3);
    first.resolve();
    await until(() => delivery.reader.acked === 3);
    assert.equal(delivery.inFlight, 0);
    await stop();
  });

  it('puts what the store will never take aside with its reason, and counts it by cause', async () => {
    const sink = new MemorySink();
    sink.before = () => [{ index: 1, cause: 'too_large', reason: 'message of 9 bytes, at most 8' }];
    const { append, delivery, deadLetterFile, stop } = await start(sink);
    await append(...flows(0, 3));
    await until(() => delivery.reader.acked === 3);
    assert.deepEqual(delivery.reader.counts, { delivered: 2, rejected_too_large: 1 });
    await stop();
    const letter = JSON.parse(readFileSync(deadLetterFile, 'utf8')) as Record<string, unknown>;
    assert.equal(letter['cause'], 'too_large');
    assert.equal(letter['reason'], 'message of 9 bytes, at most 8');
    assert.equal(Buffer.from(letter['message'] as string, 'base64').toString('hex'), hexOf(flows(1, 2))[0]);
    const event = letter['event'] as { flow: { source: { pod_name: string } } };
    assert.equal(event.flow.source.pod_name, 'pod-1');
  });

  it('counts what its lists leave out: delivered + left out = read', async () => {
    const sink = new MemorySink();
    const allowList = [create(FlowFilterSchema, { verdict: [Verdict.DROPPED] })];
    const { append, delivery, stop } = await start(sink, { config: { allowList } });
    await append(...flows(0, 5));
    await append(...flows(0, 1)); // nothing of it is for this sink
    await until(() => delivery.reader.acked === 6);
    assert.deepEqual(delivery.reader.counts, { delivered: 2, filtered: 4 });
    assert.equal(sink.calls, 1);
    await stop();
  });

  it('leaves in the spool what the store had not taken when the process ended', async () => {
    const spool = spoolOptions();
    const sink = new MemorySink();
    sink.before = (call) => {
      if (call > 0) throw new SinkError('away', 'store is away');
      return [];
    };
    const first = await start(sink, { spool });
    await first.append(...flows(0, 2));
    await until(() => first.delivery.reader.acked === 2);
    await first.append(...flows(2, 4));
    await until(() => first.delivery.problem !== null);
    await first.stop();
    const again = new MemorySink();
    const second = await start(again, { spool });
    await until(() => second.delivery.reader.acked === 4);
    assert.deepEqual(again.stored, hexOf(flows(2, 4)));
    assert.equal(second.delivery.reader.counts['delivered'], 4);
    await second.stop();
  });
});
