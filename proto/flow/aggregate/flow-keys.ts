import { fromBinary } from '@bufbuild/protobuf';
import { DropReason, L7FlowType, PolicySchema, TrafficDirection, Verdict } from '../../gen/flow/flow_pb.ts';
import { GroupField } from '../../gen/sluice/v1/aggregation_pb.ts';
import { type FieldPath, fieldPath } from '../field-path.ts';
import type { FlowIndex, TextMatch } from '../flow-index.ts';
import { tcpSummary } from '../flow-summary.ts';
import { timeUsOf } from '../peek-flow.ts';
import { rcodeNames } from '../text/dns-rcode.ts';
import { enumName } from '../text/enum-name.ts';
import { eventTypes, tracePointName } from '../text/event-names.ts';
import { compileText, type KeyReader } from './end-keys.ts';
import { NumberTexts } from './number-texts.ts';
import type { TextTable } from './text-table.ts';

/** Names of fields below `flow.Flow`, for field masks. */
export const flowMasks: Readonly<Record<number, readonly string[]>> = {
  [GroupField.PROTOCOL]: ['l4', 'l7'],
  [GroupField.VERDICT]: [],
  [GroupField.DROP_REASON]: ['drop_reason_desc'],
  [GroupField.DIRECTION]: ['traffic_direction'],
  [GroupField.NODE]: ['node_name'],
  [GroupField.REPLY]: ['is_reply'],
  [GroupField.TCP_FLAGS]: ['l4.TCP.flags'],
  [GroupField.POLICY]: [
    'traffic_direction',
    'egress_allowed_by',
    'ingress_allowed_by',
    'egress_denied_by',
    'ingress_denied_by',
  ],
  [GroupField.EVENT_TYPE]: ['event_type'],
  [GroupField.IP_VERSION]: ['IP.ipVersion'],
  [GroupField.INTERFACE]: ['interface'],
  [GroupField.DNS_QUERY]: ['l7'],
  [GroupField.DNS_RCODE]: ['l7'],
  [GroupField.HTTP_METHOD]: ['l7'],
  [GroupField.HTTP_URL]: ['l7'],
  [GroupField.HTTP_STATUS]: ['l7'],
  [GroupField.ENCRYPTED]: ['IP.encrypted'],
  [GroupField.TIME]: [],
};

const layer4Names = ['', 'TCP', 'UDP', 'ICMPv4', 'ICMPv6', 'SCTP', 'VRRP', 'IGMP'];
const layer7Names: Readonly<Record<number, string>> = { 100: 'DNS', 101: 'HTTP', 102: 'Kafka' };
const LAYER7_DNS = 100;

const paths = {
  verdict: fieldPath('verdict'),
  dropReason: fieldPath('drop_reason_desc'),
  direction: fieldPath('traffic_direction'),
  nodeName: fieldPath('node_name'),
  isReply: fieldPath('is_reply'),
  isReplyValue: fieldPath('is_reply.value'),
  eventType: fieldPath('event_type'),
  eventTypeNumber: fieldPath('event_type.type'),
  eventSubType: fieldPath('event_type.sub_type'),
  ip: fieldPath('IP'),
  ipVersion: fieldPath('IP.ipVersion'),
  isEncrypted: fieldPath('IP.encrypted'),
  interfaceName: fieldPath('interface.name'),
  l7Type: fieldPath('l7.type'),
  query: fieldPath('l7.dns.query'),
  rcode: fieldPath('l7.dns.rcode'),
  method: fieldPath('l7.http.method'),
  url: fieldPath('l7.http.url'),
  code: fieldPath('l7.http.code'),
};

/**
 * The reader of a field of the whole flow, or null for a field that is none.
 * @param bucketMs width of the buckets of TIME; others do not look at it
 */
export function compileFlowKey(field: GroupField, texts: TextTable, bucketMs: number): KeyReader | null {
  return compilers[field]?.(texts, bucketMs) ?? null;
}

const compilers: Readonly<Record<number, (texts: TextTable, bucketMs: number) => KeyReader>> = {
  [GroupField.PROTOCOL]: (texts) => {
    const numbers = new NumberTexts(
      texts,
      (value) => layer7Names[value >> 8] ?? layer4Names[value & 255] ?? '',
    );
    return (index) => numbers.id((index.layer7 << 8) | index.layer4);
  },
  [GroupField.VERDICT]: (texts) => compileNumber(paths.verdict, texts, (value) => enumName(Verdict, value)),
  [GroupField.DROP_REASON]: (texts) =>
    compileNumber(paths.dropReason, texts, (value) => (value === 0 ? '' : enumName(DropReason, value))),
  [GroupField.DIRECTION]: (texts) =>
    compileNumber(paths.direction, texts, (value) =>
      value === 0 ? '' : enumName(TrafficDirection, value).toLowerCase(),
    ),
  [GroupField.NODE]: (texts) => compileText(paths.nodeName, texts),
  [GroupField.REPLY]: (texts) => compileFlag(texts, paths.isReply, paths.isReplyValue),
  [GroupField.TCP_FLAGS]: (texts) => {
    const numbers = new NumberTexts(texts, (value) => tcpSummary(value).slice('TCP Flags: '.length));
    return (index) => {
      const flags = index.tcpFlags;
      return flags <= 0 ? 0 : numbers.id(flags);
    };
  },
  [GroupField.POLICY]: compilePolicy,
  [GroupField.EVENT_TYPE]: compileEventType,
  [GroupField.IP_VERSION]: (texts) =>
    compileNumber(paths.ipVersion, texts, (value) => (value === 1 ? '4' : value === 2 ? '6' : '')),
  [GroupField.INTERFACE]: (texts) => compileText(paths.interfaceName, texts),
  [GroupField.DNS_QUERY]: (texts) => compileText(paths.query, texts),
  [GroupField.DNS_RCODE]: (texts) => {
    const numbers = new NumberTexts(texts, (value) => rcodeNames[value] ?? String(value));
    return (index) =>
      index.layer7 === LAYER7_DNS && index.int32(paths.l7Type) === L7FlowType.RESPONSE
        ? numbers.id(index.uint32(paths.rcode))
        : 0;
  },
  [GroupField.HTTP_METHOD]: (texts) => compileText(paths.method, texts),
  [GroupField.HTTP_URL]: (texts) => compileText(paths.url, texts),
  [GroupField.HTTP_STATUS]: (texts) => {
    const numbers = new NumberTexts(texts, (value) => (value === 0 ? '' : String(value)));
    return (index) => numbers.id(index.uint32(paths.code));
  },
  [GroupField.ENCRYPTED]: (texts) => compileFlag(texts, paths.ip, paths.isEncrypted),
  [GroupField.TIME]: compileTime,
};

function compileNumber(path: FieldPath, texts: TextTable, write: (value: number) => string): KeyReader {
  const numbers = new NumberTexts(texts, write);
  return (index) => numbers.id(index.int32(path));
}

/** A reader of a bool that says nothing where the message around it is absent. */
function compileFlag(texts: TextTable, around: FieldPath, path: FieldPath): KeyReader {
  const numbers = new NumberTexts(texts, (value) => String(value === 1));
  return (index) => (index.has(around) ? numbers.id(index.bool(path) ? 1 : 0) : 0);
}

/** Times that a Date can hold. */
const MAX_TIME_MS = 8_640_000_000_000_000;

/** The time of what carries the flow, which is that of the flow: of all flows it is known without looking into them. */
function compileTime(texts: TextTable, bucketMs: number): KeyReader {
  const begins = new NumberTexts(texts, (ms) =>
    ms > MAX_TIME_MS ? '' : new Date(ms).toISOString().replace('.000Z', 'Z'),
  );
  return (index) => {
    const { seconds, nanos } = index.envelope;
    const us = timeUsOf(seconds, nanos);
    return us <= 0 ? 0 : begins.id(Math.floor(us / 1000 / bucketMs) * bucketMs);
  };
}

const EVENT_TRACE = 4;

function compileEventType(texts: TextTable): KeyReader {
  const names = new Map([...eventTypes].map(([name, type]) => [type, name]));
  const types = new NumberTexts(texts, (type) => names.get(type) ?? String(type));
  const points = new NumberTexts(texts, tracePointName);
  return (index) => {
    if (!index.has(paths.eventType)) return 0;
    const type = index.int32(paths.eventTypeNumber);
    return type === EVENT_TRACE ? points.id(index.int32(paths.eventSubType) & 255) : types.id(type);
  };
}

/** Numbers of the policy lists in `flow.Flow`, by direction: those that allowed, those that denied. */
const policyFields: Readonly<Record<number, readonly [number, number]>> = {
  [TrafficDirection.INGRESS]: [21002, 21005],
  [TrafficDirection.EGRESS]: [21001, 21004],
};

/** The policies behind a verdict: those that denied, too, where they would have (AUDIT). */
function compilePolicy(texts: TextTable): KeyReader {
  let found: string[] = [];
  const take: TextMatch = (bytes, start, end) => {
    const { kind, namespace, name } = fromBinary(PolicySchema, bytes.subarray(start, end));
    found.push([kind, namespace, name].filter((part) => part !== '').join('/'));
    return false;
  };
  return (index: FlowIndex) => {
    const lists = policyFields[index.int32(paths.direction)];
    if (lists === undefined) return 0;
    const verdict = index.int32(paths.verdict);
    const isAllowed = verdict === Verdict.FORWARDED || verdict === Verdict.REDIRECTED;
    found = [];
    index.someItemOf(lists[isAllowed ? 0 : 1], take);
    return found.length === 0 ? 0 : texts.internText(found.join(','));
  };
}
