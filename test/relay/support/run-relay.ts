import { parseAddress } from '../../../rpc/index.ts';
import { type RelayOptions, runRelay } from '../../../relay/index.ts';

/** A relay in this process. */
export interface RunningRelay {
  readonly address: string;
  readonly logs: readonly string[];
  /** Resolves when a log line that contains `text` is there `times` times. */
  logged(text: string, times?: number): Promise<void>;
  /** Ends it; resolves with its exit status. */
  stop(): Promise<number>;
}

/** Starts a relay at a Unix socket over peers given by address, and waits until it is ready and `connected` of the peers are. */
export async function startRelay(
  address: string,
  peers: readonly string[],
  options: Partial<RelayOptions> = {},
  connected: number = peers.length,
): Promise<RunningRelay> {
  const logs: string[] = [];
  const waiting = new Set<() => void>();
  const abort = new AbortController();
  const ended = runRelay(
    {
      name: 'test-relay',
      listen: [parseAddress(address)],
      insecure: false,
      peers: peers.map(parseAddress),
      mergeDelayMs: 100,
      maxBufferedBytes: 16 * 1024 * 1024,
      liveBufferFlows: 65_536,
      liveBufferBytes: 64 * 1024 * 1024,
      ...options,
    },
    {
      signal: abort.signal,
      log: (line) => {
        logs.push(line);
        for (const wake of waiting) wake();
      },
    },
  );
  const relay: RunningRelay = {
    address,
    logs,
    logged: (text, times = 1) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (logs.filter((line) => line.includes(text)).length < times) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
    stop: () => {
      abort.abort();
      return ended;
    },
  };
  await relay.logged('relay ready');
  await relay.logged('peer connected', connected);
  return relay;
}
