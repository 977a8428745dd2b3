import assert from 'node:assert/strict';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, it } from 'node:test';
import { parseAggregateRequest } from '../../../history/aggregate/aggregate-request.ts';
import { countFrames } from '../../../history/aggregate/count-frames.ts';
import { RowStream } from '../../../history/aggregate/row-stream.ts';
import { FRAME_PREFIX_BYTES } from '../../../proto/flow/frame.ts';
import { LostEventSource } from '../../../proto/gen/flow/flow_pb.ts';
import {
  AggregateFlowsRequestSchema,
  AggregateFlowsResponseSchema,
  GroupField,
} from '../../../proto/gen/sluice/v1/aggregation_pb.ts';
import { podFrame } from '../../support/build-frames.ts';

/** A client that reads when it is told to. */
class SlowSink {
  readonly signal = new AbortController().signal;
  readonly told: string[] = [];
  isReading = true;
  private drain: () => void = () => {};

  write(frame: Uint8Array): boolean {
    const { responseTypes } = fromBinary(AggregateFlowsResponseSchema, frame.subarray(FRAME_PREFIX_BYTES));
    const { case: kind, value } = responseTypes;
    if (kind === 'rows') this.told.push(`rows ${value.flows.join(',')}`);
    if (kind === 'lostEvents') this.told.push(`lost ${value.numEventsLost}`);
    return this.isReading;
  }
  drained(): Promise<void> {
    return new Promise((resolve) => (this.drain = resolve));
  }
  flush(): void {}
  async read(): Promise<void> {
    this.isReading = true;
    this.drain();
    await Promise.resolve();
  }
}

describe('RowStream', () => {
  const query = () =>
    parseAggregateRequest(
      toBinary(
        AggregateFlowsRequestSchema,
        create(AggregateFlowsRequestSchema, { keys: [{ field: GroupField.VERDICT }] }),
      ),
    );

  it('gives a client that lags fewer answers, and all flows', async (t) => {
    const asked = query();
    const sink = new SlowSink();
    const rows = new RowStream(asked, sink);
    t.after(() => rows.close());
    const count = (flows: number): void => {
      for (let i = 0; i < flows; i++)
        countFrames(podFrame('cart-1', 80), asked.aggregator, rows.losses, 'n1');
    };
    count(1);
    sink.isReading = false;
    rows.answer();
    count(2);
    rows.losses.add(LostEventSource.HUBBLE_RING_BUFFER, 5, 'n1');
    rows.answer();
    count(4);
    rows.answer();
    assert.deepEqual(sink.told, ['rows 1']);
    await sink.read();
    count(8);
    rows.answer();
    assert.deepEqual(sink.told, ['rows 1', 'lost 5', 'rows 14']);
  });

  it('writes its last answer whether the client keeps up or not', (t) => {
    const asked = query();
    const sink = new SlowSink();
    const rows = new RowStream(asked, sink);
    t.after(() => rows.close());
    sink.isReading = false;
    rows.answer();
    countFrames(podFrame('cart-1', 80), asked.aggregator, rows.losses, 'n1');
    rows.answer();
    rows.answer(true);
    assert.deepEqual(sink.told, ['rows ', 'rows 1']);
  });

  it('shows life while it has nothing to say', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const sink = new SlowSink();
    const rows = new RowStream(query(), sink);
    const now = performance.now();
    t.mock.method(performance, 'now', () => now + 60_000);
    t.mock.timers.tick(1000);
    assert.deepEqual(sink.told, ['rows ']);
    rows.close();
  });
});
