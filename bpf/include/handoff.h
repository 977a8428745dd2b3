/* What an earlier hook of this node tells a later one about the same packet, in four bits of skb->mark. The kernel
 * clears the mark when a packet crosses into another namespace, so an endpoint cannot forge it; the node's own root
 * can, and gains a wrong word in an event. */
#pragma once

#include "packet.h"

#define HANDOFF_SHIFT 8
#define HANDOFF_DONE 0xf /* reported already, on behalf of the later hook */

struct handoff {
	bool given;
	bool report; /* the packet is to be reported here too: aggregation decides once per packet and node */
	__u8 reason; /* TRACE_REASON_* */
};

static __always_inline __u32 handoff_field(const struct __sk_buff *skb)
{
	return (skb->mark & HANDOFF_MARK_MASK) >> HANDOFF_SHIFT;
}

static __always_inline void handoff_set_field(struct __sk_buff *skb, __u32 field)
{
	skb->mark = (skb->mark & ~HANDOFF_MARK_MASK) | field << HANDOFF_SHIFT;
}

/* 1 + 2 * reason + report: 1 to 12, as reasons end at TRACE_REASON_UNKNOWN. */
static __always_inline void handoff_give(struct __sk_buff *skb, __u8 reason, bool report)
{
	handoff_set_field(skb, 1 + 2 * reason + report);
}

/* Takes the word off the packet as well: it is for one later hook of this node. */
static __always_inline struct handoff handoff_take(struct __sk_buff *skb)
{
	__u32 field = handoff_field(skb);
	struct handoff handoff = {};

	if (field == 0)
		return handoff;
	handoff_set_field(skb, 0);
	if (field == HANDOFF_DONE)
		return handoff;
	handoff.given = true;
	handoff.report = (field - 1) & 1;
	handoff.reason = (field - 1) / 2;
	return handoff;
}
