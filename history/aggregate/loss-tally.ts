import { fromBinary } from '@bufbuild/protobuf';
import { decodeText } from '../../proto/flow/decode-text.ts';
import { createFlowPeek, ENVELOPE_LOST_EVENTS, peekFlow } from '../../proto/flow/peek-flow.ts';
import { LostEventSchema, type LostEventSource } from '../../proto/gen/flow/flow_pb.ts';
import { lostEventFrame } from '../lost-event-frame.ts';

interface Loss {
  readonly source: LostEventSource;
  readonly nodeName: string;
  events: number;
  readonly firstMs: number;
  lastMs: number;
}

/** Losses of more nodes are told together. */
const MAX_LOSSES = 1000;
const peek = createFlowPeek();

/** Sums up losses between two answers: one notice for each node and source, however often it lost something. */
export class LossTally {
  private readonly losses = new Map<string, Loss>();

  add(source: LostEventSource, events: number, nodeName: string, nowMs: number = Date.now()): void {
    if (events <= 0) return;
    const isFull = this.losses.size >= MAX_LOSSES && !this.losses.has(`${source} ${nodeName}`);
    const name = isFull ? '' : nodeName;
    const key = `${source} ${name}`;
    const loss = this.losses.get(key);
    if (loss === undefined) {
      this.losses.set(key, { source, nodeName: name, events, firstMs: nowMs, lastMs: nowMs });
    } else {
      loss.events += events;
      loss.lastMs = nowMs;
    }
  }

  /** Adds the notice of loss in the message at `bytes[start, end)`; anything else is passed over. Throws Error for what does not decode. */
  addMessage(bytes: Uint8Array, start: number, end: number): void {
    peekFlow(bytes, start, end, peek);
    if (peek.kind !== ENVELOPE_LOST_EVENTS) return;
    const nodeName = decodeText(bytes, peek.nodeNameStart, peek.nodeNameEnd);
    const lost = fromBinary(LostEventSchema, bytes.subarray(peek.memberStart, peek.memberEnd));
    this.add(lost.source, Number(lost.numEventsLost), nodeName);
  }

  /** What was added since the last call, as frames of AggregateFlowsResponse, which has the fields of GetFlowsResponse for that. */
  take(nowMs: number = Date.now()): Uint8Array[] {
    const frames = [...this.losses.values()].map((loss) => lostEventFrame(loss, nowMs));
    this.losses.clear();
    return frames;
  }
}
