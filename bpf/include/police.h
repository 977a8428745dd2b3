/* Which policies a packet meets at a hook, and what becomes of it. */
#pragma once

#include "identity.h"
#include "related.h"
#include "verdict.h"

static __always_inline struct ct_query query_at_hook(const struct datapath_settings *config,
                                                     const struct handoff *handoff, bool behind_stack)
{
	return (struct ct_query){
		.handoff = *handoff,
		.behind_stack = behind_stack,
		.asks = config->flags & SETTING_POLICY,
		.now = ct_now(),
		.interval = CT_TICKS(min(config->interval_s, CT_INTERVAL_MAX_S)),
		/* Read before any identity is: a change in between then shows with the next packet. */
		.epoch = *(const volatile __u32 *)&config->identity_epoch,
	};
}

/* Has a hook ask the policy of an endpoint (POLICY_OF_NODE: of the node) in one direction. */
static __always_inline void police_at_hook(struct ct_query *query, struct police *police, __u8 direction, __u32 who)
{
	__u32 generation =
		policy_generation(who, direction == POLICY_INGRESS ? POLICY_ENFORCES_INGRESS : POLICY_ENFORCES_EGRESS);

	police->id[direction] = who;
	query->policed |= 1 << direction;
	query->generation[direction] = generation;
	if (generation != 0)
		query->hold = true;
}

/* Asks the policies that are due and notes what they say. 0, or 1: the packet is to be dropped, which has been told. */
static __always_inline int enforce(struct __sk_buff *skb, struct flow_event *event, const struct packet *p,
                                   const struct datapath_settings *config, struct ct_query *query,
                                   struct police *police, struct ct_answer *ct)
{
	bool dropped = false;

	if (likely(ct->due == 0 && !ct->held))
		return 0;
	police->due = ct->due;
	police->changed = ct->changed;
	police->now = query->now;
	if (ct->due)
		dropped = police_packet(skb, event, p, config, police) != 0;
	query->generation[0] = police->generation[0];
	query->generation[1] = police->generation[1];
	if (!ct->held) {
		ct_note_policy(p, query, police->allowed, police->denied);
	} else if (!dropped) {
		query->hold = false;
		ct_track(skb, p, query, ct);
	}
	return dropped;
}

/* The endpoint's own policy for what it sends, and that of who gets it, unless it speaks to itself. */
static __always_inline void police_from_container(const struct __sk_buff *skb, struct ct_query *query,
                                                  struct police *police, const struct packet *p,
                                                  const struct endpoint_info *endpoint,
                                                  const struct local_address *local)
{
	bool to_node = local ? local->ifindex == 0 : is_ipv6_link_local(&p->tuple.destination, p->tuple.family);

	if ((local && local->ifindex == skb->ifindex) || policy_exempts(p, local != NULL))
		return;
	police_at_hook(query, police, POLICY_EGRESS, endpoint->endpoint_id);
	if (local && local->ifindex != 0)
		police_at_hook(query, police, POLICY_INGRESS, local->endpoint_id);
	else if (to_node && !node_policy_exempts(p))
		police_at_hook(query, police, POLICY_INGRESS, POLICY_OF_NODE);
}

/* The policy of who gets the packet, and the node's if it was the node that sent it: no hook has met it before. */
static __always_inline void police_behind_stack(struct ct_query *query, struct police *police, const struct packet *p,
                                                const struct endpoint_info *endpoint)
{
	if (policy_exempts(p, true))
		return;
	/* Nobody is kept from speaking to himself. A source alone proves nothing here: the network may have forged it.
	 */
	if (endpoint && !(endpoint_has_address(endpoint, &p->tuple.source, p->tuple.family) &&
	                  endpoint_has_address(endpoint, &p->tuple.destination, p->tuple.family)))
		police_at_hook(query, police, POLICY_INGRESS, endpoint->endpoint_id);
	if (query->handoff.given || node_policy_exempts(p) ||
	    policy_generation(POLICY_OF_NODE, POLICY_ENFORCES_EGRESS) == 0)
		return;
	if (is_address_of_node(&p->tuple.source, p->tuple.family))
		police_at_hook(query, police, POLICY_EGRESS, POLICY_OF_NODE);
}
