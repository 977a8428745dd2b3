/** Mirrors bpf/shared/flow_event_shared.h; a test holds the two against each other. Offsets in bytes. */
export const flowEventLayout = {
  ktime_ns: 0,
  packet_len: 8,
  captured_len: 12,
  type: 14,
  sub_type: 15,
  trace_reason: 16,
  flags: 17,
  l4_proto: 18,
  source_file: 19,
  l3_offset: 20,
  l4_offset: 22,
  ifindex: 24,
  src_identity: 28,
  dst_identity: 32,
  src_endpoint_id: 36,
  dst_endpoint_id: 38,
  source_line: 40,
  policy: 42,
  rule_cookie: 44,
} as const;

export const FLOW_EVENT_BYTES = 48;

export const EVENT_TYPE_DROP = 1;
export const EVENT_TYPE_TRACE = 4;
export const EVENT_TYPE_POLICY_VERDICT = 5;
export const EVENT_TYPE_L7 = 129;

export const VERDICT_INGRESS = 1 << 0;
export const VERDICT_EGRESS = 1 << 1;
export const VERDICT_MATCH_TYPE_SHIFT = 3;
export const VERDICT_AUDITED = 1 << 6;
export const VERDICT_REASON_SHIFT = 8;

export const TRACE_TO_ENDPOINT = 0;
export const TRACE_TO_HOST = 2;
export const TRACE_TO_STACK = 3;
export const TRACE_FROM_ENDPOINT = 5;
export const TRACE_FROM_NETWORK = 10;
export const TRACE_TO_NETWORK = 11;

export const TRACE_REASON_REPLY = 2;
export const TRACE_REASON_UNKNOWN = 5;

export const EVENT_FLAG_IPV6 = 1 << 0;
export const EVENT_FLAG_NO_L2 = 1 << 1;
export const EVENT_FLAG_MASQUERADED = 1 << 5;

/** Names of the source files that drop events point to, by `source_file`. */
export const SOURCE_FILES: readonly string[] = [
  '',
  'datapath.bpf.c',
  'parse.h',
  'parse_ipv6.h',
  'parse_l4.h',
  'conntrack.h',
  'verdict.h',
  'masquerade.h',
];

/** Indices of the per-CPU map `event_counters`. */
export const counters = {
  eventsEmitted: 0,
  eventsRingFull: 1,
  eventsOutputFailed: 2,
  packetsSeen: 3,
  packetsDropped: 4,
  ctInsertFailed: 5,
  packetsRedirected: 6,
  fragmentsOrphaned: 7,
  dnsLimited: 8,
  denialsLimited: 9,
  rulesUncounted: 10,
  natNoPort: 11,
  natMappingLost: 12,
} as const;
