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
import {
  reservedIdentity,
  reservedIdentityNames,
  tracePointNames,
  tracePointNumber,
} from '../../proto/flow/text/names.ts';
import { nearest } from '../flags/nearest.ts';
import { UsageError } from '../flags/flag-spec.ts';
import { parseUint } from '../flags/parse-value.ts';

function invalid(flag: string, text: string, expected: string, guess?: string): UsageError {
  return new UsageError(
    `invalid value "${text}" for --${flag}: expected ${expected}${guess === undefined ? '' : `\nDid you mean ${guess}?`}`,
  );
}

function enumValue(
  flag: string,
  text: string,
  values: Readonly<Record<string, number>>,
  shown: string,
): number {
  if (Object.hasOwn(values, text)) return values[text];
  throw invalid(flag, text, shown, nearest(text.toUpperCase(), Object.keys(values)));
}

export const verdictValue = (flag: string, text: string): number =>
  enumValue(flag, text, Verdict, 'FORWARDED, DROPPED, AUDIT, REDIRECTED, ERROR, TRACED or TRANSLATED');

export const dropReasonValue = (flag: string, text: string): number =>
  enumValue(flag, text, DropReason, 'the name of a drop reason, such as POLICY_DENIED');

export function directionValue(flag: string, text: string): TrafficDirection {
  switch (text.toLowerCase()) {
    case 'ingress':
      return TrafficDirection.INGRESS;
    case 'egress':
      return TrafficDirection.EGRESS;
    default:
      throw invalid(flag, text, 'ingress or egress');
  }
}

/** A reserved identity's name, or a number. */
export function identityValue(flag: string, text: string): number {
  const reserved = reservedIdentity(text);
  if (reserved !== undefined) return reserved;
  try {
    return Number(parseUint(`--${flag}`, text, 2n ** 32n - 1n));
  } catch {
    throw invalid(
      flag,
      text,
      `a number or one of ${reservedIdentityNames.join(', ')}`,
      nearest(text, reservedIdentityNames),
    );
  }
}

export function tcpFlagsValue(flag: string, text: string): TCPFlags {
  const flags = create(TCPFlagsSchema);
  for (const name of text.split(',')) {
    const upper = name.toUpperCase();
    if (!['SYN', 'FIN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR', 'NS'].includes(upper)) {
      throw invalid(
        flag,
        text,
        'names of TCP flags joined by commas: SYN, FIN, RST, PSH, ACK, URG, ECE, CWR, NS',
      );
    }
    Object.assign(flags, { [upper]: true });
  }
  return flags;
}

/** IPVersion of a `--ip-version` text: anything that is neither 4 nor 6 means flows without an IP layer. */
export function ipVersionValue(text: string): 0 | 1 | 2 {
  const lower = text.toLowerCase();
  if (['4', 'v4', 'ipv4', 'ip4'].includes(lower)) return 1;
  return ['6', 'v6', 'ipv6', 'ip6'].includes(lower) ? 2 : 0;
}

export function ipTraceIdValue(flag: string, text: string): bigint {
  if (!/^\d+$/.test(text) || text === '0' || BigInt(text) >= 2n ** 64n) {
    throw invalid(flag, text, 'a whole number above 0');
  }
  return BigInt(text);
}

export function httpHeaderValue(flag: string, text: string): HTTPHeader {
  const colon = text.indexOf(':');
  if (colon < 0) throw invalid(flag, text, 'name:value');
  return create(HTTPHeaderSchema, { key: text.slice(0, colon), value: text.slice(colon + 1) });
}

/** `kind/name`, `kind/` or `name`. */
export function workloadValue(text: string): Workload {
  const slash = text.indexOf('/');
  return create(WorkloadSchema, { kind: slash < 0 ? '' : text.slice(0, slash), name: text.slice(slash + 1) });
}

const eventTypes: Readonly<Record<string, number>> = {
  drop: 1,
  debug: 2,
  capture: 3,
  trace: 4,
  'policy-verdict': 5,
  'trace-sock': 7,
  l7: 129,
  agent: 130,
};

const agentSubTypes: Readonly<Record<string, number>> = {
  unspecified: 0,
  message: 1,
  'agent-started': 2,
  'endpoint-regenerate-success': 3,
  'endpoint-regenerate-failure': 4,
  'policy-updated': 5,
  'policy-deleted': 6,
  'endpoint-created': 7,
  'endpoint-deleted': 8,
  'ipcache-upserted': 9,
  'ipcache-deleted': 10,
};

const isUint32 = (text: string): boolean => /^\d+$/.test(text) && Number(text) < 2 ** 32;

/** `TYPE[:SUBTYPE]`, each a name or a number. */
export function eventTypeValue(flag: string, text: string): EventTypeFilter {
  const colon = text.indexOf(':');
  const typeText = colon < 0 ? text : text.slice(0, colon);
  const type = isUint32(typeText) ? Number(typeText) | 0 : eventTypes[typeText];
  if (type === undefined || !(isUint32(typeText) || Object.hasOwn(eventTypes, typeText))) {
    throw invalid(
      flag,
      text,
      `a number or one of ${Object.keys(eventTypes).join(', ')}`,
      nearest(typeText, Object.keys(eventTypes)),
    );
  }
  if (colon < 0) return create(EventTypeFilterSchema, { type });
  const subText = text.slice(colon + 1);
  const named =
    typeText === 'trace'
      ? tracePointNumber(subText)
      : typeText === 'agent'
        ? agentSubTypes[subText]
        : undefined;
  const subType = isUint32(subText) ? Number(subText) | 0 : named;
  if (subType === undefined) {
    const names =
      typeText === 'trace' ? tracePointNames : typeText === 'agent' ? Object.keys(agentSubTypes) : [];
    const expected =
      names.length === 0
        ? 'a number behind the colon'
        : `a number behind the colon, or one of ${names.join(', ')}`;
    throw invalid(flag, text, expected, nearest(subText, names));
  }
  return create(EventTypeFilterSchema, { type, matchSubType: true, subType });
}
