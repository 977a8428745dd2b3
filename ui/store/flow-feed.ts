import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { createFlowPeek, ENVELOPE_FLOW, ENVELOPE_LOST_EVENTS, peekFlow } from '../../proto/flow/peek-flow.ts';
import {
  GetFlowsRequestSchema,
  type GetFlowsResponse,
  GetFlowsResponseSchema,
} from '../../proto/gen/observer/observer_pb.ts';
import { buildFilters, FilterError, type FilterWord, type FlowFilters } from '../filter/filter-words.ts';
import { CallError } from '../stream/call-error.ts';
import { callStream } from '../stream/call-stream.ts';
import { FlowRing } from '../table/flow-ring.ts';
import { Emitter } from './emitter.ts';
import {
  everything,
  isSampleDue,
  nextNumber,
  RateMeter,
  ratioOf,
  SAMPLED_RATE,
  type Sampling,
} from './sampling.ts';
import { sleep } from './sleep.ts';
import { weightlessOnly, weightyOnly } from './verdict-filters.ts';
import type { TimeSpan } from './view-state.ts';

export const GET_FLOWS = 'observer.Observer/GetFlows';
const RING = { rows: 20_000, bytes: 16 * 1024 * 1024 };
/** What a live table begins with. */
const FIRST_FLOWS = 200;
/** Flows of a stretch of history: so many drops and audits at most, and so many others. */
const PAST_FLOWS = 5000;
const SAMPLE_EVERY_MS = 1000;
/** Flows may come so much later than they happened: drops and audits are asked for again so far back. */
const LATE_MS = 3000;
/** Drops and audits of a second and of those that were late. */
const MAX_WEIGHTY = 2000;
const REPLAY_MS = 1500;
const REPAINT_MS = 200;
const RETRY_MS = 2000;
const MAX_PENDING = 2000;
const HIDDEN_MS = 20_000;

/** `past`: a stretch of history, all of which is here. */
export type FlowFeedState = 'idle' | 'connecting' | 'live' | 'past' | 'broken' | 'refused';

export interface FlowQuestion {
  readonly words: readonly FilterWord[];
  /** A stretch of history; null = live. */
  readonly at: TimeSpan | null;
}

/** What others know of the flows that the feed is asked for. */
export interface FlowFeedHost {
  /** Exact rates of the same flows, per second; null = not known. */
  readonly rates: () => { readonly weighty: number; readonly others: number } | null;
  /** Nodes behind the server, 1 or more: requests for the newest N get N of each. */
  readonly nodeCount: () => number;
}

/** The part of the stream that a request wants. */
interface Wanted {
  readonly follow?: boolean;
  readonly number?: number;
  /** Counted from the oldest flow on. */
  readonly isFirst?: boolean;
  readonly sinceMs?: number;
  readonly untilMs?: number;
}

interface Pending {
  readonly message: Uint8Array;
  readonly timeUs: number;
}

/** The flows of the table: all of them while a person can follow, else a sample that is told. Drops, audits and errors are asked for apart from the others, and are all there as long as possible. */
export class FlowFeed extends Emitter {
  readonly ring = new FlowRing(RING);
  state: FlowFeedState = 'idle';
  problem = '';
  sampling: Sampling = everything;
  /** Whether a stretch of history has more flows than are here. */
  isCut = false;
  private readonly host: FlowFeedHost;
  private question: FlowQuestion = { words: [], at: null };
  private filters: FlowFilters = { whitelist: [], blacklist: [] };
  private run: AbortController | null = null;
  private isSampled = false;
  private number = SAMPLED_RATE;
  private newestMs = 0;
  private pending: Pending[] = [];
  private repaint: ReturnType<typeof setTimeout> | undefined;
  private hiddenTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly decoded = new Map<number, GetFlowsResponse>();
  private readonly peek = createFlowPeek();

  constructor(host: FlowFeedHost) {
    super();
    this.host = host;
  }

  /** Begins, or begins anew with another question; what was there goes. */
  ask(question: FlowQuestion): void {
    this.stop();
    this.question = question;
    this.ring.clear();
    this.decoded.clear();
    this.sampling = everything;
    this.isSampled = false;
    this.isCut = false;
    this.newestMs = 0;
    this.run = new AbortController();
    try {
      this.filters = buildFilters(question.words);
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      this.setState('refused', error.message);
      return;
    }
    this.setState('connecting', '');
    void this.follow(this.run.signal);
  }

  /** Asks no more, until `ask`; what was there stays. */
  stop(): void {
    this.run?.abort();
    this.run = null;
    this.pending = [];
  }

  /** The tab is seen, or no more: one that nobody sees asks no more after a while. */
  onVisibility(isHidden: boolean): void {
    clearTimeout(this.hiddenTimer);
    const isAtWork = this.run !== null && this.question.at === null;
    if (isHidden && isAtWork) this.hiddenTimer = setTimeout(() => this.stop(), HIDDEN_MS);
    else if (!isHidden && this.run === null && this.state !== 'idle') this.ask(this.question);
  }

  /** The response of a row, decoded; undefined when the row is not there any more. */
  response(seq: number): GetFlowsResponse | undefined {
    if (!this.ring.has(seq)) return undefined;
    let response = this.decoded.get(seq);
    if (response === undefined) {
      response = fromBinary(GetFlowsResponseSchema, this.ring.message(seq));
      if (this.decoded.size > 500) this.decoded.clear();
      this.decoded.set(seq, response);
    }
    return response;
  }

  private async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.question.at !== null) await this.readPast(this.question.at, signal);
        else if (this.isSampled) await this.readSample(signal);
        else await this.readAll(signal);
        if (signal.aborted || this.question.at !== null) return;
      } catch (error) {
        if (signal.aborted) return;
        const isFinal = error instanceof CallError && !error.isPassing;
        this.setState(isFinal ? 'refused' : 'broken', (error as Error).message);
        if (isFinal) return;
        await sleep(RETRY_MS, signal);
      }
    }
  }

  /** Takes every flow, until there are too many for too long. */
  private async readAll(signal: AbortSignal): Promise<void> {
    this.sampling = everything;
    const enough = new AbortController();
    const either = AbortSignal.any([signal, enough.signal]);
    // After a break everything since then: a number would leave out what came last.
    const begin = this.newestMs > 0 ? { sinceMs: this.newestMs } : { number: FIRST_FLOWS };
    // What is replayed at first says nothing of the rate.
    const meter = new RateMeter(
      performance.now() + REPLAY_MS,
      FIRST_FLOWS * this.host.nodeCount() + MAX_PENDING,
    );
    for await (const message of this.flows(this.filters, { follow: true, ...begin }, either)) {
      this.add(message);
      if (!meter.isTooMuch(performance.now())) continue;
      this.isSampled = true;
      enough.abort();
      return;
    }
    if (!signal.aborted) throw new Error('the server ended the stream');
  }

  /** Takes the drops and audits of the last second, and the newest of the others. */
  private async readSample(signal: AbortSignal): Promise<void> {
    const weighty = weightyOnly(this.filters);
    let heavy = 0;
    if (weighty !== null) {
      const sinceMs = (this.newestMs > 0 ? this.newestMs : Date.now() - SAMPLE_EVERY_MS) - LATE_MS;
      heavy = await this.take(weighty, { number: MAX_WEIGHTY, sinceMs }, signal);
      this.flush();
    }
    const { got, fresh } = await this.takeNewest(signal);
    const rates = this.host.rates();
    this.isSampled = isSampleDue(
      true,
      rates === null ? (got >= this.number ? Infinity : 0) : rates.weighty + rates.others,
    );
    this.sampling = {
      weighty:
        heavy < MAX_WEIGHTY ? 1 : ratioOf(rates?.weighty ?? 0, (heavy * 1000) / (LATE_MS + SAMPLE_EVERY_MS)),
      others: ratioOf(rates?.others ?? 0, (fresh * 1000) / SAMPLE_EVERY_MS),
    };
    this.number = nextNumber(this.number, got, SAMPLED_RATE);
    await sleep(SAMPLE_EVERY_MS, signal);
  }

  private async takeNewest(signal: AbortSignal): Promise<{ got: number; fresh: number }> {
    const before = this.ring.end;
    const got = await this.take(weightlessOnly(this.filters), { number: this.number }, signal);
    this.flush();
    return { got, fresh: Math.max(1, this.ring.end - before) };
  }

  /** A stretch of history from its begin on: drops and audits first, since these are looked for. */
  private async readPast(span: TimeSpan, signal: AbortSignal): Promise<void> {
    const number = Math.ceil(PAST_FLOWS / this.host.nodeCount());
    const weighty = weightyOnly(this.filters);
    const heavy = weighty === null ? 0 : await this.take(weighty, { ...span, number }, signal);
    const others = await this.take(weightlessOnly(this.filters), { ...span, number }, signal);
    if (signal.aborted) return;
    this.flush();
    this.isCut = heavy >= PAST_FLOWS || others >= PAST_FLOWS || heavy + others > this.ring.count;
    this.setState('past', '');
  }

  private async take(filters: FlowFilters, wanted: Wanted, signal: AbortSignal): Promise<number> {
    let count = 0;
    for await (const message of this.flows(filters, wanted, signal)) if (this.add(message)) count++;
    return count;
  }

  private flows(filters: FlowFilters, wanted: Wanted, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    return callStream(GET_FLOWS, flowsRequest(filters, wanted), signal);
  }

  /** Puts a message with those that wait to be shown; whether it is a flow. */
  private add(message: Uint8Array): boolean {
    const { peek } = this;
    peekFlow(message, 0, message.length, peek);
    const isFlow = peek.kind === ENVELOPE_FLOW;
    if (!isFlow && peek.kind !== ENVELOPE_LOST_EVENTS) return false;
    this.pending.push({ message, timeUs: peek.seconds * 1e6 + peek.nanos / 1e3 });
    if (isFlow) this.newestMs = Math.max(this.newestMs, peek.seconds * 1000 + Math.floor(peek.nanos / 1e6));
    const isPast = this.question.at !== null;
    if (!isPast && this.pending.length > MAX_PENDING) this.flush();
    if (!isPast) {
      this.repaint ??= setTimeout(() => {
        this.repaint = undefined;
        this.flush();
        this.setState('live', '');
      }, REPAINT_MS);
    }
    return isFlow;
  }

  /** Puts what waits into the ring, by time: two requests may have brought it. */
  private flush(): void {
    const { pending } = this;
    this.pending = [];
    pending.sort((a, b) => a.timeUs - b.timeUs);
    for (const { message } of pending) this.ring.append(message);
  }

  private setState(state: FlowFeedState, problem: string): void {
    if (this.run === null) return;
    this.state = state;
    this.problem = problem;
    this.changed();
  }
}

/** A GetFlows request, encoded. */
export function flowsRequest(filters: FlowFilters, wanted: Wanted): Uint8Array {
  const { follow = false, number = 0, isFirst = false, sinceMs, untilMs } = wanted;
  return toBinary(
    GetFlowsRequestSchema,
    create(GetFlowsRequestSchema, {
      ...filters,
      follow,
      number: BigInt(number),
      first: isFirst,
      ...(sinceMs !== undefined && { since: timestampFromMs(Math.floor(sinceMs)) }),
      ...(untilMs !== undefined && { until: timestampFromMs(Math.ceil(untilMs)) }),
    }),
  );
}
