/* The record that the datapath writes into the perf ring: this header, then `captured_len` bytes of the packet from its
 * Ethernet header on. Both sides know it: the programs here, and agent/decode/event-layout.ts, which a test holds against
 * this file. Little-endian hosts only; every member is naturally aligned and the padding is by hand.
 *
 * A perf sample's payload is 4-aligned but not 8-aligned, so user space reads the 64-bit member as two words.
 */
#pragma once

/* flow_event.type: Cilium's monitor message types. */
#define EVENT_TYPE_DROP 1
#define EVENT_TYPE_TRACE 4
#define EVENT_TYPE_POLICY_VERDICT 5
#define EVENT_TYPE_L7 129               /* a DNS message to be read, captured beyond the headers; no trace of the packet */

/* flow_event.sub_type of a trace: Cilium's datapath numbering of observation points (to-endpoint is 0 here). Of EVENT_TYPE_L7
 * from-endpoint for a question, to-endpoint for an answer. */
#define TRACE_TO_ENDPOINT 0
#define TRACE_TO_PROXY 1
#define TRACE_TO_HOST 2
#define TRACE_TO_STACK 3
#define TRACE_TO_OVERLAY 4
#define TRACE_FROM_ENDPOINT 5
#define TRACE_FROM_PROXY 6
#define TRACE_FROM_HOST 7
#define TRACE_FROM_STACK 8
#define TRACE_FROM_OVERLAY 9
#define TRACE_FROM_NETWORK 10
#define TRACE_TO_NETWORK 11

/* flow_event.trace_reason: the packet's conntrack state, datapath numbering. */
#define TRACE_REASON_NEW 0
#define TRACE_REASON_ESTABLISHED 1
#define TRACE_REASON_REPLY 2
#define TRACE_REASON_RELATED 3
#define TRACE_REASON_UNKNOWN 5

/* flow_event.sub_type of a drop: Cilium's drop codes, those that our programs can give (or soon will). */
#define DROP_INVALID_SOURCE_IP 132
#define DROP_POLICY_DENIED 133
#define DROP_INVALID_PACKET 134
#define DROP_CT_INVALID_HEADER 135
#define DROP_UNSUPPORTED_L3 139
#define DROP_UNKNOWN_L4 142
#define DROP_CT_INSERT_FAILED 155
#define DROP_INVALID_IPV6_EXT 156
#define DROP_FRAGMENT_UNTRACKED 157      /* a policy knows ports, a fragment without its first does not */
#define DROP_NAT_NO_MAPPING 167         /* masquerading: no port is left towards that destination */
#define DROP_NAT_UNSUPPORTED 168        /* masquerading: a protocol without ports that could tell pods apart */
#define DROP_FORBIDDEN_ICMPV6 176        /* a type that a policed node takes from nobody, whatever its rules */
#define DROP_POLICY_DENY 181            /* a rule denies; 133: none allows */
#define DROP_ENDPOINT_NOT_READY 203     /* the interface is not in map `endpoints`: nothing can vouch for its sources */

/* flow_event.flags */
#define EVENT_FLAG_IPV6 (1 << 0)
#define EVENT_FLAG_NO_L2 (1 << 1)       /* captured bytes start at the IP header */
#define EVENT_FLAG_VLAN (1 << 2)        /* packet carried a VLAN tag (in metadata or in line) */
#define EVENT_FLAG_FRAGMENT (1 << 3)    /* a later fragment: it has no L4 header */
#define EVENT_FLAG_TRUNCATED (1 << 4)   /* fewer bytes captured than the parsed headers need */
#define EVENT_FLAG_MASQUERADED (1 << 5) /* leaves with the node's address, masquerade_config's; the captured bytes still have the pod's */

/* flow_event.source_file of a drop: which of bpf's files gave it, for Flow.file. 0 = not a drop. */
#define SOURCE_FILE_DATAPATH 1          /* datapath.bpf.c */
#define SOURCE_FILE_PARSE 2             /* parse.h */
#define SOURCE_FILE_PARSE_IPV6 3        /* parse_ipv6.h */
#define SOURCE_FILE_PARSE_L4 4          /* parse_l4.h */
#define SOURCE_FILE_CONNTRACK 5         /* conntrack.h */
#define SOURCE_FILE_VERDICT 6           /* verdict.h */
#define SOURCE_FILE_MASQUERADE 7        /* masquerade.h */

/* flow_event.policy, of verdicts. The drop reason in the upper byte, 0 = passes. Of a drop by policy only the direction is set. */
#define VERDICT_INGRESS (1 << 0)
#define VERDICT_EGRESS (1 << 1)
#define VERDICT_MATCH_TYPE_SHIFT 3
#define VERDICT_AUDITED (1 << 6)
#define VERDICT_REASON_SHIFT 8

struct flow_event {
	__u64 ktime_ns;         /*  0  CLOCK_MONOTONIC, bpf_ktime_get_ns() */
	__u32 packet_len;       /*  8  bytes on the wire, Ethernet header included */
	__u16 captured_len;     /* 12  bytes that follow this header */
	__u8 type;              /* 14  EVENT_TYPE_* */
	__u8 sub_type;          /* 15  TRACE_* observation point, or DROP_* reason */
	__u8 trace_reason;      /* 16  TRACE_REASON_* */
	__u8 flags;             /* 17  EVENT_FLAG_* */
	__u8 l4_proto;          /* 18  IPPROTO_* of the last header found, 0 = not parsed that far */
	__u8 source_file;       /* 19  drops: index into the file names of event-layout.ts */
	__u16 l3_offset;        /* 20  bytes from the capture's start to the IP header, 0 with EVENT_FLAG_NO_L2 */
	__u16 l4_offset;        /* 22  bytes from the capture's start to the L4 header, 0 = none */
	__u32 ifindex;          /* 24  where it was observed */
	__u32 src_identity;     /* 28  0 = unknown */
	__u32 dst_identity;     /* 32 */
	__u16 src_endpoint_id;  /* 36  id of the endpoint on this node, 0 = not local */
	__u16 dst_endpoint_id;  /* 38 */
	__u16 source_line;      /* 40  drops: line in source_file */
	__u16 policy;           /* 42  policy verdicts and drops: VERDICT_* */
	__u32 rule_cookie;      /* 44  policy verdicts: leads back to the policy's name, 0 = none */
};                              /* 48 bytes */

/* Indices of the per-CPU counters (map `event_counters`), all monotonic since load. */
#define COUNTER_EVENTS_EMITTED 0        /* tried: delivered + both failures below */
#define COUNTER_EVENTS_RING_FULL 1      /* bpf_perf_event_output gave -ENOSPC; equals the sum of PERF_RECORD_LOST */
#define COUNTER_EVENTS_OUTPUT_FAILED 2  /* any other failure: no ring on that CPU, agent away */
#define COUNTER_PACKETS_SEEN 3
#define COUNTER_PACKETS_DROPPED 4
#define COUNTER_CT_INSERT_FAILED 5
#define COUNTER_PACKETS_REDIRECTED 6    /* past the kernel's stack: to an endpoint or out of the node's device */
#define COUNTER_FRAGMENTS_ORPHANED 7    /* later fragments whose first was not seen: they pass, without ports */
#define COUNTER_DNS_LIMITED 8           /* DNS messages not told, because their endpoint or the node had told too many */
#define COUNTER_DENIALS_LIMITED 9       /* denied packets not told, because their endpoint or the node had told too many */
#define COUNTER_RULES_UNCOUNTED 10      /* decisions not counted per rule, because map rule_counters is full */
#define COUNTER_NAT_NO_PORT 11          /* packets dropped because no port was found for them (DROP_NAT_NO_MAPPING) */
#define COUNTER_NAT_MAPPING_LOST 12     /* connections that found their mapping gone: map nat4 or nat6 is too small */
#define COUNTER_MAX 13
