import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { LossLedger } from '../../history/index.ts';
import {
  type FlowStoreReport,
  type NodeReport,
  NodeReportSchema,
  type Problem,
  ProblemSchema,
} from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import type { TlsProblem } from '../../rpc/index.ts';
import type { PeerDirectory } from '../peer/peer-directory.ts';
import type { PeerSession } from '../peer/peer-session.ts';
import type { RelayMeter } from './relay-meter.ts';

/** What a relay's report is made of. */
export interface ReportInput {
  readonly name: string;
  /** When the process began, by the time of day. */
  readonly startedMs: number;
  readonly directory: PeerDirectory;
  readonly ledger: LossLedger;
  readonly meter: RelayMeter;
  /** Requests served now, and upstreams that they need: fewer, where requests share them. */
  readonly streams: { readonly clients: number; readonly live: number };
  readonly tlsProblems: readonly TlsProblem[];
  /** Flows on disk, when some are kept. */
  readonly flowStore?: FlowStoreReport;
}

/** The relay's own account: what it received, passed on and lost, what is wrong with its peers, and what it costs. */
export function ownReport({
  name,
  startedMs,
  directory,
  ledger,
  meter,
  streams,
  tlsProblems,
  flowStore,
}: ReportInput): NodeReport {
  const { user, system } = process.cpuUsage();
  const peers = directory.all;
  return create(NodeReportSchema, {
    nodeName: name,
    component: 'relay',
    losses: ledger.snapshot(),
    problems: [
      ...tlsProblems.map(({ where, message, sinceMs }) =>
        create(ProblemSchema, { where, message, since: timestampFromMs(sinceMs) }),
      ),
      ...peers.flatMap(problemOf),
    ],
    ...(flowStore !== undefined && { flowStore }),
    uptimeNs: BigInt(Date.now() - startedMs) * 1_000_000n,
    residentBytes: BigInt(process.memoryUsage.rss()),
    cpuSeconds: (user + system) / 1e6,
    flowsEmitted: BigInt(meter.received),
    flowsDelivered: BigInt(meter.merged),
    counters: {
      lateFlows: BigInt(meter.late),
      aheadFlows: BigInt(meter.ahead),
      discardedFlows: BigInt(meter.discarded),
      peers: BigInt(peers.length),
      readyPeers: BigInt(directory.ready.length),
      clientStreams: BigInt(streams.clients),
      liveStreams: BigInt(streams.live),
    },
  });
}

function problemOf({ nodeName, state }: PeerSession): Problem[] {
  if (state.name !== 'connecting' && state.name !== 'unreachable') return [];
  const problem = { where: `peer ${nodeName}`, message: state.reason, since: timestampFromMs(state.sinceMs) };
  return [create(ProblemSchema, problem)];
}
