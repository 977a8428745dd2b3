/** Longer than any client waits for an answer before it gives up, or asks with another number. */
const LIFETIME_NS = 30e9;

interface OpenQuestion {
  readonly query: string;
  readonly askedNs: number;
}

/** Questions that wait for their answers, by who asked whom and the message's id. */
export class OpenQuestions {
  private readonly questions = new Map<string, OpenQuestion>();
  private readonly maxQuestions: number;
  private evictedCount = 0;
  private unansweredCount = 0;

  /** @param maxQuestions beyond them the oldest is given up */
  constructor(maxQuestions: number) {
    this.maxQuestions = maxQuestions;
  }

  /** Questions given up for want of room. */
  get evicted(): number {
    return this.evictedCount;
  }

  /** Questions that no answer was seen to. */
  get unanswered(): number {
    return this.unansweredCount;
  }

  /** Takes a question. One that is asked again has been waiting since the first time. */
  ask(key: string, query: string, nowNs: number): void {
    this.expire(nowNs);
    const open = this.questions.get(key);
    if (open !== undefined) {
      if (open.query === query) return;
      this.questions.delete(key);
      this.unansweredCount++;
    } else if (this.questions.size >= this.maxQuestions) {
      const [oldest] = this.questions.keys();
      this.questions.delete(oldest);
      this.evictedCount++;
    }
    this.questions.set(key, { query, askedNs: nowNs });
  }

  /** Takes the answer to a question and gives the nanoseconds between the two; -1 when nobody is known to have asked this. */
  answer(key: string, query: string, nowNs: number): number {
    this.expire(nowNs);
    const open = this.questions.get(key);
    // Whoever answers something else is not who was asked.
    if (open === undefined || open.query !== query) return -1;
    this.questions.delete(key);
    return Math.max(0, nowNs - open.askedNs);
  }

  /** The map is in the order of asking. */
  private expire(nowNs: number): void {
    for (const [key, { askedNs }] of this.questions) {
      if (nowNs - askedNs < LIFETIME_NS) return;
      this.questions.delete(key);
      this.unansweredCount++;
    }
  }
}
