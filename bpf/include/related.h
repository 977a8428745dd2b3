/* ICMP errors belong to the connection of the packet whose start they carry. */
#pragma once

#include "conntrack.h"
#include "parse_ipv6.h"
#include "parse_l4.h"

/* The start of a packet inside an ICMP error. */
struct inner_packet {
	struct tuple tuple;
	__u32 l3_offset;
	__u32 l4_offset;
};

/* Reads the tuple at `offset`, the packet inside an ICMP error: only its IP header and eight bytes more are certain to
 * be there (RFC 792). False: not readable, or a later fragment, which names no connection. */
static __always_inline bool inner_l4(struct __sk_buff *skb, struct tuple *inner, __u32 offset)
{
	struct {
		__be16 source;
		__be16 destination;
	} ports;
	struct icmp_start icmp;
	struct icmp_ports from_icmp;

	switch (inner->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		if (bpf_skb_load_bytes(skb, offset, &ports, sizeof(ports)) < 0)
			return false;
		inner->source_port = ports.source;
		inner->destination_port = ports.destination;
		return true;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (bpf_skb_load_bytes(skb, offset, &icmp, sizeof(icmp)) < 0)
			return false;
		from_icmp = icmp_ports(inner->proto, &icmp);
		inner->source_port = from_icmp.source;
		inner->destination_port = from_icmp.destination;
		return true;
	default:
		return true;
	}
}

static __noinline int inner_ipv4(struct __sk_buff *skb, struct inner_packet *packet, __u32 offset)
{
	struct tuple *inner = &packet->tuple;
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) < 0 || ip.version != 4 || ip.ihl < 5)
		return -1;
	if (ip.frag_off & bpf_htons(0x1fff))
		return -1;
	inner->family = FAMILY_IPV4;
	inner->proto = ip.protocol;
	inner->source.words[0] = ip.saddr;
	inner->destination.words[0] = ip.daddr;
	packet->l4_offset = offset + ip.ihl * 4;
	return inner_l4(skb, inner, packet->l4_offset) ? 0 : -1;
}

static __noinline int inner_ipv6(struct __sk_buff *skb, struct inner_packet *packet, __u32 offset, __u32 end)
{
	struct tuple *inner = &packet->tuple;
	struct ipv6_chain chain = {};
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) < 0 || ip.version != 6)
		return -1;
	chain.next = ip.nexthdr;
	chain.offset = offset + sizeof(ip);
	chain.end = end;
	if (ipv6_walk(skb, &chain) < 0 || is_later_fragment(&chain))
		return -1;
	inner->family = FAMILY_IPV6;
	inner->proto = chain.next;
	__builtin_memcpy(&inner->source, &ip.saddr, sizeof(inner->source));
	__builtin_memcpy(&inner->destination, &ip.daddr, sizeof(inner->destination));
	packet->l4_offset = chain.offset;
	return inner_l4(skb, inner, chain.offset) ? 0 : -1;
}

/* Zero if the packet inside an ICMP error could be read. */
static __always_inline int inner_packet_read(struct __sk_buff *skb, const struct packet *p, struct inner_packet *inner)
{
	inner->l3_offset = p->l4_offset + sizeof(struct icmp_start);
	return p->tuple.family == FAMILY_IPV4 ? inner_ipv4(skb, inner, inner->l3_offset)
	                                      : inner_ipv6(skb, inner, inner->l3_offset, p->l3_offset + p->l3_length);
}

/* Zero if the ICMP error is about a connection in the table; then `answer` is filled. */
VERIFIED_ALONE int ct_relate(struct __sk_buff *skb, const struct packet *p, const struct ct_query *query,
                             struct ct_answer *answer)
{
	struct inner_packet packet = {};
	const struct tuple *inner = &packet.tuple;
	struct ct_entry *entry;

	if (!p || !query || !answer || inner_packet_read(skb, p, &packet) < 0)
		return -1;
	/* An error goes to who sent the packet that caused it; any other would let a stranger speak into a connection.
	 */
	if (!is_same_address(&inner->source, &p->tuple.destination))
		return -1;
	/* A router may report what passes through it, an endpoint what was sent to it: else the connections of its
	 * neighbours would lead it past its own policy. */
	if (query->from_endpoint && !is_same_address(&inner->destination, &p->tuple.source))
		return -1;
	entry = ct_find(inner);
	/* About a connection that was cut there is nothing to report: the error is asked about as its own. */
	if (!entry || entry->denied || ct_age(query->now, entry->last_seen) > ct_lifetime(entry, inner->proto))
		return -1;
	answer->reason = TRACE_REASON_RELATED;
	answer->via_stack = entry->flags & CT_VIA_STACK;
	answer->nat_port = entry->nat_port;
	answer->report = entry->reported_related == 0 || ct_age(query->now, entry->reported_related) >= query->interval;
	if (query->handoff.given)
		answer->report = query->handoff.report;
	if (answer->report)
		entry->reported_related = query->now;
	return 0;
}

/* Conntrack's answer for any packet. */
static __always_inline void ct_track(struct __sk_buff *skb, const struct packet *p, const struct ct_query *query,
                                     struct ct_answer *answer)
{
	if (unlikely(p->flags & PACKET_ICMP_ERROR) && ct_relate(skb, p, query, answer) == 0)
		return;
	if (p->tuple.family == FAMILY_IPV4)
		ct_track_ipv4(p, query, answer);
	else
		ct_track_ipv6(p, query, answer);
	/* Without ports there is no telling which connection of the pair it is; the entry serves aggregation alone. */
	if (unlikely(p->flags & PACKET_ORPHAN)) {
		answer->reason = TRACE_REASON_UNKNOWN;
		answer->via_stack = true;
	}
}
