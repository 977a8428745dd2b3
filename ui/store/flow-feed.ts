import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Flow } from '../../proto/gen/flow/flow_pb.ts';
import {
  GetFlowsRequestSchema,
  type GetFlowsRequest,
  GetFlowsResponseSchema,
} from '../../proto/gen/observer/observer_pb.ts';
import { buildFilters, type FilterWord } from '../filter/filter-words.ts';
import { callStream } from '../stream/call-stream.ts';
import { Emitter } from './emitter.ts';

const GET_FLOWS = 'observer.Observer/GetFlows';
const FIRST_FLOWS = 200n;
const MAX_ROWS = 5000;
/** More flows a second than this cannot be read: from then on a sample is asked for, once a second. */
const MAX_RATE = 300;
const SAMPLE_FLOWS = 100n;
const SAMPLE_EVERY_MS = 1000;
const REPAINT_MS = 200;
const RETRY_MS = 2000;

/** A flow with its place in the table, which it keeps. */
export interface FlowRow {
  readonly seq: number;
  readonly flow: Flow;
}

/** The latest flows: all of them while a person can follow, else a sample of stated size. */
export class FlowFeed extends Emitter {
  /** Oldest first. */
  rows: FlowRow[] = [];
  isSampled = false;
  problem = '';
  private words: readonly FilterWord[] = [];
  private seq = 0;
  private run: AbortController | null = null;
  private repaint: ReturnType<typeof setTimeout> | undefined;
  private seen = new Set<string>();

  /** Sequence number behind the newest row. */
  get end(): number {
    return this.seq;
  }

  ask(words: readonly FilterWord[]): void {
    this.words = words;
    this.rows = [];
    this.seen.clear();
    this.stop();
    this.run = new AbortController();
    void this.follow(this.run.signal);
    this.changed();
  }

  stop(): void {
    this.run?.abort();
    this.run = null;
  }

  private async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.isSampled) await this.sample(signal);
        else await this.readAll(signal);
        this.problem = '';
      } catch (error) {
        this.problem = (error as Error).message;
        this.changed();
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  /** Takes every flow, until there are too many. */
  private async readAll(signal: AbortSignal): Promise<void> {
    const enough = new AbortController();
    let windowMs = performance.now();
    let count = -Number(FIRST_FLOWS);
    for await (const flow of this.flows(
      { follow: true, number: FIRST_FLOWS },
      AbortSignal.any([signal, enough.signal]),
    )) {
      this.add(flow);
      count++;
      const elapsedMs = performance.now() - windowMs;
      if (count > MAX_RATE * 2) {
        if (elapsedMs < 2000) {
          this.isSampled = true;
          enough.abort();
          return;
        }
        windowMs = performance.now();
        count = 0;
      } else if (elapsedMs >= 2000) {
        windowMs = performance.now();
        count = 0;
      }
    }
  }

  /** Takes the newest flows once a second, and all of them again when these are few. */
  private async sample(signal: AbortSignal): Promise<void> {
    let taken = 0;
    for await (const flow of this.flows({ number: SAMPLE_FLOWS }, signal)) if (this.add(flow)) taken++;
    if (taken < Number(SAMPLE_FLOWS) / 2) this.isSampled = false;
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_EVERY_MS));
  }

  private async *flows(
    selection: Partial<Pick<GetFlowsRequest, 'follow' | 'number'>>,
    signal: AbortSignal,
  ): AsyncGenerator<Flow> {
    const request = create(GetFlowsRequestSchema, { ...buildFilters(this.words), ...selection });
    for await (const bytes of callStream(GET_FLOWS, toBinary(GetFlowsRequestSchema, request), signal)) {
      const { responseTypes } = fromBinary(GetFlowsResponseSchema, bytes);
      if (responseTypes.case === 'flow') yield responseTypes.value;
    }
  }

  private add(flow: Flow): boolean {
    if (this.seen.has(flow.uuid)) return false;
    this.seen.add(flow.uuid);
    this.rows.push({ seq: this.seq++, flow });
    if (this.rows.length > MAX_ROWS * 1.2) {
      this.rows = this.rows.slice(-MAX_ROWS);
      this.seen = new Set(this.rows.map((row) => row.flow.uuid));
    }
    this.repaint ??= setTimeout(() => {
      this.repaint = undefined;
      this.changed();
    }, REPAINT_MS);
    return true;
  }
}
