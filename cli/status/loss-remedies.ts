import { LossCause } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';

/** What a cause of loss means, and what a person can do about it. */
export interface LossAdvice {
  readonly name: string;
  readonly meaning: string;
  readonly remedy: string;
}

const advice: ReadonlyMap<number, LossAdvice> = new Map([
  [
    LossCause.BPF_OUTPUT_FAILED,
    {
      name: 'no ring to write to',
      meaning: 'programs saw packets while no agent was reading',
      remedy: 'see in its log why the agent was down; a restart of it loses nothing else',
    },
  ],
  [
    LossCause.PERF_RING_FULL,
    {
      name: 'perf ring full',
      meaning: 'the kernel wrote faster than the agent read',
      remedy: 'give the agent CPU, more --ring-bytes-per-cpu, or a coarser --aggregation',
    },
  ],
  [
    LossCause.RECORD_MALFORMED,
    {
      name: 'malformed record',
      meaning: 'programs and agent do not understand each other',
      remedy: 'restart the agent: its programs are then replaced by those of its own version',
    },
  ],
  [
    LossCause.WORKER_QUEUE_FULL,
    {
      name: 'worker queue full',
      meaning: "the agent's main thread stalled",
      remedy: 'give the agent CPU; see whether a client asks it for expensive filters',
    },
  ],
  [
    LossCause.HISTORY_OVERWRITTEN,
    {
      name: 'history overwritten',
      meaning: 'a reader of history was overtaken by new flows',
      remedy: 'keep more with --history-flows and --history-bytes, or ask for less at once',
    },
  ],
  [
    LossCause.SUBSCRIBER_SLOW,
    {
      name: 'slow subscriber',
      meaning: 'a client that follows does not keep up',
      remedy: 'narrow its filter, or let it follow a relay with more --live-buffer-flows',
    },
  ],
  [
    LossCause.RELAY_BUFFER_FULL,
    {
      name: 'relay buffer full',
      meaning: 'a client of the relay does not keep up',
      remedy: 'narrow its filter, or give the relay more --live-buffer-flows',
    },
  ],
  [
    LossCause.RELAY_LATE,
    {
      name: 'late',
      meaning: 'delivered, but out of order',
      remedy: 'check the clock of that peer, or raise --merge-delay',
    },
  ],
  [
    LossCause.PEER_UNAVAILABLE,
    {
      name: 'peer unavailable',
      meaning: 'flows of that node are missing while it was away; how many is not known',
      remedy: 'see why the peer went away: its log, the network to it',
    },
  ],
  [
    LossCause.HISTORY_STORE,
    {
      name: 'not stored',
      meaning: 'seen, but not kept on disk: later queries lack them',
      remedy: 'see whether the disk of --store-dir is full or slow; give the process CPU',
    },
  ],
  [
    LossCause.HISTORY_DAMAGED,
    {
      name: 'damaged on disk',
      meaning: 'stored flows that a query could not read',
      remedy: 'check the disk; remove the segment that is named when it is not needed any more',
    },
  ],
]);

/** Advice on a cause; one that this version does not know is named by its number. */
export function lossAdvice(cause: number): LossAdvice {
  return (
    advice.get(cause) ?? {
      name: `cause ${cause}`,
      meaning: 'unknown to this version',
      remedy: 'use a newer version of this command',
    }
  );
}
