import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { LostEventSource } from '../proto/gen/flow/flow_pb.ts';
import {
  type LossCause,
  LossCause as Cause,
  type LossCounter,
  LossCounterSchema,
} from '../proto/gen/sluice/v1/diagnostics_pb.ts';

/** Hubble's name for where a loss happened, by our cause. */
export function lostEventSource(cause: LossCause): LostEventSource {
  switch (cause) {
    case Cause.BPF_OUTPUT_FAILED:
    case Cause.PERF_RING_FULL:
    case Cause.RECORD_MALFORMED:
      return LostEventSource.PERF_EVENT_RING_BUFFER;
    case Cause.WORKER_QUEUE_FULL:
    case Cause.HISTORY_STORE:
      return LostEventSource.OBSERVER_EVENTS_QUEUE;
    case Cause.HISTORY_OVERWRITTEN:
    case Cause.SUBSCRIBER_SLOW:
    case Cause.RELAY_BUFFER_FULL:
    case Cause.RELAY_LATE:
      return LostEventSource.HUBBLE_RING_BUFFER;
    default:
      return LostEventSource.UNKNOWN_LOST_EVENT_SOURCE;
  }
}

interface Entry {
  events: number;
  firstMs: number;
  lastMs: number;
}

/** What a process lost, by cause and, where that helps, by place. Counters only grow. */
export class LossLedger {
  private readonly entries = new Map<LossCause, Map<string, Entry>>();

  /** Counts `events` lost now (or at `atMs`). */
  add(cause: LossCause, events: number, detail = '', atMs: number = Date.now()): void {
    if (events <= 0) return;
    let places = this.entries.get(cause);
    if (places === undefined) this.entries.set(cause, (places = new Map<string, Entry>()));
    const entry = places.get(detail);
    if (entry === undefined) {
      places.set(detail, { events, firstMs: atMs, lastMs: atMs });
      return;
    }
    entry.events += events;
    entry.lastMs = atMs;
  }

  /** Events lost to a cause, all places together. */
  total(cause: LossCause): number {
    let sum = 0;
    for (const { events } of this.entries.get(cause)?.values() ?? []) sum += events;
    return sum;
  }

  /** Every counter that is not zero, by cause, then place. */
  snapshot(): LossCounter[] {
    return [...this.entries]
      .sort(([a], [b]) => a - b)
      .flatMap(([cause, places]) =>
        [...places]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([detail, { events, firstMs, lastMs }]) =>
            create(LossCounterSchema, {
              cause,
              events: BigInt(events),
              first: timestampFromMs(firstMs),
              last: timestampFromMs(lastMs),
              detail,
            }),
          ),
      );
  }
}
