import { type FlowRing, lostEventBatch, lostEventSource } from '../history/index.ts';
import type { LossCause } from '../proto/gen/sluice/v1/diagnostics_pb.ts';

interface Pending {
  readonly cause: LossCause;
  readonly cpu: number | undefined;
  readonly firstMs: number;
  lastMs: number;
  events: number;
}

/** Losses on their way into the flow stream: gathered by cause and CPU, so that however many there are, each tells itself in one lost event. */
export class LossNotices {
  private readonly ring: FlowRing;
  private readonly nodeName: string;
  private readonly pending = new Map<string, Pending>();

  constructor(ring: FlowRing, nodeName: string) {
    this.ring = ring;
    this.nodeName = nodeName;
  }

  add(cause: LossCause, events: number, nowMs: number, cpu?: number): void {
    const key = `${cause} ${cpu}`;
    const gathered = this.pending.get(key);
    if (gathered === undefined) {
      this.pending.set(key, { cause, cpu, events, firstMs: nowMs, lastMs: nowMs });
      return;
    }
    gathered.events += events;
    gathered.lastMs = nowMs;
  }

  /** Puts what was gathered into the stream. */
  tell(): void {
    for (const { cause, cpu, events, firstMs, lastMs } of this.pending.values()) {
      const notice = { source: lostEventSource(cause), events, nodeName: this.nodeName, firstMs, lastMs };
      this.ring.append(lostEventBatch({ ...notice, ...(cpu !== undefined && { cpu }) }, Date.now()));
    }
    this.pending.clear();
  }
}
