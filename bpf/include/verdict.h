/* Asks the policies that a packet meets at a hook, and tells what they say. */
#pragma once

#include "budget.h"
#include "conntrack.h"
#include "emit.h"
#include "policy.h"

#define POLICY_DROPPED(p, reason) packet_invalid(p, reason, SOURCE_FILE_VERDICT, __LINE__)

/* One endpoint may use up a quarter of what the node may tell. */
#define DENIAL_ENDPOINT_SHARE 4
#define DENIALS_OF_ALL 0xffffffff

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct budget);
} denial_budgets SEC(".maps");

/* When a packet of some connection was last told as denied (ticks), by a hash of the connection: of two with the same,
 * one is told less. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u32);
} denials_told SEC(".maps");

/* The policies at a hook. */
struct police {
	__u32 id[2];         /* whose they are, by direction */
	__u32 generation[2]; /* of those that allowed the packet */
	__u8 due;            /* POLICY_*_BIT */
	__u8 changed;
	__u8 allowed; /* POLICY_*_BIT: asked, and allowed */
	__u8 denied;
	__u32 now;      /* ticks */
	__u8 direction; /* that is being asked */
	__u8 pad[3];
};

static __always_inline __u64 connection_hash(const struct tuple *tuple, __u32 who)
{
	__u64 hash = mix(who, (__u64)tuple->source_port << 32 | (__u64)tuple->destination_port << 16 | tuple->proto);

	for (int i = 0; i < 2; i++) {
		hash = mix(hash, tuple->source.halves[i]);
		hash = mix(hash, tuple->destination.halves[i]);
	}
	return hash;
}

/* True if a denied packet is to be told: with AGGREGATE_MEDIUM once per connection and interval; and never more than
 * the budgets of the endpoint and the node allow. */
VERIFIED_ALONE int denial_due(const struct packet *p, const struct datapath_settings *config, __u32 who, __u32 now)
{
	__u32 window, *told;
	__u64 hash;

	if (!p || !config)
		return 0;
	if (config->flags & SETTING_EVENTS_OFF)
		return 0;
	if (config->aggregation >= AGGREGATE_MEDIUM) {
		hash = connection_hash(&p->tuple, who);
		told = bpf_map_lookup_elem(&denials_told, &hash);
		if (told && ct_age(now, *told) < CT_TICKS(min(config->interval_s, CT_INTERVAL_MAX_S)))
			return 0;
		if (told)
			*told = now;
		else
			bpf_map_update_elem(&denials_told, &hash, &now, BPF_ANY);
	}
	if (config->denial_burst == 0)
		return 1;
	window = bpf_ktime_get_coarse_ns() >> DENIAL_WINDOW_SHIFT;
	if (budget_spend(&denial_budgets, who, window, max(config->denial_burst / DENIAL_ENDPOINT_SHARE, 1)) &&
	    budget_spend(&denial_budgets, DENIALS_OF_ALL, window, config->denial_burst))
		return 1;
	count(COUNTER_DENIALS_LIMITED);
	return 0;
}

static __always_inline __u32 policy_capture(const struct packet *p, const struct datapath_settings *config)
{
	return config->capture_bytes ? config->capture_bytes : p->header_end;
}

/* `event` has the packet's ends. What is set here does not stay. */
static __always_inline void emit_verdict(struct __sk_buff *skb, struct flow_event *event, const struct packet *p,
                                         const struct datapath_settings *config, __u8 direction,
                                         const struct policy_decision *decision)
{
	event->type = EVENT_TYPE_POLICY_VERDICT;
	event->sub_type = 0;
	event->trace_reason = TRACE_REASON_UNKNOWN;
	event->rule_cookie = decision->cookie;
	event->policy = (direction == POLICY_INGRESS ? VERDICT_INGRESS : VERDICT_EGRESS) |
	                decision->match_type << VERDICT_MATCH_TYPE_SHIFT | (decision->audited ? VERDICT_AUDITED : 0) |
	                decision->reason << VERDICT_REASON_SHIFT;
	event_output(skb, event, p->header_end, policy_capture(p, config));
	event->rule_cookie = 0;
	event->policy = 0;
}

static __always_inline void emit_policy_drop(struct __sk_buff *skb, struct flow_event *event, const struct packet *p,
                                             const struct datapath_settings *config, __u8 reason, __u16 policy,
                                             __u16 line)
{
	event->type = EVENT_TYPE_DROP;
	event->sub_type = reason;
	event->trace_reason = TRACE_REASON_UNKNOWN;
	event->source_file = SOURCE_FILE_VERDICT;
	event->source_line = line;
	event->policy = policy;
	event_output(skb, event, p->header_end, policy_capture(p, config));
}

/* What one direction's policy says: 0, or the packet is to be dropped. */
static __noinline int police_direction(struct __sk_buff *skb, struct flow_event *event, const struct packet *p,
                                       const struct datapath_settings *config, struct police *police)
{
	__u8 direction = police->direction;
	bool ingress = direction == POLICY_INGRESS;
	__u8 bit = ingress ? POLICY_INGRESS_BIT : POLICY_EGRESS_BIT;
	__u32 who = ingress ? police->id[POLICY_INGRESS] : police->id[POLICY_EGRESS];
	bool icmp = p->tuple.proto == IPPROTO_ICMP || p->tuple.proto == IPPROTO_ICMPV6;
	struct policy_question question = {
		.endpoint_id = who,
		.peer = ingress ? event->src_identity : event->dst_identity,
		.port = icmp ? p->icmp_type : bpf_ntohs(p->tuple.destination_port),
		.proto = p->tuple.proto,
		.direction = direction,
		.portless = p->flags & PACKET_ORPHAN,
	};
	struct policy_decision decision;

	if (question.peer == IDENTITY_WORLD)
		question.peer = p->tuple.family == FAMILY_IPV4 ? IDENTITY_WORLD_IPV4 : IDENTITY_WORLD_IPV6;
	policy_decide(&question, &decision);
	if (likely(decision.reason == 0)) {
		if (ingress)
			police->generation[POLICY_INGRESS] = decision.generation;
		else
			police->generation[POLICY_EGRESS] = decision.generation;
		police->allowed |= bit;
		/* The node's own policy is silent about what it lets through without looking. */
		if (police->changed & bit && decision.generation != 0 && !(config->flags & SETTING_EVENTS_OFF) &&
		    !(who == POLICY_OF_NODE && decision.match_type == MATCH_TYPE_ALL && !decision.audited))
			emit_verdict(skb, event, p, config, direction, &decision);
		return 0;
	}
	police->denied |= bit;
	count(COUNTER_PACKETS_DROPPED);
	if (!denial_due(p, config, who, police->now))
		return 1;
	if (decision.generation != 0)
		emit_verdict(skb, event, p, config, direction, &decision);
	emit_policy_drop(skb, event, p, config, decision.reason, ingress ? VERDICT_INGRESS : VERDICT_EGRESS, __LINE__);
	return 1;
}

/* Asks the policies that are due; `event` has the packet's ends. 0, or 1: the packet is to be dropped, which has been
 * told. */
VERIFIED_ALONE int police_packet(struct __sk_buff *skb, struct flow_event *event, const struct packet *p,
                                 const struct datapath_settings *config, struct police *police)
{
	if (!event || !p || !config || !police)
		return 1;
	/* In the order in which the packet meets them. */
	if (police->due & POLICY_EGRESS_BIT) {
		police->direction = POLICY_EGRESS;
		if (police_direction(skb, event, p, config, police))
			return 1;
	}
	if (police->due & POLICY_INGRESS_BIT) {
		police->direction = POLICY_INGRESS;
		if (police_direction(skb, event, p, config, police))
			return 1;
	}
	return 0;
}

/* Drops an answer within a connection that a policy has denied meanwhile. */
VERIFIED_ALONE int police_cut(struct __sk_buff *skb, struct flow_event *event, const struct packet *p,
                              const struct datapath_settings *config, __u32 now)
{
	__u32 who;

	if (!event || !p || !config)
		return TC_ACT_SHOT;
	who = event->src_endpoint_id ? event->src_endpoint_id : event->dst_endpoint_id;
	count(COUNTER_PACKETS_DROPPED);
	if (denial_due(p, config, who, now))
		emit_policy_drop(skb, event, p, config, DROP_POLICY_DENIED, 0, __LINE__);
	return TC_ACT_SHOT;
}
