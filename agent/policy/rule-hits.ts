import type { BpfMap } from '../kernel/bpf-map.ts';
import { policyLayouts } from './policy-layout.ts';

/** How often one cookie decided. */
export interface CookieHits {
  readonly decisions: number;
  /** Of them, those that were denied but for audit mode. */
  readonly audited: number;
  /** The same per second, over the last one or two windows. */
  readonly decisionRate: number;
  readonly auditedRate: number;
  /** When the number was last seen to have grown, by the time of day; null: never since the watch began. */
  readonly lastMs: number | null;
}

interface Known {
  decisions: number;
  audited: number;
  lastMs: number | null;
  /** Counts when the last two windows began. */
  before: readonly [decisions: number, audited: number];
  now: readonly [decisions: number, audited: number];
}

const WINDOW_MS = 10_000;
/** Two looks at the map are at least so far apart. */
const MIN_LOOK_MS = 100;
const LOOK_MS = 2000;
/** A look may take a fiftieth of this thread's time. */
const REST_PER_WORK = 50;

/** Watches the map in which the programs count decisions: when a count grew last, and how fast it grows. The programs keep no times, so these are true to a few seconds. */
export class RuleHits {
  /** Since when a decision would have been noticed. */
  readonly sinceMs: number;
  private readonly map: Pick<BpfMap, 'entries'>;
  private readonly cookies = new Map<number, Known>();
  private windows: readonly [beforeMs: number, nowMs: number];
  private lookedMs = Number.NEGATIVE_INFINITY;
  private dueMs = 0;

  /** @param nowMs time of day */
  constructor(map: Pick<BpfMap, 'entries'>, nowMs: number) {
    this.map = map;
    this.sinceMs = nowMs;
    this.windows = [nowMs, nowMs];
    for (const { cookie, decisions, audited } of this.readMap()) {
      const counts = [decisions, audited] as const;
      this.cookies.set(cookie, { decisions, audited, lastMs: null, before: counts, now: counts });
    }
  }

  /** To be called every now and then: looks at the map if it is time to. */
  tick(nowMs: number): void {
    if (nowMs >= this.dueMs) this.look(nowMs);
  }

  /** All cookies that ever decided, as of now. */
  read(nowMs: number): Map<number, CookieHits> {
    if (Math.abs(nowMs - this.lookedMs) >= MIN_LOOK_MS) this.look(nowMs);
    const seconds = Math.max(1, (nowMs - this.windows[0]) / 1000);
    return new Map(
      [...this.cookies].map(([cookie, { decisions, audited, lastMs, before }]) => {
        const decisionRate = Math.max(0, decisions - before[0]) / seconds;
        const auditedRate = Math.max(0, audited - before[1]) / seconds;
        return [cookie, { decisions, audited, decisionRate, auditedRate, lastMs }];
      }),
    );
  }

  private look(nowMs: number): void {
    const startedMs = performance.now();
    this.roll(nowMs);
    for (const { cookie, decisions, audited } of this.readMap()) {
      const known = this.cookies.get(cookie);
      if (known === undefined) {
        this.cookies.set(cookie, { decisions, audited, lastMs: nowMs, before: [0, 0], now: [0, 0] });
      } else if (known.decisions !== decisions) {
        Object.assign(known, { decisions, audited, lastMs: nowMs });
      }
    }
    this.lookedMs = nowMs;
    this.dueMs = nowMs + Math.max(LOOK_MS, (performance.now() - startedMs) * REST_PER_WORK);
  }

  /** Begins a new window when the last one has had its time. */
  private roll(nowMs: number): void {
    const [, startedMs] = this.windows;
    if (nowMs - startedMs < WINDOW_MS) return;
    this.windows = [startedMs, nowMs];
    for (const known of this.cookies.values()) {
      known.before = known.now;
      known.now = [known.decisions, known.audited];
    }
  }

  private readMap(): { cookie: number; decisions: number; audited: number }[] {
    const layout = policyLayouts.rule_counter;
    return this.map.entries().map(([key, value]) => {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      return {
        cookie: Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUInt32LE(0),
        decisions: Number(bytes.readBigUInt64LE(layout.decisions)),
        audited: Number(bytes.readBigUInt64LE(layout.audited)),
      };
    });
  }
}
