import { fromBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LossLedger, lostEventBatch, lostEventSource } from '../../history/index.ts';
import { LostEventSource } from '../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { LossCause } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';

describe('LossLedger', () => {
  it('counts by cause and place, with the times of the first and the last loss', () => {
    const ledger = new LossLedger();
    ledger.add(LossCause.SUBSCRIBER_SLOW, 5, '', 3000);
    ledger.add(LossCause.PERF_RING_FULL, 2, 'cpu 1', 1000);
    ledger.add(LossCause.PERF_RING_FULL, 3, 'cpu 0', 1500);
    ledger.add(LossCause.PERF_RING_FULL, 4, 'cpu 1', 2000);
    ledger.add(LossCause.HISTORY_OVERWRITTEN, 0);
    assert.equal(ledger.total(LossCause.PERF_RING_FULL), 9);
    assert.equal(ledger.total(LossCause.HISTORY_OVERWRITTEN), 0);
    assert.deepEqual(
      ledger
        .snapshot()
        .map(({ cause, detail, events, first, last }) => [
          cause,
          detail,
          events,
          first === undefined ? null : timestampMs(first),
          last === undefined ? null : timestampMs(last),
        ]),
      [
        [LossCause.PERF_RING_FULL, 'cpu 0', 3n, 1500, 1500],
        [LossCause.PERF_RING_FULL, 'cpu 1', 6n, 1000, 2000],
        [LossCause.SUBSCRIBER_SLOW, '', 5n, 3000, 3000],
      ],
    );
  });
});

describe('lostEventSource()', () => {
  for (const [cause, source] of [
    ['BPF_OUTPUT_FAILED', 'PERF_EVENT_RING_BUFFER'],
    ['PERF_RING_FULL', 'PERF_EVENT_RING_BUFFER'],
    ['RECORD_MALFORMED', 'PERF_EVENT_RING_BUFFER'],
    ['WORKER_QUEUE_FULL', 'OBSERVER_EVENTS_QUEUE'],
    ['HISTORY_OVERWRITTEN', 'HUBBLE_RING_BUFFER'],
    ['SUBSCRIBER_SLOW', 'HUBBLE_RING_BUFFER'],
    ['RELAY_BUFFER_FULL', 'HUBBLE_RING_BUFFER'],
    ['RELAY_LATE', 'HUBBLE_RING_BUFFER'],
    ['PEER_UNAVAILABLE', 'UNKNOWN_LOST_EVENT_SOURCE'],
  ] as const) {
    it(`tells ${cause} as ${source}`, () => {
      assert.equal(lostEventSource(LossCause[cause]), LostEventSource[source]);
    });
  }
});

describe('lostEventBatch()', () => {
  it('is one frame that says how much, where, when and on which CPU', () => {
    const notice = { source: LostEventSource.PERF_EVENT_RING_BUFFER, events: 7, nodeName: 'east/n1' };
    const batch = lostEventBatch({ ...notice, firstMs: 1000, lastMs: 2000, cpu: 0 }, 3500);
    assert.deepEqual([batch.count, [...batch.timesUs]], [1, [3_500_000]]);
    assert.deepEqual([...batch.offsets], [0, batch.bytes.length]);
    const { responseTypes, nodeName, time } = fromBinary(GetFlowsResponseSchema, batch.bytes.subarray(5));
    assert.ok(responseTypes.case === 'lostEvents' && time !== undefined);
    const { source, numEventsLost, cpu, first, last } = responseTypes.value;
    assert.ok(first !== undefined && last !== undefined);
    assert.deepEqual(
      [source, numEventsLost, cpu, timestampMs(first), timestampMs(last), nodeName, timestampMs(time)],
      [LostEventSource.PERF_EVENT_RING_BUFFER, 7n, 0, 1000, 2000, 'east/n1', 3500],
    );
  });
});
