import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { decodeRows } from '../../proto/flow/aggregate/decode-rows.ts';
import { createFlowPeek, ENVELOPE_FLOW, ENVELOPE_LOST_EVENTS, peekFlow } from '../../proto/flow/peek-flow.ts';
import { FlowFilterSchema, LostEventSchema } from '../../proto/gen/flow/flow_pb.ts';
import { AggregateFlowsRequestSchema, GroupField } from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import { buildFilters, type FilterWord, type FlowFilters } from '../filter/filter-words.ts';
import { CallError } from '../stream/call-error.ts';
import { callStream } from '../stream/call-stream.ts';
import { AGGREGATE_FLOWS } from '../stream/rows.ts';
import { Histogram } from '../timeline/histogram.ts';
import { type BucketRange, bucketsOf, rangeAround } from '../timeline/time-axis.ts';
import { Emitter } from './emitter.ts';
import { flowsRequest, GET_FLOWS } from './flow-feed.ts';
import { sleep } from './sleep.ts';
import type { TimeSpan } from './view-state.ts';

const EVERY_MS = 1000;
const RETRY_MS = 3000;
const REACH_EVERY_MS = 20_000;
/** Flows come so much later than they happened: the newest bars are counted again and again. */
const LATE_MS = 5000;

export interface HistogramQuestion {
  readonly words: readonly FilterWord[];
  readonly windowMinutes: number;
  /** The stretch that is looked at; null = live. */
  readonly at: TimeSpan | null;
}

/** How far back the server remembers. */
export interface Reach {
  /** Nothing is kept of what was before. */
  readonly oldestMs: number;
  /** From here on all nodes remember. */
  readonly completeMs: number;
}

/** Flows by time, from history. It asks for the newest bars once a second, instead of holding a stream open: browsers allow six connections. */
export class HistogramFeed extends Emitter {
  histogram = new Histogram(EVERY_MS);
  range: BucketRange | null = null;
  reach: Reach | null = null;
  state: 'idle' | 'connecting' | 'live' | 'past' | 'broken' | 'refused' = 'idle';
  problem = '';
  /** When the newest answer was asked for: what came later is in no bar. */
  countedMs = 0;
  private question: HistogramQuestion = { words: [], windowMinutes: 15, at: null };
  private run: AbortController | null = null;
  private reachedMs = Number.NEGATIVE_INFINITY;
  private readonly peek = createFlowPeek();

  /** Begins, or begins anew with another question. Bars that are counted already stay as long as only the stretch is another. */
  ask(question: HistogramQuestion): void {
    const isOnlySpan = sameFilters(question, this.question) && this.run !== null && this.range !== null;
    this.question = question;
    this.run?.abort();
    const run = new AbortController();
    this.run = run;
    if (question.at !== null) {
      const range = rangeAround(question.at, isOnlySpan ? this.range : null, Date.now());
      if (range === this.range && this.countedMs > 0) {
        this.setState('past', '');
        return;
      }
      this.begin(range);
    } else this.begin(this.liveRange());
    void this.follow(run.signal);
  }

  private begin(range: BucketRange): void {
    const { bucketMs } = range;
    this.range = range;
    if (this.histogram.bucketMs !== bucketMs || this.state === 'idle')
      this.histogram = new Histogram(bucketMs);
    this.countedMs = 0;
    this.setState('connecting', '');
  }

  private liveRange(): BucketRange {
    const nowMs = Date.now();
    const { bucketMs } = bucketsOf({ sinceMs: 0, untilMs: this.question.windowMinutes * 60_000 });
    const untilMs = Math.ceil(nowMs / bucketMs) * bucketMs;
    return { sinceMs: untilMs - this.question.windowMinutes * 60_000, untilMs, bucketMs };
  }

  private async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.countOnce(signal);
        if (signal.aborted) return;
        this.setState(this.question.at === null ? 'live' : 'past', '');
        await this.findReach(signal);
        if (this.question.at !== null) return;
        await sleep(EVERY_MS, signal);
        while (document.hidden && !signal.aborted) await sleep(EVERY_MS, signal);
      } catch (error) {
        if (signal.aborted) return;
        const isFinal = error instanceof CallError && !error.isPassing;
        this.setState(isFinal ? 'refused' : 'broken', (error as Error).message);
        if (isFinal) return;
        await sleep(RETRY_MS, signal);
      }
    }
  }

  /** Counts the whole range at first, then only what may have changed. */
  private async countOnce(signal: AbortSignal): Promise<void> {
    if (this.question.at === null) this.range = this.liveRange();
    const { sinceMs, untilMs, bucketMs } = this.range!;
    const fromMs =
      this.countedMs === 0
        ? sinceMs
        : Math.max(sinceMs, Math.floor((this.countedMs - LATE_MS) / bucketMs) * bucketMs);
    const askedMs = Date.now();
    const request = histogramRequest(
      buildFilters(this.question.words),
      { sinceMs: fromMs, untilMs },
      bucketMs,
    );
    const [rows, losses] = await Promise.all([
      readAll(callStream(AGGREGATE_FLOWS, request, signal)),
      readAll(callStream(GET_FLOWS, lossesRequest({ sinceMs: fromMs, untilMs }), signal)),
    ]);
    if (signal.aborted) return;
    // Only now: what is shown is never without bars that it had.
    this.histogram.forget(fromMs, sinceMs);
    for (const message of rows) this.takeRows(message);
    for (const message of losses) this.takeLoss(message, fromMs);
    this.countedMs = askedMs;
  }

  private takeRows(message: Uint8Array): void {
    const { peek } = this;
    peekFlow(message, 0, message.length, peek);
    if (peek.kind !== ENVELOPE_FLOW) return;
    this.histogram.addRows(decodeRows(message, peek.memberStart, peek.memberEnd, 1));
  }

  private takeLoss(message: Uint8Array, fromMs: number): void {
    const { peek } = this;
    peekFlow(message, 0, message.length, peek);
    const { kind, memberStart, memberEnd, seconds } = peek;
    if (kind !== ENVELOPE_LOST_EVENTS) return;
    const { first, last, numEventsLost } = fromBinary(
      LostEventSchema,
      message.subarray(memberStart, memberEnd),
    );
    const untilMs = msOf(last) || seconds * 1000;
    this.histogram.addLost({ sinceMs: msOf(first) || untilMs, untilMs }, Number(numEventsLost), fromMs);
  }

  /** Asks for the oldest flow of each node, whatever the filters. */
  private async findReach(signal: AbortSignal): Promise<void> {
    if (performance.now() - this.reachedMs < REACH_EVERY_MS) return;
    this.reachedMs = performance.now();
    const times: number[] = [];
    const request = flowsRequest({ whitelist: [], blacklist: [] }, { number: 1, isFirst: true });
    for await (const message of callStream(GET_FLOWS, request, signal)) {
      peekFlow(message, 0, message.length, this.peek);
      if (this.peek.kind === ENVELOPE_FLOW && this.peek.seconds > 0) times.push(this.peek.seconds * 1000);
    }
    this.reach = times.length === 0 ? null : { oldestMs: Math.min(...times), completeMs: Math.max(...times) };
    this.changed();
  }

  private setState(state: HistogramFeed['state'], problem: string): void {
    this.state = state;
    this.problem = problem;
    this.changed();
  }
}

function histogramRequest(
  filters: FlowFilters,
  { sinceMs, untilMs }: TimeSpan,
  bucketMs: number,
): Uint8Array {
  return toBinary(
    AggregateFlowsRequestSchema,
    create(AggregateFlowsRequestSchema, {
      flows: {
        ...filters,
        since: timestampFromMs(sinceMs),
        until: timestampFromMs(untilMs),
      },
      keys: [{ field: GroupField.TIME, bucketMs }],
    }),
  );
}

/** Losses are told whatever the filters: one that no flow passes leaves nothing else. Rows tell them, too, but only as a sum. */
function lossesRequest(span: TimeSpan): Uint8Array {
  const whitelist = [create(FlowFilterSchema, { uuid: ['none'] })];
  return flowsRequest({ whitelist, blacklist: [] }, span);
}

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const messages: Uint8Array[] = [];
  for await (const message of stream) messages.push(message);
  return messages;
}

function sameFilters(a: HistogramQuestion, b: HistogramQuestion): boolean {
  return JSON.stringify(a.words) === JSON.stringify(b.words);
}

function msOf(time: Timestamp | undefined): number {
  return time === undefined ? 0 : Number(time.seconds) * 1000 + Math.floor(time.nanos / 1e6);
}
