import type { FrameRun } from '../../proto/flow/frame.ts';
import type { FlowFilter } from '../../proto/gen/flow/flow_pb.ts';
import { formatAddress, RpcCode, RpcConnection, RpcError } from '../../rpc/index.ts';
import type { RelaySourceConfig } from '../config/config.ts';
import { Backoff } from '../../rpc/backoff.ts';
import type { Spool } from '../spool/spool.ts';
import { pause } from '../wait.ts';
import { noSourceCounts, readBatches, sortFrames } from './frame-sorter.ts';
import { RecordWriter } from './record-writer.ts';
import { findResume, flowsRequest } from './resume.ts';
import type { SeenAgain } from './seen-again.ts';
import type { Source, SourceState } from './source.ts';

const GET_FLOWS = '/observer.Observer/GetFlows';

/** Errors that asking again does not change: the request is wrong, or the server another one. */
const FINAL: ReadonlySet<RpcCode> = new Set([RpcCode.InvalidArgument, RpcCode.Unimplemented]);

export interface RelaySourceOptions {
  readonly source: RelaySourceConfig;
  readonly spool: Spool;
  /** What any sink wants; empty for everything. Sent upstream. */
  readonly whitelist: readonly FlowFilter[];
  readonly log: (level: 'info' | 'warn', message: string, fields: Record<string, string | number>) => void;
}

/**
 * Follows a relay or an agent into the spool, as bytes. After a break, or a restart, it goes on from what the spool holds: it asks for flows from some time before the newest one,
 * and leaves out those that are there already.
 */
export class RelaySource implements Source {
  readonly counts = noSourceCounts();
  /** Breaks of the stream. */
  breaks = 0;
  /** Resumed streams of which nothing was known although something should have been: what lay between may be gone from the source. */
  gaps = 0;
  state: SourceState = { name: 'connecting', reason: 'not tried yet' };
  private readonly options: RelaySourceOptions;
  private readonly connection: RpcConnection;
  private seenAgain: SeenAgain | null = null;

  constructor(options: RelaySourceOptions) {
    this.options = options;
    const { address, tls } = options.source;
    this.connection = new RpcConnection(address, tls === undefined ? {} : { tls });
  }

  get name(): string {
    return formatAddress(this.options.source.address);
  }

  goOnFrom({ counts, breaks, gaps }: Source): void {
    Object.assign(this.counts, counts);
    this.breaks = breaks;
    this.gaps = gaps;
  }

  /** Runs until `signal` aborts. Throws Error when going on makes no sense: the server refuses the request for good, or the spool fails. */
  async run(signal: AbortSignal): Promise<void> {
    const wait = new Backoff(500, 15_000);
    try {
      while (!signal.aborted) {
        const before = this.counts.flows;
        const error = await this.follow(signal);
        if (signal.aborted) return;
        this.breaks++;
        this.broke(error);
        if (this.counts.flows > before) wait.reset();
        await pause(wait.next(), signal);
      }
    } finally {
      this.connection.close();
    }
  }

  /** One stream, to its end. Returns what ended it. */
  private async follow(signal: AbortSignal): Promise<RpcError | null> {
    const { source, spool, whitelist } = this.options;
    const overlapUs = source.overlapMs * 1000;
    const { sinceUs, seenAgain } = await findResume(spool, source.start, overlapUs);
    this.seenAgain = seenAgain;
    const ended = new AbortController();
    const stop = AbortSignal.any([signal, ended.signal]);
    let failure: Error | undefined;
    const fail = (error: Error): void => {
      failure ??= error;
      ended.abort();
    };
    const writer = new RecordWriter((batch, abort) => spool.append(batch, abort), signal, fail);
    const request = flowsRequest(sinceUs, whitelist);
    const error = await this.connection
      .stream(GET_FLOWS, request, { signal: stop, onHeaders: () => this.began() }, (run) =>
        this.take(run, writer),
      )
      .then(
        () => null,
        (reason: RpcError) => reason,
      );
    // What was taken is in the spool before the next stream looks for what is known.
    await writer.flush().catch(fail);
    if (failure !== undefined) throw new Error(`spool: ${failure.message}`, { cause: failure });
    return error;
  }

  private take(run: FrameRun, writer: RecordWriter): Promise<void> | undefined {
    const nowUs = Date.now() * 1000;
    for (const batch of readBatches(run, this.counts)) {
      sortFrames(batch, this.seenAgain, this.counts, (from, to) => writer.add(batch, from, to, nowUs));
      if (this.seenAgain?.isOver(batch, nowUs)) this.caughtUp(this.seenAgain);
    }
    return writer.due();
  }

  private began(): void {
    this.state = { name: 'following', sinceMs: Date.now() };
    this.options.log('info', 'following', { source: this.name });
  }

  private broke(error: RpcError | null): void {
    const reason = error === null ? 'the server ended the stream' : error.message;
    if (this.state.name === 'following' || this.breaks === 1) {
      this.options.log('warn', 'stream broke, trying again', {
        source: this.name,
        reason,
      });
    }
    this.state = { name: 'connecting', reason };
    if (error !== null && FINAL.has(error.code)) throw error;
  }

  /** The stream is past what can come again. */
  private caughtUp(seen: SeenAgain): void {
    this.seenAgain = null;
    if (seen.isIncomplete) {
      this.options.log(
        'warn',
        'more flows in the overlap than can be remembered: some may be delivered twice',
        {
          remembered: seen.size,
        },
      );
    }
    if (seen.size === 0 || seen.duplicates > 0) return;
    this.gaps++;
    this.options.log(
      'warn',
      'none of the newest flows in the spool came again: the source may have lost some',
      {
        remedy: 'a larger history at the agents, or shorter breaks',
      },
    );
  }
}
