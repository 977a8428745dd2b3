import { FlowRing, type LossLedger, readFlows, type FrameSink } from '../../history/index.ts';
import { type GetFlowsRequest } from '../../proto/gen/observer/observer_pb.ts';
import { LossCause } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { type PeerDirectory } from '../peer/peer-directory.ts';
import { Upstream, type UpstreamOptions } from './upstream.ts';

/** Bounds of what a live stream keeps for subscribers that lag. */
export interface LiveStreamOptions extends UpstreamOptions {
  readonly liveBufferFlows: number;
  readonly liveBufferBytes: number;
  readonly ledger: LossLedger;
}

/** How long a live stream outlives its last subscriber: a client that comes again at once finds it running. */
const LINGER_MS = 2000;

/**
 * Flows by which the fastest subscriber may lag before the peers are held: they then keep what nobody could read here anyway. Well inside the ring, so that only
 * subscribers slower than the fastest are overtaken.
 */
const HOLD_LAG = 32_768;

interface LiveStream {
  readonly ring: FlowRing;
  readonly abort: AbortController;
  /** How far each subscriber has come. */
  readonly readers: Map<object, number>;
  upstream: Upstream | null;
  isHeld: boolean;
  linger: NodeJS.Timeout | undefined;
}

/**
 * Live requests of the same content share one set of upstream streams and one merge. Merged frames go into a ring from which each subscriber reads at its own pace: a
 * slow one costs the others nothing, is overtaken, and is told exactly how much it lost.
 */
export class LiveStreams {
  private readonly directory: PeerDirectory;
  private readonly options: LiveStreamOptions;
  private readonly streams = new Map<string, LiveStream>();

  constructor(directory: PeerDirectory, options: LiveStreamOptions) {
    this.directory = directory;
    this.options = options;
  }

  /** Whether a request is for what comes from now on, and nothing that is stored. */
  static isLive({ follow, number, since, until, first }: GetFlowsRequest): boolean {
    return follow && number === 0n && since === undefined && until === undefined && !first;
  }

  /** Sends a live stream to a subscriber until its signal aborts. */
  async subscribe(request: GetFlowsRequest, requestBytes: Uint8Array, sink: FrameSink): Promise<void> {
    const key = Buffer.from(requestBytes).toString('latin1');
    const stream = this.streams.get(key) ?? this.start(key, request);
    clearTimeout(stream.linger);
    const reader = {};
    stream.readers.set(reader, stream.ring.endSeq);
    try {
      await readFlows(
        stream.ring,
        { number: 0, first: false, follow: true, since: null, until: null, matches: null, transform: null },
        sink,
        {
          nodeName: this.options.relayName,
          ledger: this.options.ledger,
          slowCause: LossCause.RELAY_BUFFER_FULL,
          onProgress: (seq) => {
            stream.readers.set(reader, seq);
            if (stream.isHeld && lag(stream) < HOLD_LAG / 2) {
              stream.isHeld = false;
              stream.upstream?.release();
            }
          },
        },
      );
    } finally {
      stream.readers.delete(reader);
      if (stream.readers.size === 0) stream.linger = setTimeout(() => this.stop(key, stream), LINGER_MS);
      else stream.upstream?.release();
    }
  }

  close(): void {
    for (const [key, stream] of this.streams) this.stop(key, stream);
  }

  private start(key: string, request: GetFlowsRequest): LiveStream {
    const { liveBufferFlows, liveBufferBytes } = this.options;
    const ring = new FlowRing({ capacity: liveBufferFlows, maxBytes: liveBufferBytes });
    const abort = new AbortController();
    const stream: LiveStream = {
      ring,
      abort,
      readers: new Map<object, number>(),
      upstream: null,
      isHeld: false,
      linger: undefined,
    };
    this.streams.set(key, stream);
    const upstream = new Upstream(this.directory, request, this.options, abort.signal, (batch) => {
      ring.append(batch);
      stream.isHeld = stream.readers.size > 0 && lag(stream) > HOLD_LAG;
      return !stream.isHeld;
    });
    stream.upstream = upstream;
    void upstream.run().finally(() => this.stop(key, stream));
    return stream;
  }

  private stop(key: string, stream: LiveStream): void {
    clearTimeout(stream.linger);
    if (this.streams.get(key) === stream) this.streams.delete(key);
    stream.abort.abort();
  }
}

/** Entries between the end of the ring and the fastest subscriber. */
function lag({ ring, readers }: LiveStream): number {
  return ring.endSeq - Math.max(...readers.values());
}
