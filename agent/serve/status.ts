import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type NodeReport, NodeReportSchema } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import type { FlowRing, LossLedger } from '../../history/index.ts';
import type { FlowStoreReport } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';

/** Something wrong now, and since when. */
export interface StandingProblem {
  readonly where: string;
  readonly message: string;
  readonly sinceMs: number;
}

/** Keeps a list of problems with the time at which each came up first. */
export class ProblemLog {
  private readonly groups = new Map<string, readonly StandingProblem[]>();

  /** Replaces the problems that one part of the process sees. Returns those that are new. */
  set(
    group: string,
    problems: readonly { where: string; message: string }[],
    nowMs: number,
  ): StandingProblem[] {
    const old = this.groups.get(group) ?? [];
    const added: StandingProblem[] = [];
    const now = problems.map(({ where, message }) => {
      const known = old.find((problem) => problem.where === where && problem.message === message);
      if (known !== undefined) return known;
      const problem = { where, message, sinceMs: nowMs };
      added.push(problem);
      return problem;
    });
    this.groups.set(group, now);
    return added;
  }

  list(): StandingProblem[] {
    return [...this.groups.values()].flat();
  }
}

/** What an agent counts beside its losses. */
export interface AgentCounters {
  readonly flowsEmitted: number;
  readonly endpoints: number;
  readonly counters: Readonly<Record<string, number>>;
  readonly flowStore?: FlowStoreReport;
}

/** The agent's own report. */
export function agentReport(
  nodeName: string,
  startedMs: number,
  ring: FlowRing,
  ledger: LossLedger,
  problems: ProblemLog,
  own: AgentCounters,
): NodeReport {
  const { user, system } = process.cpuUsage();
  return create(NodeReportSchema, {
    nodeName,
    component: 'agent',
    losses: ledger.snapshot(),
    problems: problems
      .list()
      .map(({ where, message, sinceMs }) => ({ where, message, since: timestampFromMs(sinceMs) })),
    uptimeNs: BigInt(Date.now() - startedMs) * 1_000_000n,
    residentBytes: BigInt(process.memoryUsage.rss()),
    cpuSeconds: (user + system) / 1e6,
    flowsEmitted: BigInt(own.flowsEmitted),
    flowsDelivered: BigInt(ring.seenFlows),
    endpoints: own.endpoints,
    ...(own.flowStore !== undefined && { flowStore: own.flowStore }),
    ...(ring.oldestTimeUs > 0 && { ringOldest: timestampFromMs(Math.floor(ring.oldestTimeUs / 1000)) }),
    counters: Object.fromEntries(Object.entries(own.counters).map(([name, value]) => [name, BigInt(value)])),
  });
}
