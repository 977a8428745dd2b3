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

interface LiveStream {
  readonly ring: FlowRing;
  readonly abort: AbortController;
  subscribers: number;
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
    stream.subscribers++;
    try {
      await readFlows(
        stream.ring,
        { number: 0, first: false, follow: true, since: null, until: null, matches: null, transform: null },
        sink,
        {
          nodeName: this.options.relayName,
          ledger: this.options.ledger,
          slowCause: LossCause.RELAY_BUFFER_FULL,
        },
      );
    } finally {
      stream.subscribers--;
      if (stream.subscribers === 0) stream.linger = setTimeout(() => this.stop(key, stream), LINGER_MS);
    }
  }

  close(): void {
    for (const [key, stream] of this.streams) this.stop(key, stream);
  }

  private start(key: string, request: GetFlowsRequest): LiveStream {
    const { liveBufferFlows, liveBufferBytes } = this.options;
    const ring = new FlowRing({ capacity: liveBufferFlows, maxBytes: liveBufferBytes });
    const abort = new AbortController();
    const stream: LiveStream = { ring, abort, subscribers: 0, linger: undefined };
    this.streams.set(key, stream);
    const upstream = new Upstream(this.directory, request, this.options, abort.signal, (batch) => {
      ring.append(batch);
      return true;
    });
    void upstream.run().finally(() => this.stop(key, stream));
    return stream;
  }

  private stop(key: string, stream: LiveStream): void {
    clearTimeout(stream.linger);
    if (this.streams.get(key) === stream) this.streams.delete(key);
    stream.abort.abort();
  }
}
