/* Pods' traffic to the outside leaves with the node's address; what comes back finds its pod. Behind this, and before
 * it, everything else sees the pod's own address: conntrack, policies, events. */
#pragma once

#include "conntrack.h"
#include "emit.h"
#include "nat_rewrite.h"
#include "nat_table.h"

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct cidr_key);
	__type(value, struct ipcache_info);
} no_masquerade SEC(".maps");

static __always_inline bool has_nat_ports(const struct tuple *tuple, __u8 flags)
{
	switch (tuple->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		return true;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		/* A request: its identifier tells pods apart. Nobody answers other messages. */
		return flags & PACKET_OPENS || (tuple->destination_port == 0 && flags & PACKET_LATER_FRAGMENT);
	default:
		return false;
	}
}

/* Multicast, links, broadcast: not for routers. */
static __always_inline bool stays_on_link(const struct tuple *tuple)
{
	__u32 first;

	if (tuple->family == FAMILY_IPV6)
		return is_ipv6_multicast(&tuple->destination) || is_ipv6_link_local(&tuple->destination, FAMILY_IPV6);
	first = bpf_ntohl(tuple->destination.words[0]);
	return first >> 28 >= 0xe || first >> 16 == 0xa9fe;
}

/* From a pod here to somebody who is not of the fleet, nor among the ranges that know pods. */
static __noinline bool leaves_fleet(const struct tuple *tuple)
{
	struct cidr_key key = {.prefix_len = 32 + 128, .family = tuple->family};
	const struct local_address *local;

	if (ipcache_find(&tuple->destination, tuple->family))
		return false;
	local = local_address_find(&tuple->source, tuple->family);
	if (!local || local->ifindex == 0 || stays_on_link(tuple))
		return false;
	__builtin_memcpy(key.address, &tuple->destination, sizeof(key.address));
	return bpf_map_lookup_elem(&no_masquerade, &key) == NULL;
}

/* On the way out: 0 = the packet leaves as it is, else the port that it leaves with (network order), or a negative
 * DROP_*. */
VERIFIED_ALONE int masquerade_port(const struct packet *p, const struct ct_query *query, const struct ct_answer *ct)
{
	struct ct_entry *entry;
	int port;

	if (!p || !query || !ct)
		return 0;
	if (ct->reason == TRACE_REASON_REPLY)
		return 0;
	if (ct->reason == TRACE_REASON_RELATED)
		return ct->nat_port;
	if (ct->nat_port == 0 && !leaves_fleet(&p->tuple))
		return 0;
	if (p->flags & PACKET_ORPHAN)
		return -DROP_FRAGMENT_UNTRACKED;
	if (!has_nat_ports(&p->tuple, p->flags))
		return p->tuple.proto == IPPROTO_ICMP || p->tuple.proto == IPPROTO_ICMPV6 ? 0 : -DROP_NAT_UNSUPPORTED;
	port = nat_port_of(p, ct->nat_port, p->tuple.proto != IPPROTO_TCP || p->flags & PACKET_OPENS, query->now);
	if (port < 0)
		return 0;
	if (port == 0) {
		count(COUNTER_NAT_NO_PORT);
		return -DROP_NAT_NO_MAPPING;
	}
	if (port != ct->nat_port) {
		entry = ct_find(&p->tuple);
		if (entry)
			entry->nat_port = port;
	}
	return port;
}

/* Makes the packet the node's. Zero if it could be written. */
VERIFIED_ALONE int masquerade_apply(struct __sk_buff *skb, const struct packet *p, __u16 port)
{
	const struct masquerade_config *config = masquerade_config_get();
	struct nat_change change = {.new_port = port, .source = true};
	struct inner_packet inner = {};

	if (!p || !config || !masquerade_address(config, p->tuple.family, &change.new_address))
		return -1;
	if (!(p->flags & PACKET_ICMP_ERROR)) {
		change.old_address = p->tuple.source;
		change.old_port = p->tuple.source_port;
		return nat_rewrite(skb, p, &change);
	}
	if (inner_packet_read(skb, p, &inner) < 0)
		return -1;
	change.source = false;
	change.old_address = inner.tuple.destination;
	change.old_port = inner.tuple.proto == IPPROTO_ICMP || inner.tuple.proto == IPPROTO_ICMPV6
	                          ? inner.tuple.source_port | inner.tuple.destination_port
	                          : inner.tuple.destination_port;
	return nat_rewrite_error(skb, p, &inner, &change);
}

/* A program's verdict for a packet that leaves with that port. */
static __always_inline int masquerade_packet(struct __sk_buff *skb, const struct packet *p, __u16 port)
{
	if (likely(masquerade_apply(skb, p, port) == 0))
		return TC_ACT_OK;
	count(COUNTER_PACKETS_DROPPED);
	return TC_ACT_SHOT;
}

static __always_inline bool is_nat_port(const struct masquerade_config *config, __u16 port)
{
	return (__u32)bpf_ntohs(port) - config->first_port < config->ports;
}

/* The mapping of a packet from outside, or (`sent`) of one that was sent there. NULL if there is none that counts. */
static __noinline struct nat_entry *nat_entry_of(const struct masquerade_config *config, const struct tuple *tuple,
                                                 bool sent, __u32 now)
{
	struct nat_entry *entry;
	struct nat_tuple key = {
		.node = sent ? tuple->source : tuple->destination,
		.remote = sent ? tuple->destination : tuple->source,
		.port = sent ? tuple->source_port : tuple->destination_port,
		.remote_port = sent ? tuple->destination_port : tuple->source_port,
		.proto = tuple->proto,
		.family = tuple->family,
	};

	if (!is_nat_port(config, key.port))
		return NULL;
	entry = nat_find(&key);
	return entry && ct_age(now, entry->last_seen) <= nat_lifetime(entry, tuple->proto) ? entry : NULL;
}

/* What the packet's headers say after its destination became a pod. */
static __always_inline int follow_change(struct __sk_buff *skb, struct packet *p, const struct nat_change *change)
{
	p->tuple.destination = change->new_address;
	if (p->tuple.family == FAMILY_IPV4)
		return bpf_skb_load_bytes(skb, p->l3_offset + offsetof(struct iphdr, ttl), &p->ttl_word, 4);
	return 0;
}

/* On the way in: a packet to the node that answers a masqueraded one becomes its pod's, in `p` as well. Negative if it
 * could not be written. */
VERIFIED_ALONE int unmasquerade(struct __sk_buff *skb, struct packet *p, __u32 now)
{
	const struct masquerade_config *config = masquerade_config_get();
	struct nat_change change = {};
	struct nat_entry *entry;

	if (!p || !config || !masquerade_address(config, p->tuple.family, &change.old_address))
		return 0;
	if (!is_same_address(&p->tuple.destination, &change.old_address) || unlikely(p->flags & PACKET_ORPHAN))
		return 0;
	entry = nat_entry_of(config, &p->tuple, false, now);
	if (!entry)
		return 0;
	nat_use(entry, p, true, now);
	change.old_port = p->tuple.destination_port;
	change.new_port = entry->pod_port;
	__builtin_memcpy(&change.new_address, entry->pod, sizeof(change.new_address));
	if (nat_rewrite(skb, p, &change) < 0)
		return -1;
	p->tuple.destination_port = change.new_port;
	return follow_change(skb, p, &change);
}

/* The same for an ICMP error about a masqueraded packet. */
VERIFIED_ALONE int unmasquerade_error(struct __sk_buff *skb, struct packet *p, __u32 now)
{
	const struct masquerade_config *config = masquerade_config_get();
	struct inner_packet inner = {};
	struct nat_change change = {.source = true};
	struct nat_entry *entry;

	if (!p || !config || !masquerade_address(config, p->tuple.family, &change.old_address))
		return 0;
	if (!is_same_address(&p->tuple.destination, &change.old_address) || inner_packet_read(skb, p, &inner) < 0 ||
	    !is_same_address(&inner.tuple.source, &change.old_address))
		return 0;
	entry = nat_entry_of(config, &inner.tuple, true, now);
	if (!entry)
		return 0;
	change.old_port = inner.tuple.source_port;
	change.new_port = entry->pod_port;
	__builtin_memcpy(&change.new_address, entry->pod, sizeof(change.new_address));
	if (nat_rewrite_error(skb, p, &inner, &change) < 0)
		return -1;
	return follow_change(skb, p, &change);
}
