import {
  AuthType,
  DebugCapturePoint,
  type Flow,
  L7FlowType,
  TrafficDirection,
} from '../../gen/flow/flow_pb.ts';
import { dropLabel } from './drop-label.ts';
import { enumName } from './enum-name.ts';
import {
  EVENT_CAPTURE,
  EVENT_DROP,
  EVENT_POLICY_VERDICT,
  EVENT_TRACE,
  EVENT_TRACE_SOCK,
  policyMatchText,
  socketPointName,
  tracePointName,
} from './event-names.ts';
import { hostText, portsOf, withPort } from './host-text.ts';
import { identityText } from './identity-text.ts';
import type { Paint } from './terminal.ts';

/** Two texts, one for each end of a flow. */
export interface Ends {
  readonly source: string;
  readonly destination: string;
}

const noEnds: Ends = { source: '', destination: '' };

/** Hosts of a flow with their ports; MAC addresses when there is no IP layer. `names`: names instead of addresses where they are known. */
export function hostsText(flow: Flow, names: boolean, paint: Paint): Ends {
  const { IP: ip, ethernet } = flow;
  if (ip === undefined) {
    if (ethernet === undefined) return noEnds;
    return { source: paint('cyan', ethernet.source), destination: paint('cyan', ethernet.destination) };
  }
  const [sourcePort, destinationPort] = portsOf(flow);
  const source = names ? hostText(ip.source, flow.source, flow.sourceService, flow.sourceNames) : ip.source;
  const destination = names
    ? hostText(ip.destination, flow.destination, flow.destinationService, flow.destinationNames)
    : ip.destination;
  return {
    source: withPort(source, sourcePort, paint),
    destination: withPort(destination, destinationPort, paint),
  };
}

/** Identities of both ends; an end that is absent has the identity 0. */
export function identitiesText(flow: Flow, paint: Paint): Ends {
  return {
    source: paint('magenta', identityText(flow.source?.identity ?? 0)),
    destination: paint('magenta', identityText(flow.destination?.identity ?? 0)),
  };
}

/** What kind of event a flow is. */
export function typeText(flow: Flow): string {
  if (flow.l7 !== undefined) return l7TypeText(flow.l7);
  const subType = flow.eventType?.subType ?? 0;
  switch (flow.eventType?.type) {
    case EVENT_TRACE:
      return tracePointName(subType);
    case EVENT_DROP:
      return dropLabel(subType);
    case EVENT_POLICY_VERDICT:
      return `policy-verdict:${policyMatchText(flow.policyMatchType)} ${enumName(TrafficDirection, flow.trafficDirection)}`;
    case EVENT_CAPTURE:
      return enumName(DebugCapturePoint, flow.debugCapturePoint);
    case EVENT_TRACE_SOCK:
      return socketPointName(subType);
    default:
      return 'UNKNOWN';
  }
}

function l7TypeText({ type, record }: NonNullable<Flow['l7']>): string {
  const kind = enumName(L7FlowType, type).toLowerCase();
  switch (record.case) {
    case 'dns':
      return `dns-${kind} ${record.value.observationSource}`;
    case 'http':
      return `http-${kind}`;
    default:
      return `l7-${kind}`; // Kafka too, since 1.20
  }
}

/** The line's last part: what the packet or request was. */
export function summaryText(flow: Flow, paint: Paint): string {
  const traceId = flow.ipTraceId?.traceId ?? 0n;
  const prefix = traceId > 0n ? `IP Trace ID: ${traceId}; ` : '';
  if (flow.authType === AuthType.DISABLED) return prefix + flow.Summary;
  const auth = enumName(AuthType, flow.authType);
  const colour = flow.authType === AuthType.TEST_ALWAYS_FAIL ? 'red' : 'green';
  return `${prefix}${flow.Summary}; Auth: ${paint(colour, auth)}`;
}
