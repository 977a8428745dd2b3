import { Diagnostics, LossCause, type NodeReport } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { type Address, callUnary, RpcConnection } from '../../rpc/index.ts';
import type { FlowTally } from './flow-watch.ts';

/** What a lab came to: the JSON object that `--report` prints. */
export interface LabReport {
  /** Of which flows were seen. */
  readonly clusters: number;
  readonly nodes: number;
  /** Pods that the agents serve. */
  readonly pods: number;
  /** Pods that stood in flows: in a short run not all of them. */
  readonly podsSeen: number;
  /** Time from the first live flows to the end. */
  readonly seconds: number;
  /** Flows that came over a live GetFlows stream of the relay above the clusters in that time. */
  readonly flows: number;
  readonly flowsPerSecond: number;
  readonly workloadPairs: number;
  /** `CLUSTER/NAMESPACE/WORKLOAD -> …`, sorted. */
  readonly pairs: readonly string[];
  /** Losses by cause over all processes, since they were started; every cause there is. */
  readonly losses: Readonly<Record<string, number>>;
  /** What the live stream told as lost. */
  readonly lostEvents: number;
  /** User and system time since the processes were started. */
  readonly cpuSeconds: { readonly agents: number; readonly relays: number };
  readonly residentBytes: { readonly agents: number; readonly relays: number };
  /** Processes that ended by themselves and were started again. */
  readonly restarts: number;
}

/** The reports of all processes below a relay, its own included. Throws RpcError. */
export async function readDiagnostics(address: Address): Promise<readonly NodeReport[]> {
  const connection = new RpcConnection(address);
  try {
    const { nodes } = await callUnary(connection, Diagnostics.method.getStatus, {}, { timeoutMs: 5_000 });
    return nodes;
  } finally {
    connection.close();
  }
}

export interface ReportInput {
  readonly tally: FlowTally;
  readonly diagnostics: readonly NodeReport[];
  readonly seconds: number;
  readonly restarts: number;
}

export function makeReport({ tally, diagnostics, seconds, restarts }: ReportInput): LabReport {
  const clusters = new Set([...tally.nodes].map((node) => node.slice(0, node.indexOf('/'))));
  return {
    clusters: clusters.size,
    nodes: tally.nodes.size,
    pods: sumOf(diagnostics, 'agent', ({ endpoints }) => endpoints),
    podsSeen: tally.pods.size,
    seconds: round(seconds, 1),
    flows: tally.flows,
    flowsPerSecond: round(tally.flows / seconds, 1),
    workloadPairs: tally.pairs.size,
    pairs: [...tally.pairs].sort(),
    losses: lossesByCause(diagnostics),
    lostEvents: tally.lostEvents,
    cpuSeconds: {
      agents: sumOf(diagnostics, 'agent', ({ cpuSeconds }) => cpuSeconds),
      relays: sumOf(diagnostics, 'relay', ({ cpuSeconds }) => cpuSeconds),
    },
    residentBytes: {
      agents: sumOf(diagnostics, 'agent', ({ residentBytes }) => Number(residentBytes)),
      relays: sumOf(diagnostics, 'relay', ({ residentBytes }) => Number(residentBytes)),
    },
    restarts,
  };
}

function lossesByCause(diagnostics: readonly NodeReport[]): Record<string, number> {
  const causes = Object.entries(LossCause).filter(([, value]) => typeof value === 'number' && value !== 0);
  const counters = diagnostics.flatMap(({ losses }) => losses);
  return Object.fromEntries(
    causes.map(([name, cause]) => [
      name,
      counters
        .filter((counter) => counter.cause === cause)
        .reduce((sum, { events }) => sum + Number(events), 0),
    ]),
  );
}

function sumOf(
  diagnostics: readonly NodeReport[],
  component: string,
  value: (report: NodeReport) => number,
): number {
  const reports = diagnostics.filter((report) => report.component === component);
  return round(
    reports.reduce((sum, report) => sum + value(report), 0),
    2,
  );
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
