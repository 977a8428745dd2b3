import { enumName } from '../../proto/flow/text/enum-name.ts';
import { LossCause, type NodeReport } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';

/** Events lost for one cause at one place. */
export interface Loss {
  readonly cause: string;
  readonly node: string;
  readonly detail: string;
  readonly events: number;
  readonly lastMs: number;
  /** Whether `events` are flows; else how much is missing is not known. */
  readonly isCounted: boolean;
}

/** Causes after which nothing is missing: delivered all the same. */
const harmless: ReadonlySet<LossCause> = new Set([LossCause.RELAY_LATE]);

/** Losses whose last event came at `sinceMs` or later, the largest first. */
export function recentLosses(reports: readonly NodeReport[], sinceMs: number): Loss[] {
  return reports
    .flatMap(({ nodeName, losses }) =>
      losses
        .filter(({ cause }) => !harmless.has(cause))
        .map(({ cause, events, last, detail }) => ({
          cause: enumName(LossCause, cause),
          node: nodeName,
          detail,
          events: Number(events),
          lastMs: last === undefined ? 0 : Number(last.seconds) * 1000 + last.nanos / 1e6,
          isCounted: cause !== LossCause.PEER_UNAVAILABLE,
        })),
    )
    .filter(({ lastMs }) => lastMs >= sinceMs)
    .sort(
      (a, b) =>
        Number(b.isCounted) - Number(a.isCounted) || b.events - a.events || (a.node < b.node ? -1 : 1),
    );
}

const words: Readonly<Record<string, string>> = {
  BPF_OUTPUT_FAILED: 'no agent at the ring',
  PERF_RING_FULL: 'perf ring full',
  RECORD_MALFORMED: 'malformed records',
  WORKER_QUEUE_FULL: 'agent too busy',
  HISTORY_OVERWRITTEN: 'history overwritten',
  SUBSCRIBER_SLOW: 'slow subscriber',
  RELAY_BUFFER_FULL: 'relay buffer full',
  RELAY_LATE: 'merged late',
  PEER_UNAVAILABLE: 'peer was away',
  HISTORY_STORE: 'not kept on disk',
  HISTORY_DAMAGED: 'damaged on disk',
};

const remedies: Readonly<Record<string, string>> = {
  BPF_OUTPUT_FAILED: 'look why the agent was away: its log, sluice status',
  PERF_RING_FULL: 'a larger --ring-bytes-per-cpu, or a coarser --aggregation',
  RECORD_MALFORMED: 'report it: programs and agent differ',
  WORKER_QUEUE_FULL: 'give the agent CPU',
  HISTORY_OVERWRITTEN: 'a larger --history-flows',
  SUBSCRIBER_SLOW: 'a narrower filter, or a faster client',
  RELAY_BUFFER_FULL: 'a larger --live-buffer-flows, or a narrower filter',
  RELAY_LATE: 'mend the clock of that peer, or raise --merge-delay',
  PEER_UNAVAILABLE: 'look at the peer: its log, its network, its certificates',
  HISTORY_STORE: 'see whether the disk of --store-dir is full or slow; give the process CPU',
  HISTORY_DAMAGED: 'check the disk',
};

/** A cause in a person's words. */
export function causeWords(cause: string): string {
  return words[cause] ?? cause.toLowerCase().replaceAll('_', ' ');
}

/** What to do about a cause. */
export function remedyFor(cause: string): string {
  return remedies[cause] ?? 'see sluice status';
}
