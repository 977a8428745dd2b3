import { NodeState } from '../../proto/gen/relay/relay_pb.ts';
import type { Node } from '../../proto/gen/observer/observer_pb.ts';
import type { NodeReport } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { recentLosses } from '../store/losses.ts';

/** What was told some seconds before, from which rates come. */
export interface Sample {
  readonly atMs: number;
  readonly flows: ReadonlyMap<string, number>;
  readonly cpu: ReadonlyMap<string, number>;
}

/** One process, by what the relay says of it and what it says of itself. */
export interface NodeRow {
  readonly name: string;
  readonly component: string;
  readonly state: NodeState;
  readonly version: string;
  readonly uptimeMs: number;
  readonly numFlows: number;
  readonly maxFlows: number;
  /** How far back its history goes, at the rate that filled it. */
  readonly reachMs: number;
  /** Null before there are two answers. */
  readonly flowsPerSecond: number | null;
  /** Of one CPU. */
  readonly cpuShare: number | null;
  readonly endpoints: number;
  readonly lost: number;
  readonly residentBytes: number;
}

/** All processes: relays first, then nodes by name. Pure but for the clock, which rates need. */
export function nodeRows(
  nodes: readonly Node[],
  reports: readonly NodeReport[],
  last: Sample | null,
  nowMs: number = Date.now(),
): NodeRow[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const names = new Set([...reports.map(({ nodeName }) => nodeName), ...byName.keys()]);
  const rows = [...names].map((name): NodeRow => {
    const node = byName.get(name);
    const report = reports.find(({ nodeName }) => nodeName === name);
    const seconds = last === null ? 0 : (nowMs - last.atMs) / 1000;
    const since = (now: number, before: number | undefined): number | null =>
      before === undefined || seconds < 0.5 ? null : Math.max(0, (now - before) / seconds);
    const uptimeMs = Number(report?.uptimeNs ?? node?.uptimeNs ?? 0n) / 1e6;
    const [numFlows, maxFlows, seen] = [node?.numFlows, node?.maxFlows, node?.seenFlows].map(Number);
    return {
      name,
      component: report?.component ?? 'agent',
      // Who answers is there.
      state: node?.state ?? (report === undefined ? NodeState.UNKNOWN_NODE_STATE : NodeState.NODE_CONNECTED),
      version: node?.version ?? '',
      uptimeMs,
      numFlows: numFlows || 0,
      maxFlows: maxFlows || 0,
      reachMs: seen > 0 ? Math.round((uptimeMs * numFlows) / seen) : 0,
      flowsPerSecond: since(Number(report?.flowsDelivered ?? 0n), last?.flows.get(name)),
      cpuShare: since(report?.cpuSeconds ?? 0, last?.cpu.get(name)),
      endpoints: report?.endpoints ?? 0,
      lost:
        report === undefined
          ? 0
          : recentLosses([report], 0)
              .filter(({ isCounted }) => isCounted)
              .reduce((sum, { events }) => sum + events, 0),
      residentBytes: Number(report?.residentBytes ?? 0n),
    };
  });
  return rows.sort(
    (a, b) => Number(b.component === 'relay') - Number(a.component === 'relay') || (a.name < b.name ? -1 : 1),
  );
}
