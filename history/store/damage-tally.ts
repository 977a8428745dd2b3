import { LossCause } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import type { ReaderContext } from '../flow-reader.ts';
import { lostEventSource } from '../loss-ledger.ts';
import { lostEventFrame } from '../lost-event-frame.ts';
import type { StoreDamage } from './query/store-queries.ts';

/** Places of damage that a process tells apart: more are told together. */
const MAX_PLACES = 100;
const places = new Set<string>();

/** Stored flows that one query found damaged: counted with the place, and told in its stream as one loss. */
export class DamageTally {
  private readonly context: ReaderContext;
  private events = 0;
  private readonly firstMs = Date.now();

  constructor(context: ReaderContext) {
    this.context = context;
  }

  readonly add = ({ where, events, isCounted }: StoreDamage): void => {
    this.events += events;
    if (isCounted === true) return;
    // However often it is asked for, it is lost once.
    if (places.has(where)) return;
    places.add(where);
    const place = places.size <= MAX_PLACES ? where : 'further places';
    this.context.ledger.add(LossCause.HISTORY_DAMAGED, events, place);
  };

  /** What was found since the last call, as a frame. */
  take(): Uint8Array[] {
    if (this.events === 0) return [];
    const { nodeName } = this.context;
    const nowMs = Date.now();
    const source = lostEventSource(LossCause.HISTORY_DAMAGED);
    const notice = { source, events: this.events, nodeName, firstMs: this.firstMs, lastMs: nowMs };
    this.events = 0;
    return [lostEventFrame(notice, nowMs)];
  }
}
