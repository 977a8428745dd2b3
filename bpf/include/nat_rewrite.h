/* Puts another address and port into a packet, checksums included. */
#pragma once

#include "packet.h"
#include "related.h"

/* One end of a packet, before and after; outside of ICMP errors the old address is the packet's anyway. */
struct nat_change {
	union address old_address;
	union address new_address;
	__u16 old_port;
	__u16 new_port;
	bool source; /* else the destination */
	__u8 pad[3];
};

static __always_inline __u32 address_offset(__u8 family, bool source)
{
	if (family == FAMILY_IPV4)
		return source ? offsetof(struct iphdr, saddr) : offsetof(struct iphdr, daddr);
	return source ? offsetof(struct ipv6hdr, saddr) : offsetof(struct ipv6hdr, daddr);
}

/* Bytes from the L4 header's start to its checksum; 0 for protocols that have none that is known. */
static __always_inline __u32 checksum_offset(__u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return offsetof(struct tcphdr, check);
	case IPPROTO_UDP:
		return offsetof(struct udphdr, check);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return offsetof(struct icmp_start, checksum);
	default:
		return 0;
	}
}

/* … to the port of one end, or to ICMP's identifier. */
static __always_inline __u32 port_offset(__u8 proto, bool source)
{
	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
		return offsetof(struct icmp_start, identifier);
	return source ? 0 : 2;
}

static __always_inline __s64 address_difference(const union address *from, const union address *to)
{
	return bpf_csum_diff((__be32 *)from, sizeof(*from), (__be32 *)to, sizeof(*to), 0);
}

/* The address in the IP header of the packet itself, as it stands in its tuple. `l4_checksum`: where the checksum over
 * a pseudo header with that address is, 0 = there is none. Negative if the packet could not be written. */
static __always_inline int rewrite_address(struct __sk_buff *skb, const struct packet *p, bool source,
                                           const union address *to, __u32 l4_checksum)
{
	const union address *from = source ? &p->tuple.source : &p->tuple.destination;
	__u32 offset = p->l3_offset + address_offset(p->tuple.family, source);
	__u64 flags = BPF_F_PSEUDO_HDR | (p->tuple.proto == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0);

	if (l4_checksum && bpf_l4_csum_replace(skb, l4_checksum, 0, address_difference(from, to), flags) < 0)
		return -1;
	/* IPv6 has no checksum in its header that would make up for the address. */
	if (p->tuple.family == FAMILY_IPV6)
		return bpf_skb_store_bytes(skb, offset, to, 16, BPF_F_RECOMPUTE_CSUM);
	if (bpf_l3_csum_replace(skb, p->l3_offset + offsetof(struct iphdr, check), from->words[0], to->words[0], 4) < 0)
		return -1;
	return bpf_skb_store_bytes(skb, offset, to, 4, 0);
}

static __always_inline int rewrite_port(struct __sk_buff *skb, const struct nat_change *change, __u32 offset,
                                        __u32 l4_checksum, bool udp)
{
	__u64 flags = 2 | (udp ? BPF_F_MARK_MANGLED_0 : 0);

	if (change->old_port == change->new_port)
		return 0;
	if (bpf_l4_csum_replace(skb, l4_checksum, change->old_port, change->new_port, flags) < 0)
		return -1;
	return bpf_skb_store_bytes(skb, offset, &change->new_port, 2, 0);
}

/* A packet with ports, or the later fragment of one. */
VERIFIED_ALONE int nat_rewrite(struct __sk_buff *skb, const struct packet *p, const struct nat_change *change)
{
	__u32 checksum;
	__u8 proto;

	if (!p || !change)
		return -1;
	proto = p->tuple.proto;
	if (p->flags & PACKET_LATER_FRAGMENT)
		return rewrite_address(skb, p, change->source, &change->new_address, 0);
	checksum = p->l4_offset + checksum_offset(proto);
	if (rewrite_address(skb, p, change->source, &change->new_address, proto == IPPROTO_ICMP ? 0 : checksum) < 0)
		return -1;
	return rewrite_port(skb, change, p->l4_offset + port_offset(proto, change->source), checksum,
	                    proto == IPPROTO_UDP);
}

/* An ICMP error: `change` is about the packet inside, whose end is the opposite one outside. The inner packet's own L4
 * checksum stays as it was: it may not even be there, and nobody looks at it. */
VERIFIED_ALONE int nat_rewrite_error(struct __sk_buff *skb, const struct packet *p, const struct inner_packet *inner,
                                     const struct nat_change *change)
{
	__u32 checksum, address;

	if (!p || !inner || !change)
		return -1;
	checksum = p->l4_offset + offsetof(struct icmp_start, checksum);
	address = inner->l3_offset + address_offset(p->tuple.family, change->source);
	if (rewrite_address(skb, p, !change->source, &change->new_address,
	                    p->tuple.family == FAMILY_IPV6 ? checksum : 0) < 0)
		return -1;
	if (p->tuple.family == FAMILY_IPV4) {
		/* The inner header's checksum makes up for the address in the outer one. */
		if (bpf_l3_csum_replace(skb, inner->l3_offset + offsetof(struct iphdr, check),
		                        change->old_address.words[0], change->new_address.words[0], 4) < 0 ||
		    bpf_skb_store_bytes(skb, address, &change->new_address, 4, 0) < 0)
			return -1;
	} else if (bpf_l4_csum_replace(skb, checksum, 0, address_difference(&change->old_address, &change->new_address),
	                               0) < 0 ||
	           bpf_skb_store_bytes(skb, address, &change->new_address, 16, 0) < 0) {
		return -1;
	}
	return rewrite_port(skb, change, inner->l4_offset + port_offset(inner->tuple.proto, change->source), checksum,
	                    false);
}
