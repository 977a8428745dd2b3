import { LossCause, type NodeReport } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { enumName } from '../../proto/flow/text/enum-name.ts';

/** Events lost for one cause at one place. */
export interface Loss {
  readonly cause: string;
  readonly node: string;
  readonly detail: string;
  readonly events: number;
  readonly lastMs: number;
}

/** Causes after which nothing is missing: told elsewhere, or delivered all the same. */
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
        })),
    )
    .filter(({ lastMs }) => lastMs >= sinceMs)
    .sort((a, b) => b.events - a.events || (a.node < b.node ? -1 : 1));
}
