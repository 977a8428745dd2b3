/* Events into the perf ring, and the account of those that did not get there. */
#pragma once

#include "identity.h"
#include "packet.h"
#include "settings.h"

/* libbpf sizes it by the number of CPUs; agent/kernel puts a ring's descriptor into each slot. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

/* More than this of a packet is never copied: a perf record's length is 16 bits. */
#define CAPTURE_MAX 4096

/* What a drop shows of a packet whose headers could not be read to the end, if the setting asks for headers only. */
#define CAPTURE_OF_UNREADABLE 128

#define ENOSPC 28

static __always_inline __u8 event_flags(const struct packet *p)
{
	return (p->tuple.family == FAMILY_IPV6 ? EVENT_FLAG_IPV6 : 0) | (p->flags & PACKET_VLAN ? EVENT_FLAG_VLAN : 0) |
	       (p->flags & PACKET_LATER_FRAGMENT ? EVENT_FLAG_FRAGMENT : 0);
}

/* The members that follow from the packet alone. */
static __always_inline void event_init(struct flow_event *event, const struct packet *p, __u32 ifindex)
{
	__builtin_memset(event, 0, sizeof(*event));
	event->packet_len = p->length;
	event->flags = event_flags(p) | (p->has_l2 ? 0 : EVENT_FLAG_NO_L2);
	event->l4_proto = p->tuple.proto;
	event->l3_offset = p->l3_offset;
	event->l4_offset = p->l4_offset;
	event->ifindex = ifindex;
}

static __always_inline void event_ends(struct flow_event *event, const struct end *source,
                                       const struct end *destination)
{
	event->src_identity = source->identity;
	event->src_endpoint_id = source->endpoint_id;
	event->dst_identity = destination->identity;
	event->dst_endpoint_id = destination->endpoint_id;
}

/* Sends the event with the packet's first `capture_bytes`; `header_end`: how many of them hold headers that were found.
 */
VERIFIED_ALONE int event_output(struct __sk_buff *skb, struct flow_event *event, __u32 header_end, __u32 capture_bytes)
{
	__u64 captured = capture_bytes;
	long result;

	if (!event)
		return -1;
	captured = min(captured, (__u64)CAPTURE_MAX);
	captured = min(captured, (__u64)skb->len);
	event->captured_len = captured;
	if (captured < header_end)
		event->flags |= EVENT_FLAG_TRUNCATED;
	else
		event->flags &= ~EVENT_FLAG_TRUNCATED;
	event->ktime_ns = bpf_ktime_get_ns();
	count(COUNTER_EVENTS_EMITTED);
	result = bpf_perf_event_output(skb, &events, BPF_F_CURRENT_CPU | captured << 32, event, sizeof(*event));
	if (unlikely(result != 0))
		count(result == -ENOSPC ? COUNTER_EVENTS_RING_FULL : COUNTER_EVENTS_OUTPUT_FAILED);
	return 0;
}

static __always_inline void emit_trace(struct __sk_buff *skb, struct flow_event *event, const struct packet *p,
                                       const struct datapath_settings *config, __u8 point, __u8 reason)
{
	event->type = EVENT_TYPE_TRACE;
	event->sub_type = point;
	event->trace_reason = reason;
	event_output(skb, event, p->header_end, config->capture_bytes ? config->capture_bytes : p->header_end);
}

/* Drops are reported one by one, whatever the aggregation. Gives the program's verdict. */
VERIFIED_ALONE int drop_packet(struct __sk_buff *skb, const struct packet *p, const struct end *source,
                               const struct end *destination, const struct datapath_settings *config)
{
	struct flow_event event;

	if (!p || !source || !destination || !config)
		return TC_ACT_SHOT;
	count(COUNTER_PACKETS_DROPPED);
	if (config->flags & SETTING_EVENTS_OFF)
		return TC_ACT_SHOT;
	event_init(&event, p, skb->ifindex);
	event_ends(&event, source, destination);
	event.type = EVENT_TYPE_DROP;
	event.sub_type = p->drop_reason;
	event.trace_reason = TRACE_REASON_UNKNOWN;
	event.source_file = p->drop_file;
	event.source_line = p->drop_line;
	event_output(skb, &event, p->header_end,
	             config->capture_bytes ? config->capture_bytes : max(p->header_end, CAPTURE_OF_UNREADABLE));
	return TC_ACT_SHOT;
}
