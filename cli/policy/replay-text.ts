import { protocolText } from './protocol-text.ts';
import type { EndDecision, ReplayRow } from '../../policy/index.ts';
import { csvLine } from '../text/csv-line.ts';
import { groupDigits } from '../../proto/flow/text/number-text.ts';
import { columnsText, listJson } from '../nodes/safe-table.ts';
import { impliedText } from './trace-text.ts';

const changeTexts = {
  'newly-denied': 'NEWLY DENIED',
  'newly-allowed': 'newly allowed',
  'still-denied': 'still denied',
  'still-allowed': 'still allowed',
} as const;

function timeText(us: number): string {
  return us === 0 ? '' : new Date(us / 1000).toISOString();
}

/** Rows for people. */
export function replayTable(rows: readonly ReplayRow[]): string {
  const clusters = new Set(rows.flatMap((row) => [row.sourceCluster, row.destinationCluster]));
  clusters.delete('');
  const hasClusters = clusters.size > 1;
  const named = (name: string, cluster: string): string =>
    hasClusters && cluster !== '' ? `${cluster}: ${name}` : name;
  return columnsText<ReplayRow>(
    [
      { title: 'CHANGE', text: ({ change }) => changeTexts[change] },
      { title: 'SOURCE', text: ({ source, sourceCluster }) => named(source, sourceCluster) },
      {
        title: 'DESTINATION',
        text: ({ destination, destinationCluster }) => named(destination, destinationCluster),
      },
      { title: 'PORT', text: ({ protocol, port }) => protocolText(protocol, port) },
      { title: 'FLOWS', text: ({ flows }) => groupDigits(flows) },
      {
        title: 'AUDITED',
        isOptional: true,
        text: ({ audited }) => (audited === 0 ? '' : groupDigits(audited)),
      },
      { title: 'FIRST', text: ({ firstUs }) => timeText(firstUs).slice(0, 19) },
      { title: 'LAST', text: ({ lastUs }) => timeText(lastUs).slice(0, 19) },
      { title: 'DECIDED BY', text: ({ decision }) => decisionText(decision) },
    ],
    rows,
    'table',
  );
}

/** Rows as a JSON array. */
export function replayJson(rows: readonly ReplayRow[]): string {
  return listJson(
    rows.map(({ decision, firstUs, lastUs, protocol, ...row }) => ({
      ...row,
      protocol: protocolText(protocol, null),
      first: timeText(firstUs),
      last: timeText(lastUs),
      decision: decision && {
        direction: decision.direction,
        verdict: decision.verdict,
        isPoliced: decision.isPoliced,
        matchType: decision.matchType,
        rules: decision.rules.map(ruleAddress),
        deniedBy: decision.deniedBy.map(({ kind, namespace, name }) =>
          ruleAddress({ kind, namespace, name }),
        ),
      },
    })),
  );
}

/** Rows as CSV (RFC 4180). */
export function replayCsv(rows: readonly ReplayRow[]): string {
  const header =
    'change,source_cluster,source,destination_cluster,destination,protocol,port,flows,audited,first_seen,last_seen,decided_by\n';
  return (
    header +
    rows
      .map((row) =>
        csvLine([
          row.change,
          row.sourceCluster,
          row.source,
          row.destinationCluster,
          row.destination,
          protocolText(row.protocol, null),
          row.port,
          row.flows,
          row.audited,
          timeText(row.firstUs),
          timeText(row.lastUs),
          decisionText(row.decision),
        ]),
      )
      .join('')
  );
}

/** Who says so, in words. */
export function decisionText(decision: EndDecision | null): string {
  if (decision === null) return 'no policy is enforced there';
  const { direction, verdict, isPoliced, rules, deniedBy } = decision;
  if (!isPoliced) return `${direction}: no policy selects it`;
  if (verdict === 'default-deny') {
    const by = deniedBy.map(({ kind, namespace, name }) => ruleAddress({ kind, namespace, name }));
    return `${direction}: no rule allows it${by.length === 0 ? '' : `; closed by ${by.join(', ')}`}`;
  }
  return `${direction}: ${rules.map(ruleAddress).join(', ')}`;
}

interface Address {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly path?: string;
  readonly labels?: readonly string[];
}

function ruleAddress({ kind, namespace, name, path = '', labels = [] }: Address): string {
  if (kind === '') return impliedText(labels.join(',').replace(/^.*derived-from=/, ''));
  return `${kind}/${namespace === '' ? '' : `${namespace}/`}${name}${path === '' ? '' : `#${path}`}`;
}
