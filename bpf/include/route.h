/* Which way a packet goes on from a hook that may redirect it. */
#pragma once

#include "conntrack.h"
#include "forward.h"
#include "identity.h"

/* Where a packet goes from a hook that may redirect. */
struct route {
	int verdict;   /* TC_ACT_*, or -1: the kernel's stack decides */
	__u32 ifindex; /* where the event places it */
	__u8 point;    /* TRACE_TO_* */
};

static __always_inline bool is_endpoint(const struct local_address *local)
{
	return local && local->ifindex != 0;
}

static __always_inline struct route route_through_stack(const struct __sk_buff *skb, const struct local_address *local)
{
	return (struct route){
		.verdict = -1,
		.ifindex = skb->ifindex,
		.point = local && local->ifindex == 0 ? TRACE_TO_HOST : TRACE_TO_STACK,
	};
}

static __always_inline struct route route_to_endpoint(struct __sk_buff *skb, const struct packet *p,
                                                      const struct local_address *local)
{
	struct route route = route_through_stack(skb, local);

	/* An endpoint that speaks to itself by way of the node is the stack's business, as is one whose MAC is not
	 * known. */
	if (local->ifindex == skb->ifindex || !has_mac(local))
		return route;
	route.verdict = redirect_to_endpoint(skb, p, local);
	if (route.verdict >= 0) {
		route.ifindex = local->ifindex;
		route.point = TRACE_TO_ENDPOINT;
	}
	return route;
}

/* Only towards the fleet's pods: whatever else there is may need the stack's NAT. */
static __always_inline struct route route_to_device(struct __sk_buff *skb, const struct packet *p,
                                                    const struct ipcache_info *remote)
{
	struct route route = route_through_stack(skb, NULL);

	if (!is_pod_identity(remote->identity))
		return route;
	route.verdict = redirect_to_device(skb, p);
	if (route.verdict >= 0) {
		route.ifindex = node_constants.device_ifindex;
		route.point = TRACE_TO_NETWORK;
	}
	return route;
}

/* The verdict of a hook before the stack, with a word to the hook behind it. */
static __always_inline int follow_route(struct __sk_buff *skb, const struct route *route, const struct ct_answer *ct)
{
	if (route->verdict < 0) {
		/* Not on what ends at the node: a socket may hand a packet's mark on to its answers. */
		if (route->point != TRACE_TO_HOST)
			handoff_give(skb, ct->reason, ct->report);
		return TC_ACT_OK;
	}
	/* Redirected out of the device, a packet still passes to_netdev; into an endpoint, it passes no other hook. */
	if (route->point == TRACE_TO_NETWORK)
		handoff_set_field(skb, HANDOFF_DONE);
	return route->verdict;
}
