/** Names of event types and sub-types as they stand in the TYPE column and as `--type` takes them. */

/** Event types that have text of their own (Cilium pkg/monitor/api). */
export const EVENT_DROP = 1;
export const EVENT_CAPTURE = 3;
export const EVENT_TRACE = 4;
export const EVENT_POLICY_VERDICT = 5;
export const EVENT_TRACE_SOCK = 7;

/** Event types by name (Cilium pkg/monitor/api). */
export const eventTypes: ReadonlyMap<string, number> = new Map([
  ['drop', 1],
  ['debug', 2],
  ['capture', 3],
  ['trace', 4],
  ['policy-verdict', 5],
  ['trace-sock', 7],
  ['l7', 129],
  ['agent', 130],
]);

/** Observation points of trace events by the datapath's number, which is that of `event_type.sub_type`. */
export const tracePointNames: readonly string[] = [
  'to-endpoint',
  'to-proxy',
  'to-host',
  'to-stack',
  'to-overlay',
  'from-endpoint',
  'from-proxy',
  'from-host',
  'from-stack',
  'from-overlay',
  'from-network',
  'to-network',
  'from-crypto',
  'to-crypto',
];

/** Agent notifications by the internal number that `agent:<name>` stands for; it differs from AgentEventType for four of them. */
export const agentNotificationNames: readonly string[] = [
  'unspecified',
  'message',
  'agent-started',
  'endpoint-regenerate-success',
  'endpoint-regenerate-failure',
  'policy-updated',
  'policy-deleted',
  'endpoint-created',
  'endpoint-deleted',
  'ipcache-upserted',
  'ipcache-deleted',
];

/** Name of a trace observation point, of which the low eight bits count; decimal when unknown. */
export function tracePointName(subType: number): string {
  const point = subType & 0xff;
  return tracePointNames[point] ?? String(point);
}

const socketPoints = [undefined, 'pre-xlate-fwd', 'post-xlate-fwd', 'pre-xlate-rev', 'post-xlate-rev'];

/** Name of a socket translation point. */
export function socketPointName(subType: number): string {
  return socketPoints[subType] ?? 'SOCK_XLATE_POINT_UNKNOWN';
}

const matchTypes = ['none', 'L3-Only', 'L3-L4', 'L4-Only', 'all', 'L3-Proto', 'Proto-Only'];

/** What of a policy matched. */
export function policyMatchText(matchType: number): string {
  return matchTypes[matchType] ?? 'unknown';
}
