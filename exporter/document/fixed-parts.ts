import {
  DropReason,
  FlowType,
  L7FlowType,
  TraceReason,
  TrafficDirection,
  Verdict,
} from '../../proto/gen/flow/flow_pb.ts';
import { tcpSummary } from '../../proto/flow/flow-summary.ts';
import { enumName } from '../../proto/flow/text/enum-name.ts';
import {
  EVENT_POLICY_VERDICT,
  EVENT_TRACE,
  EVENT_TRACE_SOCK,
  eventTypes,
  policyMatchText,
  socketPointName,
  tracePointName,
} from '../../proto/flow/text/event-names.ts';
import { jsonBytes } from '../../proto/flow/json/json-bytes.ts';

/** Numbers of a flow that decide on parts of its document which are the same in many. */
export interface FlowNumbers {
  verdict: number;
  type: number;
  direction: number;
  dropReason: number;
  eventType: number;
  eventSubType: number;
  matchType: number;
  traceReason: number;
  /** 0 not told, 1 no, 2 yes. */
  reply: number;
  /** `L7FlowType`, 0 for a flow without Layer7. */
  layer7Type: number;
}

/** Two objects of the document, each without the brace that closes it. */
export interface FixedParts {
  readonly event: Uint8Array;
  readonly sluice: Uint8Array;
}

const EVENT_L7 = 129;
const eventNames = new Map([...eventTypes].map(([name, type]) => [type, name]));

/** What each verdict means in ECS: event.outcome, and what event.type says beside `connection`. */
const meanings: Readonly<Record<number, readonly [outcome: string, type: string]>> = {
  [Verdict.FORWARDED]: ['success', 'allowed'],
  [Verdict.DROPPED]: ['failure', 'denied'],
  [Verdict.ERROR]: ['failure', 'error'],
  // It passed: what would have been denied is told by the verdict itself.
  [Verdict.AUDIT]: ['success', 'allowed'],
  [Verdict.REDIRECTED]: ['success', 'allowed'],
};

function actionOf({ eventType, eventSubType, layer7Type }: FlowNumbers): string | undefined {
  switch (eventType) {
    case EVENT_TRACE:
      return tracePointName(eventSubType);
    case EVENT_TRACE_SOCK:
      return socketPointName(eventSubType);
    case EVENT_L7:
      return layer7Type === 0 ? 'l7' : `l7-${enumName(L7FlowType, layer7Type).toLowerCase()}`;
    case 0:
      return undefined;
    default:
      return eventNames.get(eventType) ?? String(eventType);
  }
}

function makeParts(numbers: FlowNumbers): FixedParts {
  const { verdict, dropReason, reply, traceReason, eventType, matchType, type } = numbers;
  const [outcome, meaning] = meanings[verdict] ?? ['unknown', undefined];
  const event = {
    action: actionOf(numbers),
    type: [
      'connection',
      ...(meaning === undefined ? [] : [meaning]),
      ...(type === FlowType.L7 ? ['protocol'] : []),
    ],
    outcome,
    reason: dropReason === 0 ? undefined : enumName(DropReason, dropReason),
  };
  const sluice = {
    verdict: enumName(Verdict, verdict),
    type: enumName(FlowType, type),
    reply: reply === 0 ? undefined : reply === 2,
    match: eventType === EVENT_POLICY_VERDICT ? policyMatchText(matchType) : undefined,
    trace_reason: traceReason === 0 ? undefined : enumName(TraceReason, traceReason),
  };
  return {
    event: jsonBytes(`"event":${JSON.stringify(event).slice(0, -1)}`),
    sluice: jsonBytes(`"sluice":${JSON.stringify(sluice).slice(0, -1)}`),
  };
}

/** How many values each number takes, as far as they are worth remembering; together they fit into the 53 bits of a key. */
const ranges: readonly (readonly [keyof FlowNumbers, number])[] = [
  ['verdict', 8],
  ['type', 4],
  ['direction', 3],
  ['dropReason', 1024],
  ['eventType', 256],
  ['eventSubType', 256],
  ['matchType', 8],
  ['traceReason', 32],
  ['reply', 3],
  ['layer7Type', 4],
];
const MAX_REMEMBERED = 4096;

/** Remembers the parts of documents that a flow's numbers decide. */
export class FixedPartsMemo {
  private readonly parts = new Map<number, FixedParts>();

  of(numbers: FlowNumbers): FixedParts {
    let key = 0;
    for (const [name, range] of ranges) {
      const value = numbers[name];
      if (value < 0 || value >= range) return makeParts(numbers);
      key = key * range + value;
    }
    let parts = this.parts.get(key);
    if (parts === undefined) {
      parts = makeParts(numbers);
      if (this.parts.size >= MAX_REMEMBERED) this.parts.clear();
      this.parts.set(key, parts);
    }
    return parts;
  }
}

/** Names of network.transport in ECS (those of IANA), by the member of Layer4. */
const transports = ['', 'tcp', 'udp', 'icmp', 'ipv6-icmp', 'sctp', 'vrrp', 'igmp'];
const networkTypes = ['', 'ipv4', 'ipv6'];
const LAYER7_PROTOCOLS: Readonly<Record<number, string>> = { 100: 'dns', 101: 'http', 102: 'kafka' };
const networks = new Map<number, Uint8Array>();

/** A number of one of the two enums with three values; 0, not told, for one that does not exist. */
const known = (value: number): number => (value > 0 && value < 3 ? value : 0);

/** `"network":{…},` of a flow, empty when nothing is known. `layer7`: the record's field number, 0 without. */
export function networkPart(
  layer4: number,
  ipVersion: number,
  direction: number,
  layer7: number,
): Uint8Array {
  const isUsual = direction >= 0 && direction < 3 && ipVersion >= 0 && ipVersion < 3;
  if (!isUsual) return networkPart(layer4, known(ipVersion), known(direction), layer7);
  const key = (((layer7 << 2) | direction) << 5) | (ipVersion << 3) | layer4;
  let part = networks.get(key);
  if (part === undefined) {
    const network = {
      transport: transports[layer4] || undefined,
      type: networkTypes[ipVersion] || undefined,
      direction: direction === 0 ? undefined : enumName(TrafficDirection, direction).toLowerCase(),
      protocol: LAYER7_PROTOCOLS[layer7],
    };
    const json = JSON.stringify(network);
    part = jsonBytes(json === '{}' ? '' : `"network":${json},`);
    networks.set(key, part);
  }
  return part;
}

/** `,"tcp_flags":[…]` by the flags as they stand in a header; empty for none. */
export const tcpFlagsParts: readonly Uint8Array[] = Array.from({ length: 512 }, (_, flags) =>
  flags === 0
    ? new Uint8Array(0)
    : jsonBytes(`,"tcp_flags":${JSON.stringify(tcpSummary(flags).slice('TCP Flags: '.length).split(', '))}`),
);
