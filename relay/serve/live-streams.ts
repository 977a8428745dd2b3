import { FlowRing, readFlows, type FrameSink } from '../../history/index.ts';
import type { GetFlowsRequest } from '../../proto/gen/observer/observer_pb.ts';
import { LossCause } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { RingOutput } from '../merge/merge-output.ts';
import type { PeerRequest } from '../peer/peer-flows.ts';
import { Upstream, type UpstreamOptions } from './upstream.ts';

/** Bounds of what a live stream keeps for subscribers that lag. */
export interface LiveStreamOptions extends UpstreamOptions {
  readonly liveBufferFlows: number;
  readonly liveBufferBytes: number;
}

/** How long a live stream outlives its last subscriber: a client that comes again at once finds it running. */
const LINGER_MS = 2000;

/**
 * Flows by which the fastest subscriber may lag before the peers are held: they then keep what nobody could read here anyway. Well inside the ring, so that only
 * subscribers slower than the fastest are overtaken.
 */
const HOLD_LAG = 8192;

interface LiveStream {
  readonly key: string;
  readonly ring: FlowRing;
  readonly abort: AbortController;
  readonly upstream: Upstream;
  /** How far each subscriber has come, as a sequence number of the ring, by what ends its reading. */
  readonly readers: Map<AbortController, number>;
  /** Nothing more will be merged. */
  isOver: boolean;
  linger: NodeJS.Timeout | undefined;
}

/**
 * Live requests of the same content share one set of upstream streams and one merge. Merged frames go into a ring from which each subscriber reads at its own pace: a
 * slow one costs the others nothing, is overtaken, and is told exactly how much it lost.
 */
export class LiveStreams {
  private readonly options: LiveStreamOptions;
  private readonly holdLag: number;
  private readonly streams = new Map<string, LiveStream>();

  constructor(options: LiveStreamOptions) {
    this.options = options;
    this.holdLag = Math.min(HOLD_LAG, options.liveBufferFlows / 4);
  }

  /** Streams that run now. */
  get size(): number {
    return this.streams.size;
  }

  /** Whether a request is for what comes from now on, and nothing that is stored. */
  static isLive({ follow, number, since, until, first }: GetFlowsRequest): boolean {
    return follow && number === 0n && since === undefined && until === undefined && !first;
  }

  /**
   * Sends a live stream to a subscriber until its signal aborts.
   * @param key the same for requests that may share a stream
   */
  async subscribe(key: string, request: PeerRequest, sink: FrameSink): Promise<void> {
    const stream = this.streams.get(key) ?? this.start(key, request);
    const { ring, readers, upstream } = stream;
    clearTimeout(stream.linger);
    for (const { bytes } of upstream.preamble()) sink.write(bytes);
    const reader = new AbortController();
    readers.set(reader, ring.endSeq);
    this.releaseIfRead(stream);
    const stop = (): void => reader.abort();
    sink.signal.addEventListener('abort', stop, { once: true });
    if (sink.signal.aborted) stop();
    try {
      await readFlows(
        ring,
        // Like an agent: the newest there is, then what comes.
        { number: 0, first: false, follow: true, since: null, until: null, matches: null, transform: null },
        {
          signal: reader.signal,
          write: (frames, onSent) => sink.write(frames, onSent),
          drained: () => sink.drained(),
          flush: () => sink.flush(),
        },
        {
          nodeName: this.options.relayName,
          ledger: this.options.ledger,
          slowCause: LossCause.RELAY_BUFFER_FULL,
          onProgress: (seq) => {
            readers.set(reader, seq);
            this.releaseIfRead(stream);
            endReaders(stream);
          },
        },
      );
    } finally {
      sink.signal.removeEventListener('abort', stop);
      readers.delete(reader);
      this.releaseIfRead(stream);
      if (readers.size === 0) stream.linger = setTimeout(() => this.stop(stream), LINGER_MS);
    }
  }

  close(): void {
    for (const stream of this.streams.values()) this.stop(stream);
  }

  private start(key: string, request: PeerRequest): LiveStream {
    const { liveBufferFlows, liveBufferBytes } = this.options;
    const ring = new FlowRing({ capacity: liveBufferFlows, maxBytes: liveBufferBytes });
    const readers = new Map<AbortController, number>();
    const abort = new AbortController();
    const upstream = new Upstream(request, this.options, abort.signal, {
      output: new RingOutput(ring, () => lag(stream) <= this.holdLag),
      tell: (batch) => ring.append(batch),
    });
    const stream: LiveStream = { key, ring, abort, upstream, readers, isOver: false, linger: undefined };
    this.streams.set(key, stream);
    void upstream.run().finally(() => {
      this.stop(stream);
      stream.isOver = true;
      endReaders(stream);
    });
    return stream;
  }

  private releaseIfRead(stream: LiveStream): void {
    if (lag(stream) <= this.holdLag / 2) stream.upstream.release();
    if (stream.readers.size > 0) stream.ring.discardBefore(Math.min(...stream.readers.values()));
  }

  private stop(stream: LiveStream): void {
    clearTimeout(stream.linger);
    if (this.streams.get(stream.key) === stream) this.streams.delete(stream.key);
    stream.abort.abort();
  }
}

/** Ends the reading of subscribers that have read all of a stream that is over. */
function endReaders({ isOver, ring, readers }: LiveStream): void {
  if (!isOver) return;
  for (const [reader, seq] of readers) if (seq === ring.endSeq) reader.abort();
}

/** Entries between the end of the ring and the fastest subscriber; none without subscribers. */
function lag({ ring, readers }: LiveStream): number {
  return readers.size === 0 ? 0 : ring.endSeq - Math.max(...readers.values());
}
