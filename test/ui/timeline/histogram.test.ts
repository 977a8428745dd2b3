import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeRows } from '../../../proto/flow/aggregate/decode-rows.ts';
import { encodeRows } from '../../../proto/flow/aggregate/encode-rows.ts';
import { FlowAggregator } from '../../../proto/flow/aggregate/flow-aggregator.ts';
import { keyOfName } from '../../../proto/flow/aggregate/group-keys.ts';
import { FLOWS } from '../../../proto/flow/aggregate/row-measures.ts';
import { RowTable } from '../../../proto/flow/aggregate/row-table.ts';
import { FRAME_PREFIX_BYTES } from '../../../proto/flow/frame.ts';
import { createFlowPeek, peekFlow } from '../../../proto/flow/peek-flow.ts';
import { Verdict } from '../../../proto/gen/flow/flow_pb.ts';
import { brushNote, Histogram } from '../../../ui/timeline/histogram.ts';
import { flowMessage, sampleFlow } from '../support/sample-flow.ts';

const T0 = Date.parse('2026-03-04T09:00:00Z');
const BUCKET_MS = 10_000;
const range = { sinceMs: T0, untilMs: T0 + 60_000, bucketMs: BUCKET_MS };

/** A histogram of flows at these seconds, as a server would count them. */
function histogramOf(flows: readonly (readonly [second: number, verdict: Verdict])[]): Histogram {
  const table = new RowTable({ keyCount: 1, maxRows: 100, rankBy: FLOWS });
  const aggregator = new FlowAggregator([{ ...keyOfName('time')!, bucketMs: BUCKET_MS }], table);
  for (const [second, verdict] of flows) {
    const seconds = BigInt(T0 / 1000 + second);
    const message = flowMessage(sampleFlow({ verdict, time: { seconds, nanos: 0 } as never }));
    aggregator.add(message, 0, message.length);
  }
  const histogram = new Histogram(BUCKET_MS);
  for (const frame of encodeRows({ table, maxRows: 100, elapsedUs: 1 })) {
    const peek = createFlowPeek();
    peekFlow(frame, FRAME_PREFIX_BYTES, frame.length, peek);
    histogram.addRows(decodeRows(frame, peek.memberStart, peek.memberEnd, 1));
  }
  return histogram;
}

describe('a histogram', () => {
  it('has the flows of each bucket by verdict', () => {
    const histogram = histogramOf([
      [0, Verdict.FORWARDED],
      [9, Verdict.DROPPED],
      [10, Verdict.AUDIT],
      [11, Verdict.ERROR],
    ]);
    assert.deepEqual(histogram.bar(T0), { flows: 2, dropped: 1, audited: 0, errors: 0, lost: 0 });
    assert.deepEqual(histogram.bar(T0 + 10_000), { flows: 2, dropped: 0, audited: 1, errors: 1, lost: 0 });
    assert.equal(histogram.bar(T0 + 20_000).flows, 0);
    assert.equal(histogram.largest(range), 2);
    assert.equal(histogram.sum(range).flows, 4);
  });

  it('forgets what is counted anew, and what is over', () => {
    const histogram = histogramOf([0, 15, 25, 35].map((second) => [second, Verdict.FORWARDED] as const));
    histogram.forget(T0 + 30_000, T0 + 10_000);
    const left = [0, 10_000, 20_000, 30_000].map((ms) => histogram.bar(T0 + ms).flows);
    assert.deepEqual(left, [0, 1, 1, 0]);
  });

  it('marks every bucket in which something may have been lost', () => {
    const histogram = histogramOf([[0, Verdict.FORWARDED]]);
    histogram.addLost({ sinceMs: T0 - 50_000, untilMs: T0 + 12_000 }, 5, T0);
    const lost = [-10_000, 0, 10_000, 20_000].map((ms) => histogram.bar(T0 + ms).lost);
    assert.deepEqual(lost, [0, 5, 5, 0]);
    assert.equal(histogram.bar(T0).flows, 1);
  });

  it('says what stands out in a stretch of it', () => {
    const at = { sinceMs: T0, untilMs: T0 + 10_000 };
    const calm = [15, 25, 35, 45, 55].map((second) => [second, Verdict.DROPPED] as const);
    const burst = Array.from({ length: 9 }, () => [1, Verdict.DROPPED] as const);
    assert.equal(brushNote(histogramOf([...calm, ...burst]), at, range), 'drops ×9');
    assert.equal(brushNote(histogramOf(burst), at, range), '9 drops');
    assert.equal(brushNote(histogramOf([]), at, range), '');
  });
});
