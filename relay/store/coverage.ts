import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** A span of time, µs since 1970, both ends included, of which a store has every flow that any peer told. */
export interface Span {
  readonly fromUs: number;
  readonly toUs: number;
}

/** Spans kept: each start of the relay begins one. */
const MAX_SPANS = 64;

/**
 * Of which times a relay's store has everything: while the relay ran, it followed all its peers. What a crash takes from the end of a span is only asked of the peers again.
 */
export class Coverage {
  private readonly path: string;
  private spans: Span[];

  /** Reads what earlier processes left; a file that cannot be read counts as none. */
  constructor(path: string) {
    this.path = path;
    this.spans = read(path);
  }

  /** A new span begins. */
  begin(fromUs: number): void {
    this.spans = [...this.spans, { fromUs, toUs: fromUs - 1 }].slice(-MAX_SPANS);
  }

  /** The last span goes on up to here. */
  extend(toUs: number): void {
    const last = this.spans.at(-1);
    if (last !== undefined && toUs > last.toUs) this.spans[this.spans.length - 1] = { ...last, toUs };
  }

  /** What is covered of the times from `oldestUs` on, in order, without overlap. */
  since(oldestUs: number): Span[] {
    const found: Span[] = [];
    for (const { fromUs, toUs } of this.spans) {
      const from = Math.max(fromUs, oldestUs, (found.at(-1)?.toUs ?? Number.NEGATIVE_INFINITY) + 1);
      if (from <= toUs) found.push({ fromUs: from, toUs });
    }
    return found;
  }

  /** Writes it down. Throws what the file system throws. */
  save(): void {
    writeFileSync(
      `${this.path}.tmp`,
      `${JSON.stringify(this.spans.map(({ fromUs, toUs }) => [fromUs, toUs]))}\n`,
    );
    renameSync(`${this.path}.tmp`, this.path);
  }
}

function read(path: string): Span[] {
  try {
    const spans = JSON.parse(readFileSync(path, 'utf8')) as unknown;
    if (!Array.isArray(spans)) return [];
    return spans
      .filter(
        (span): span is [number, number] =>
          Array.isArray(span) && span.length === 2 && span.every(Number.isSafeInteger),
      )
      .map(([fromUs, toUs]) => ({ fromUs, toUs }));
  } catch {
    return []; // the peers are asked for what may be here
  }
}
