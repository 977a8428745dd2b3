import { create } from '@bufbuild/protobuf';
import {
  DropReason,
  type EventTypeFilter,
  EventTypeFilterSchema,
  type HTTPHeader,
  HTTPHeaderSchema,
  type TCPFlags,
  TCPFlagsSchema,
  TrafficDirection,
  Verdict,
  type Workload,
  WorkloadSchema,
} from '../../proto/gen/flow/flow_pb.ts';
import { reservedIdentity, reservedIdentityNames } from '../../proto/flow/text/identity-text.ts';
import { agentNotificationNames, eventTypes, tracePointNames } from '../../proto/flow/text/event-names.ts';
import { invalidValue } from '../flag-spec.ts';
import { nearest } from '../nearest.ts';
import { goUint } from '../parse-value.ts';

/** Readers of filter values: each takes the flag as shown in messages and the text given, and throws UsageError for what it does not know. */

export function verdictValue(flag: string, text: string): Verdict {
  const value = Object.hasOwn(Verdict, text) ? Verdict[text as keyof typeof Verdict] : undefined;
  if (value !== undefined) return value;
  const names = ['FORWARDED', 'DROPPED', 'AUDIT', 'REDIRECTED', 'ERROR', 'TRACED', 'TRANSLATED'];
  throw invalidValue(flag, text, `one of ${names.join(', ')}`, nearest(text.toUpperCase(), names));
}

export function dropReasonValue(flag: string, text: string): DropReason {
  const value = Object.hasOwn(DropReason, text) ? DropReason[text as keyof typeof DropReason] : undefined;
  if (value !== undefined) return value;
  const guess = nearest(text.toUpperCase().replaceAll('-', '_'), Object.keys(DropReason));
  throw invalidValue(flag, text, 'the name of a drop reason, such as POLICY_DENIED', guess);
}

export function directionValue(flag: string, text: string): TrafficDirection {
  switch (text.toLowerCase()) {
    case 'ingress':
      return TrafficDirection.INGRESS;
    case 'egress':
      return TrafficDirection.EGRESS;
    default:
      throw invalidValue(flag, text, 'ingress or egress', nearest(text.toLowerCase(), ['ingress', 'egress']));
  }
}

/** A reserved identity's name, or a number. */
export function identityValue(flag: string, text: string): number {
  const reserved = reservedIdentity(text);
  if (reserved !== undefined) return reserved;
  const number = goUint(text);
  if (number !== null && number < 2n ** 32n) return Number(number);
  const expected = `a number or one of ${reservedIdentityNames.join(', ')}`;
  throw invalidValue(flag, text, expected, nearest(text, reservedIdentityNames));
}

const tcpFlagNames = ['SYN', 'FIN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR', 'NS'] as const;

/** Flags joined by commas, in any case, without blanks. */
export function tcpFlagsValue(flag: string, text: string): TCPFlags {
  const flags = create(TCPFlagsSchema);
  for (const part of text.split(',')) {
    const name = tcpFlagNames.find((candidate) => candidate === part.toUpperCase());
    if (name === undefined) {
      throw invalidValue(flag, text, `names of TCP flags joined by commas: ${tcpFlagNames.join(', ')}`);
    }
    flags[name] = true;
  }
  return flags;
}

/** IPVersion: what is neither 4 nor 6 means flows without an IP layer. */
export function ipVersionValue(text: string): 0 | 1 | 2 {
  const lower = text.toLowerCase();
  if (['4', 'v4', 'ipv4', 'ip4'].includes(lower)) return 1;
  return ['6', 'v6', 'ipv6', 'ip6'].includes(lower) ? 2 : 0;
}

export function ipTraceIdValue(flag: string, text: string): bigint {
  if (!/^\d+$/.test(text) || text === '0' || BigInt(text) >= 2n ** 64n) {
    throw invalidValue(flag, text, 'a whole number above 0');
  }
  return BigInt(text);
}

/** `name:value`, cut at the first colon; both may be empty. */
export function httpHeaderValue(flag: string, text: string): HTTPHeader {
  const colon = text.indexOf(':');
  if (colon < 0) throw invalidValue(flag, text, 'name:value');
  return create(HTTPHeaderSchema, { key: text.slice(0, colon), value: text.slice(colon + 1) });
}

/** `kind/name`, `kind/` or `name`. */
export function workloadValue(text: string): Workload {
  const slash = text.indexOf('/');
  return create(WorkloadSchema, { kind: slash < 0 ? '' : text.slice(0, slash), name: text.slice(slash + 1) });
}

/** An unsigned decimal of 32 bits as the signed number that the filter's field holds; undefined for anything else. */
function int32Of(text: string): number | undefined {
  return /^\d+$/.test(text) && BigInt(text) < 2n ** 32n ? Number(text) | 0 : undefined;
}

/** `TYPE[:SUBTYPE]`, each a name or a number; a sub-type has a name only behind the name of its type. */
export function eventTypeValue(flag: string, text: string): EventTypeFilter {
  const colon = text.indexOf(':');
  const typeText = colon < 0 ? text : text.slice(0, colon);
  const type = int32Of(typeText) ?? eventTypes.get(typeText);
  if (type === undefined) {
    const names = [...eventTypes.keys()];
    throw invalidValue(flag, text, `a number or one of ${names.join(', ')}`, nearest(typeText, names));
  }
  if (colon < 0) return create(EventTypeFilterSchema, { type });
  const subText = text.slice(colon + 1);
  const names = typeText === 'trace' ? tracePointNames : typeText === 'agent' ? agentNotificationNames : [];
  const named = names.indexOf(subText);
  const subType = int32Of(subText) ?? (named < 0 ? undefined : named);
  if (subType === undefined) {
    const orName = names.length === 0 ? '' : `, or one of ${names.join(', ')}`;
    throw invalidValue(flag, text, `a number behind the colon${orName}`, nearest(subText, names));
  }
  return create(EventTypeFilterSchema, { type, matchSubType: true, subType });
}
