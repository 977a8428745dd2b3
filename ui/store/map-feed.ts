import { NodeState } from '../../proto/gen/relay/relay_pb.ts';
import { buildFilters, type FilterWord } from '../filter/filter-words.ts';
import { ServiceMap } from '../model/service-map.ts';
import { CallError } from '../stream/call-error.ts';
import { callStream } from '../stream/call-stream.ts';
import { AGGREGATE_FLOWS, mapRequest, takeMessage } from '../stream/rows.ts';
import { Emitter } from './emitter.ts';
import { sleep } from './sleep.ts';
import type { TimeSpan } from './view-state.ts';

/** Answers come so often. */
const INTERVAL_MS = 400;
/** A map is shown when what is stored has come, or after so long. */
const SETTLE_MS = 2500;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;
/** A tab that nobody sees for so long asks no more, until it is seen. */
const HIDDEN_MS = 20_000;

/** `past`: a stretch of history, all of which is here. */
export type FeedState = 'connecting' | 'live' | 'past' | 'paused' | 'broken' | 'refused';

/** What the map is to show. */
export interface FeedQuestion {
  readonly words: readonly FilterWord[];
  /** How far back to count before following. */
  readonly windowMinutes: number;
  /** A stretch of history instead; null = live. */
  readonly at: TimeSpan | null;
  /** Whether pods are told apart. */
  readonly isByPod: boolean;
}

/** Follows the rows of the service map, over breaks: each time the window is counted anew, so that numbers are exact. What was there stays until its successor is. */
export class MapFeed extends Emitter {
  map = new ServiceMap();
  state: FeedState = 'connecting';
  /** Why it is broken or refused, in words. */
  problem = '';
  /** When the last answer came; 0 before the first. */
  answeredMs = 0;
  /** When the window of `map` begins. */
  sinceMs = 0;
  /** Events lost within what the map counts, by node. */
  readonly lost = new Map<string, number>();
  /** Nodes that are not connected, and why. */
  readonly absent = new Map<string, string>();
  private question: FeedQuestion = { words: [], windowMinutes: 15, at: null, isByPod: false };
  private run: AbortController | null = null;
  private hiddenTimer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    document.addEventListener('visibilitychange', () => this.onVisibility());
  }

  /** Begins, or begins anew with another question. */
  ask(question: FeedQuestion): void {
    this.question = question;
    this.stop();
    const run = new AbortController();
    this.run = run;
    void this.follow(run.signal);
  }

  /** What is shown stays as it is, until `resume` or `ask`. */
  pause(): void {
    this.stop();
    this.setState('paused');
  }

  resume(): void {
    this.ask(this.question);
  }

  private stop(): void {
    this.run?.abort();
    this.run = null;
  }

  private async follow(signal: AbortSignal): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      if (this.state !== 'broken') this.setState('connecting');
      try {
        await this.followOnce(signal, () => (retryMs = FIRST_RETRY_MS));
        if (signal.aborted) return;
        if (this.question.at !== null) {
          this.setState('past');
          return;
        }
        this.problem = 'the server ended the stream';
      } catch (error) {
        if (signal.aborted) return;
        this.problem = (error as Error).message;
        if (error instanceof CallError && !error.isPassing) {
          this.setState('refused');
          return;
        }
      }
      this.setState('broken');
      await sleep(retryMs, signal);
      retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
    }
  }

  private async followOnce(signal: AbortSignal, onAlive: () => void): Promise<void> {
    const { words, windowMinutes, at, isByPod } = this.question;
    const sinceMs = at?.sinceMs ?? Date.now() - windowMinutes * 60_000;
    const next = new ServiceMap();
    const request = mapRequest({
      filters: buildFilters(words),
      sinceMs,
      untilMs: at?.untilMs ?? null,
      intervalMs: INTERVAL_MS,
      isByPod,
    });
    const lost = new Map<string, number>();
    const absent = new Map<string, string>();
    // Nodes answer one after another: placed piece by piece, the same map would look different each time.
    const beganMs = performance.now();
    const listener = {
      onLost: (node: string, events: number): void => {
        lost.set(node, (lost.get(node) ?? 0) + events);
      },
      onNodes: (state: number, names: readonly string[], message: string): void => {
        for (const name of names) {
          if (state === NodeState.NODE_CONNECTED || state === NodeState.NODE_GONE) absent.delete(name);
          else absent.set(name, message === '' ? 'not reachable' : message);
        }
      },
      onAnswer: (): void => {
        if (signal.aborted) return;
        const mayWait = at === null && performance.now() - beganMs < SETTLE_MS;
        if (this.map !== next && mayWait && !next.isSettled) return;
        if (this.map !== next) Object.assign(this, { map: next, sinceMs });
        replaceAll(this.lost, lost);
        replaceAll(this.absent, absent);
        this.answeredMs = Date.now();
        this.problem = '';
        onAlive();
        this.setState(at === null ? 'live' : 'past');
      },
    };
    for await (const bytes of callStream(AGGREGATE_FLOWS, request, signal))
      takeMessage(bytes, next, listener);
  }

  private setState(state: FeedState): void {
    this.state = state;
    this.changed();
  }

  private onVisibility(): void {
    clearTimeout(this.hiddenTimer);
    if (document.hidden) {
      this.hiddenTimer = setTimeout(() => this.stop(), HIDDEN_MS);
    } else if (this.run === null && this.state !== 'paused') this.resume();
  }
}

function replaceAll<K, V>(target: Map<K, V>, source: ReadonlyMap<K, V>): void {
  target.clear();
  for (const [key, value] of source) target.set(key, value);
}
