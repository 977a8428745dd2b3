/** How much longer than an interval an answer waits for a peer: not more than this, and not more than an interval. */
const MAX_PATIENCE_MS = 1000;

interface Turn {
  hasAnswered: boolean;
  /** Did not answer in time before: is not waited for until it answers again. */
  isLate: boolean;
}

/**
 * When a relay answers: as soon as every peer has given its rows of an interval, so that each answer holds one of each and rates do not flicker; and without those that are
 * late, so that none holds up the others. Pure: times come from the caller.
 */
export class AnswerClock {
  private readonly intervalMs: number;
  private readonly patienceMs: number;
  private readonly turns = new Map<string, Turn>();
  private answeredMs: number;

  constructor(intervalMs: number, nowMs: number) {
    this.intervalMs = intervalMs;
    this.patienceMs = Math.min(intervalMs, MAX_PATIENCE_MS);
    this.answeredMs = nowMs;
  }

  /** A peer is asked, and so waited for. */
  add(peer: string): void {
    if (!this.turns.has(peer)) this.turns.set(peer, { hasAnswered: false, isLate: false });
  }

  /** A peer is not waited for any more. */
  remove(peer: string): void {
    this.turns.delete(peer);
  }

  /** A peer gave its rows. */
  answered(peer: string): void {
    const turn = this.turns.get(peer);
    if (turn !== undefined) Object.assign(turn, { hasAnswered: true, isLate: false });
  }

  /** How long to wait with the next answer, if nothing happens meanwhile; 0 or less: it is due. */
  waitMs(nowMs: number): number {
    const elapsedMs = nowMs - this.answeredMs;
    const awaited = [...this.turns.values()].filter(({ isLate }) => !isLate);
    if (awaited.length === 0) return this.intervalMs - elapsedMs;
    const isComplete = awaited.every(({ hasAnswered }) => hasAnswered);
    // Where peers begin at different moments, what came early waits for half an interval at least.
    if (isComplete) return this.intervalMs / 2 - elapsedMs;
    return this.intervalMs + this.patienceMs - elapsedMs;
  }

  /** The answer was given. */
  restart(nowMs: number): void {
    this.answeredMs = nowMs;
    for (const turn of this.turns.values()) {
      if (!turn.hasAnswered) turn.isLate = true;
      turn.hasAnswered = false;
    }
  }
}
