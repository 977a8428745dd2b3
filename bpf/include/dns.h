/* DNS messages for the agent to read: the questions of this node's endpoints as they leave, the answers to them as they
 * are delivered. Each is told once, whatever the aggregation, in an event of its own with the message in it. */
#pragma once

#include "budget.h"
#include "emit.h"

#define PORT_DNS 53

/* Bytes of the payload: a little more than the 1,232 that servers agreed on in 2020 for UDP. Of a longer one the IP
 * header tells the agent how much it was. */
#define DNS_CAPTURE 1280

/* One endpoint may use up a quarter of what the node may tell, so that a flood hides nobody else's questions. */
#define DNS_ENDPOINT_SHARE 4

/* By endpoint id; 0 stands for the node. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct budget);
} dns_budgets SEC(".maps");

static __always_inline bool carries_dns(const struct packet *p, const struct datapath_settings *config, __u16 port)
{
	if (likely(port != bpf_htons(PORT_DNS)))
		return false;
	if (p->tuple.proto != IPPROTO_UDP && p->tuple.proto != IPPROTO_TCP)
		return false;
	return config->dns_burst != 0 && !(config->flags & SETTING_EVENTS_OFF) && !(p->flags & PACKET_LATER_FRAGMENT) &&
	       p->l3_offset + p->l3_length > p->header_end;
}

static __always_inline bool is_dns_question(const struct packet *p, const struct datapath_settings *config)
{
	return carries_dns(p, config, p->tuple.destination_port);
}

static __always_inline bool is_dns_answer(const struct packet *p, const struct datapath_settings *config)
{
	return carries_dns(p, config, p->tuple.source_port);
}

/* `event` has everything but type and point; what those were before does not come back. */
VERIFIED_ALONE int dns_output(struct __sk_buff *skb, struct flow_event *event, const struct packet *p,
                              const struct datapath_settings *config, __u8 point)
{
	__u32 window, limit, endpoint;

	if (!event || !p || !config)
		return -1;
	window = bpf_ktime_get_coarse_ns() >> DNS_WINDOW_SHIFT;
	limit = config->dns_burst;
	endpoint = point == TRACE_FROM_ENDPOINT ? event->src_endpoint_id : event->dst_endpoint_id;
	if (!budget_spend(&dns_budgets, endpoint, window, max(limit / DNS_ENDPOINT_SHARE, 1)) ||
	    !budget_spend(&dns_budgets, 0, window, limit)) {
		count(COUNTER_DNS_LIMITED);
		return 0;
	}
	event->type = EVENT_TYPE_L7;
	event->sub_type = point;
	event->trace_reason = TRACE_REASON_UNKNOWN;
	return event_output(skb, event, p->header_end, p->header_end + DNS_CAPTURE);
}
