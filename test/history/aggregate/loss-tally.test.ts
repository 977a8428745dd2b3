import assert from 'node:assert/strict';
import { fromBinary } from '@bufbuild/protobuf';
import { describe, it } from 'node:test';
import { countFrames } from '../../../history/aggregate/count-frames.ts';
import { LossTally } from '../../../history/aggregate/loss-tally.ts';
import { FlowAggregator } from '../../../proto/flow/aggregate/flow-aggregator.ts';
import { FLOWS } from '../../../proto/flow/aggregate/row-measures.ts';
import { RowTable } from '../../../proto/flow/aggregate/row-table.ts';
import { FRAME_PREFIX_BYTES, frameMessage } from '../../../proto/flow/frame.ts';
import { LostEventSource } from '../../../proto/gen/flow/flow_pb.ts';
import { AggregateFlowsResponseSchema } from '../../../proto/gen/sluice/v1/aggregation_pb.ts';
import { lostFrame } from '../../relay/support/flow-bytes.ts';
import { podFrame } from '../../support/build-frames.ts';
import { keysOf } from '../../support/plain-aggregate.ts';

/** Losses as a client of AggregateFlows reads them: node, source, events. */
function told(tally: LossTally): (readonly [string, number, bigint])[] {
  return tally.take().map((frame) => {
    const { responseTypes, nodeName } = fromBinary(
      AggregateFlowsResponseSchema,
      frame.subarray(FRAME_PREFIX_BYTES),
    );
    assert.equal(responseTypes.case, 'lostEvents');
    return [nodeName, responseTypes.value.source, responseTypes.value.numEventsLost] as const;
  });
}

describe('LossTally', () => {
  it('tells one sum for each node and source, and each loss once', () => {
    const tally = new LossTally();
    tally.add(LostEventSource.PERF_EVENT_RING_BUFFER, 3, 'n1');
    tally.add(LostEventSource.HUBBLE_RING_BUFFER, 2, 'n1');
    tally.add(LostEventSource.PERF_EVENT_RING_BUFFER, 4, 'n1');
    tally.add(LostEventSource.PERF_EVENT_RING_BUFFER, 1, 'n2');
    assert.deepEqual(told(tally), [
      ['n1', 1, 7n],
      ['n1', 3, 2n],
      ['n2', 1, 1n],
    ]);
    assert.deepEqual(told(tally), []);
  });

  it('stays bounded with any number of nodes, and loses no loss', () => {
    const tally = new LossTally();
    for (let i = 0; i < 3000; i++) tally.add(LostEventSource.HUBBLE_RING_BUFFER, 1, `n${i}`);
    const all = told(tally);
    assert.equal(all.length, 1001);
    assert.deepEqual(all.at(-1), ['', 3, 2000n]);
  });
});

describe('countFrames()', () => {
  it('counts flows, adds up losses, and takes what cannot be read for lost', () => {
    const table = new RowTable({ keyCount: 1, maxRows: 10, rankBy: FLOWS });
    const losses = new LossTally();
    const broken = frameMessage(Uint8Array.of(0x0a, 0x05, 0x08, 0xff, 0xff, 0xff, 0xff));
    const frames = Buffer.concat([
      podFrame('cart-1', 80),
      lostFrame('n1', 1n, 5),
      broken,
      podFrame('cart-1', 80),
    ]);
    countFrames(frames, new FlowAggregator(keysOf(['source-pod']), table), losses, 'n9');
    assert.deepEqual([table.rowCount, table.measure(0, FLOWS)], [1, 2]);
    assert.deepEqual(told(losses), [
      ['n1', LostEventSource.HUBBLE_RING_BUFFER, 5n],
      ['n9', LostEventSource.UNKNOWN_LOST_EVENT_SOURCE, 1n],
    ]);
  });
});
