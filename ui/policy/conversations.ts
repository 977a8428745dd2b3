import { create } from '@bufbuild/protobuf';
import {
  type FlowFilter,
  FlowFilterSchema,
  TrafficDirection,
  Verdict,
} from '../../proto/gen/flow/flow_pb.ts';
import { FlowEnd, GroupField } from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import type { FlowFilters } from '../filter/filter-words.ts';
import { nodeOf, type ServiceNode } from '../model/service-node.ts';
import { type CountRow, countFlows } from '../stream/aggregate.ts';

/** Who talked to whom over a port, as one side saw it. */
export interface Conversation {
  readonly id: string;
  readonly from: ServiceNode;
  readonly to: ServiceNode;
  /** Id of the map's edge. */
  readonly edge: string;
  /** The side that saw it: whose policies were asked. */
  readonly side: 'egress' | 'ingress';
  readonly port: string;
  readonly protocol: string;
  /** Why it was dropped, such as POLICY_DENIED; empty otherwise. */
  readonly reason: string;
  readonly dropped: number;
  readonly audited: number;
  readonly passed: number;
  /** Of the first and the last flow within the window; 0 = not known. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Whose conversations are asked for. */
export interface ConversationQuestion {
  /** Label selectors of the endpoints, in the grammar of flow filters; null = of everybody. */
  readonly selectors: readonly string[] | null;
  /** Empty: of all clusters. */
  readonly cluster: string;
  /** Whether those are left out that passed. */
  readonly isDeniedOnly: boolean;
  readonly sinceMs: number;
  /** Undefined = up to now. */
  readonly untilMs?: number | undefined;
}

const { CLUSTER, WORKLOAD, DNS_NAME, PORT, PROTOCOL, DROP_REASON } = GroupField;
const { CLIENT, SERVER } = FlowEnd;

/** Counts who talked to whom, from the view of the endpoints' own policies. Throws CallError. */
export async function loadConversations(
  question: ConversationQuestion,
  signal: AbortSignal,
): Promise<Conversation[]> {
  const { sinceMs, untilMs } = question;
  const sides = ['egress', 'ingress'] as const;
  const found = await Promise.all(
    sides.map(async (side) => {
      const rows = await countFlows(
        {
          filters: conversationFilters(question, side),
          sinceMs,
          untilMs,
          keys: [
            { field: CLUSTER, end: CLIENT },
            { field: WORKLOAD, end: CLIENT },
            { field: CLUSTER, end: SERVER },
            { field: WORKLOAD, end: SERVER },
            // The own end is a pod, which has a name without DNS.
            { field: DNS_NAME, end: side === 'egress' ? SERVER : CLIENT },
            { field: PORT, end: SERVER },
            { field: PROTOCOL },
            { field: DROP_REASON },
          ],
        },
        signal,
      );
      return rows.map((row) => conversationOf(row, side));
    }),
  );
  return found.flat();
}

/** Flows that the policies of the endpoints were asked about: not replies, and seen at the endpoint's own side. */
export function conversationFilters(
  { selectors, cluster, isDeniedOnly }: Pick<ConversationQuestion, 'selectors' | 'cluster' | 'isDeniedOnly'>,
  side: Conversation['side'],
): FlowFilters {
  const isEgress = side === 'egress';
  const filter = (label: readonly string[]): FlowFilter =>
    create(FlowFilterSchema, {
      trafficDirection: [isEgress ? TrafficDirection.EGRESS : TrafficDirection.INGRESS],
      ...(isDeniedOnly ? { verdict: [Verdict.DROPPED, Verdict.AUDIT] } : { reply: [false] }),
      ...(isEgress ? { sourceLabel: [...label] } : { destinationLabel: [...label] }),
      ...(cluster !== '' &&
        (isEgress ? { sourceClusterName: [cluster] } : { destinationClusterName: [cluster] })),
    });
  return { whitelist: [filter(selectors ?? [])], blacklist: [] };
}

/** Reads a row of the keys above. */
export function conversationOf(
  { texts, counts, firstMs, lastMs }: CountRow,
  side: Conversation['side'],
): Conversation {
  const [fromCluster, fromWorkload, toCluster, toWorkload, dnsName, port, protocol, reason] = texts;
  const from = nodeOf({
    cluster: fromCluster,
    workload: fromWorkload,
    name: side === 'ingress' ? dnsName : '',
  });
  const to = nodeOf({ cluster: toCluster, workload: toWorkload, name: side === 'egress' ? dnsName : '' });
  const edge = `${from.id}>${to.id}`;
  return {
    id: [edge, side, port, protocol, reason].join(' '),
    from,
    to,
    edge,
    side,
    port,
    protocol,
    reason,
    dropped: counts.dropped,
    audited: counts.audited,
    passed: counts.forwarded + counts.redirected,
    firstMs,
    lastMs,
  };
}

/** Why it does not pass, in words. */
export function reasonWords({ side, reason, audited, dropped }: Conversation): string {
  if (reason === 'POLICY_DENIED') return `no ${side} rule matches`;
  if (reason === 'POLICY_DENY') return `a deny rule of ${side}`;
  if (dropped > 0) return reason === '' ? 'dropped' : reason.toLowerCase().replaceAll('_', ' ');
  return audited > 0 ? `audit mode, ${side}` : '';
}

/** Denied or would-be-denied flows a second, on average since the first within the window. */
export function averageRate(count: number, { firstMs }: Conversation, untilMs: number): number {
  return count / Math.max(1, (untilMs - firstMs) / 1000);
}

/** What is denied, or would be, by no rule. */
export function defaultDenied(
  conversations: readonly Conversation[],
  side: Conversation['side'],
): { readonly dropped: number; readonly audited: number } {
  let dropped = 0;
  let audited = 0;
  for (const one of conversations) {
    if (one.side !== side) continue;
    if (one.reason === 'POLICY_DENIED') dropped += one.dropped;
    audited += one.audited;
  }
  return { dropped, audited };
}
