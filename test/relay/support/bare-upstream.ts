import { create } from '@bufbuild/protobuf';
import { LossLedger } from '../../../history/index.ts';
import type { FrameRun } from '../../../proto/flow/frame.ts';
import { GetFlowsRequestSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { BatchOutput } from '../../../relay/merge/merge-output.ts';
import type { PeerDirectory } from '../../../relay/peer/peer-directory.ts';
import type { PeerSession } from '../../../relay/peer/peer-session.ts';
import { createMeter } from '../../../relay/serve/relay-meter.ts';
import { Upstream } from '../../../relay/serve/upstream.ts';
import { batchOf, decodeRun, wordOf } from './flow-bytes.ts';

/** A live upstream over peers that are no more than functions: what they send is handed in, and what comes out is kept. */
export class BareUpstream {
  /** What came out, in a word each. */
  readonly words: string[] = [];
  readonly ledger = new LossLedger();
  private readonly sends = new Map<string, (run: FrameRun) => unknown>();
  private readonly abort = new AbortController();
  private readonly ended: Promise<void>;
  private readonly waiting = new Set<() => void>();

  constructor(peers: readonly string[], mergeDelayMs: number) {
    const sessions = peers.map((name) => this.sessionOf(name));
    const directory = { all: sessions, ready: sessions, onEvent: () => () => {} } as unknown as PeerDirectory;
    const request = create(GetFlowsRequestSchema, { follow: true });
    const upstream = new Upstream(
      { request, metadata: {} },
      {
        relayName: 'bare',
        directory,
        ledger: this.ledger,
        meter: createMeter(),
        mergeDelayMs,
        maxBufferedBytes: 1024 * 1024,
      },
      this.abort.signal,
      {
        output: new BatchOutput((batch, release) => {
          this.words.push(...decodeRun(batch).map(wordOf));
          release();
          for (const wake of this.waiting) wake();
          return true;
        }),
        tell: () => {},
      },
    );
    this.ended = upstream.run();
  }

  /** A peer sends frames: they have been read from its socket. */
  receive(peer: string, ...frames: readonly Uint8Array[]): void {
    this.sends.get(peer)!(batchOf(frames));
  }

  /** Resolves when so many frames have come out. */
  async merged(count: number): Promise<void> {
    while (this.words.length < count) {
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  async close(): Promise<void> {
    this.abort.abort();
    await this.ended;
  }

  private sessionOf(name: string): PeerSession {
    const stream = (
      _path: string,
      _request: Uint8Array,
      _options: unknown,
      onRun: (run: FrameRun) => unknown,
    ) => {
      this.sends.set(name, onRun);
      return new Promise<void>(() => {});
    };
    return {
      target: { name, isNamed: true, address: null },
      nodeName: name,
      nodeNames: [name],
      isReady: true,
      isRelay: false,
      startedMs: 0,
      connection: { stream },
    } as unknown as PeerSession;
  }
}
