/* The short way past the kernel's stack: to an endpoint of this node, or out of the node's device. Whatever is not
 * certain goes to the stack, which then routes, translates, fragments, or answers with an ICMP error. */
#pragma once

#include "identity.h"
#include "packet.h"
#include "settings.h"

#define AF_INET 2
#define AF_INET6 10

/* skb->pkt_type, <linux/if_packet.h>: */
#define PACKET_TYPE_HOST 0      /* addressed to this device's MAC */
#define PACKET_TYPE_OTHERHOST 3 /* to somebody else's */

/* Since Linux 6.3; tcx needs 6.6 anyway. The neighbour is left to bpf_redirect_neigh, which also keeps its state fresh.
 */
#ifndef BPF_FIB_LOOKUP_SKIP_NEIGH
#define BPF_FIB_LOOKUP_SKIP_NEIGH (1U << 2)
#endif

/* Below this no interface's MTU matters: IPv4 asks 576 of every host, IPv6 1280 of every link. */
#define MTU_OF_ANY_LINK 576

/* True if a router may forward the packet knowing only its addresses and TTL. Neighbour discovery, DHCP and their like
 * are for one link only. */
static __always_inline bool may_redirect(const struct __sk_buff *skb, const struct packet *p, bool via_stack,
                                         const struct datapath_settings *config)
{
	return !(config->flags & SETTING_NO_REDIRECT) && !via_stack && p->has_l2 &&
	       !(p->flags & (PACKET_VLAN | PACKET_IP_OPTIONS | PACKET_LINK_LOCAL_OK)) && p->ttl > 1 &&
	       skb->pkt_type == PACKET_TYPE_HOST;
}

static __always_inline bool fits_mtu(struct __sk_buff *skb, const struct packet *p, __u32 ifindex)
{
	__u32 mtu = 0;

	if (p->l3_length <= MTU_OF_ANY_LINK)
		return true;
	return bpf_check_mtu(skb, ifindex, &mtu, 0, p->gso_size ? BPF_MTU_CHK_SEGS : 0) == BPF_MTU_CHK_RET_SUCCESS;
}

/* One less, as each router does. False if the packet could not be written. */
static __always_inline bool decrement_ttl(struct __sk_buff *skb, const struct packet *p)
{
	__u8 hop_limit = p->ttl - 1;
	union {
		__u32 word;
		struct {
			__u8 ttl;
			__u8 proto;
			__u16 checksum;
		};
	} ipv4;
	__u32 checksum;

	/* The flag keeps a checksum over the whole packet true (CHECKSUM_COMPLETE); IPv4's change cancels out. */
	if (p->tuple.family == FAMILY_IPV6)
		return bpf_skb_store_bytes(skb, p->l3_offset + offsetof(struct ipv6hdr, hop_limit), &hop_limit, 1,
		                           BPF_F_RECOMPUTE_CSUM) == 0;
	ipv4.word = p->ttl_word;
	ipv4.ttl--;
	checksum = ipv4.checksum + bpf_htons(0x0100); /* RFC 1141 */
	ipv4.checksum = checksum + (checksum >= 0xffff);
	return bpf_skb_store_bytes(skb, p->l3_offset + offsetof(struct iphdr, ttl), &ipv4, sizeof(ipv4), 0) == 0;
}

static __always_inline bool has_mac(const struct local_address *local)
{
	__u8 any = 0;

	for (int i = 0; i < ETH_ALEN; i++)
		any |= local->pod_mac[i];
	return any != 0;
}

/* Into the endpoint's namespace, straight to the other side of its veth. A verdict, or -1: use the stack. */
static __always_inline int redirect_to_endpoint(struct __sk_buff *skb, const struct packet *p,
                                                const struct local_address *local)
{
	/* pod_mac and host_mac stand in the order of an Ethernet header's destination and source. */
	_Static_assert(offsetof(struct local_address, host_mac) == offsetof(struct local_address, pod_mac) + ETH_ALEN,
	               "copied as one");
	if (!fits_mtu(skb, p, local->ifindex))
		return -1;
	/* The TTL last: once it is written the hop is counted and there is no way back to the stack. */
	if (bpf_skb_store_bytes(skb, 0, local->pod_mac, 2 * ETH_ALEN, 0) != 0 || !decrement_ttl(skb, p))
		return -1;
	count(COUNTER_PACKETS_REDIRECTED);
	return bpf_redirect_peer(local->ifindex, 0);
}

/* The size that the route's MTU has to hold: of a packet yet to be segmented, its segments'. */
static __always_inline __u32 size_on_wire(const struct packet *p)
{
	if (p->gso_size)
		return p->header_end - p->l3_offset + p->gso_size;
	return p->l3_length;
}

/* Out of the node's device, if the FIB sends the packet there. A verdict, or -1: use the stack. */
VERIFIED_ALONE int redirect_to_device(struct __sk_buff *skb, const struct packet *p)
{
	struct bpf_fib_lookup fib = {.ifindex = skb->ifindex};
	struct bpf_redir_neigh next_hop = {};

	if (!p)
		return -1;
	if (node_constants.device_ifindex == 0)
		return -1;
	fib.l4_protocol = p->tuple.proto;
	fib.tot_len = size_on_wire(p);
	if (p->tuple.family == FAMILY_IPV4) {
		fib.family = AF_INET;
		fib.tos = p->tos;
		fib.ipv4_src = p->tuple.source.words[0];
		fib.ipv4_dst = p->tuple.destination.words[0];
	} else {
		fib.family = AF_INET6;
		__builtin_memcpy(fib.ipv6_src, &p->tuple.source, sizeof(fib.ipv6_src));
		__builtin_memcpy(fib.ipv6_dst, &p->tuple.destination, sizeof(fib.ipv6_dst));
	}
	if (bpf_fib_lookup(skb, &fib, sizeof(fib), BPF_FIB_LOOKUP_SKIP_NEIGH) != BPF_FIB_LKUP_RET_SUCCESS ||
	    fib.ifindex != node_constants.device_ifindex)
		return -1;
	if (!decrement_ttl(skb, p))
		return -1;
	next_hop.nh_family = fib.family;
	__builtin_memcpy(next_hop.ipv6_nh, fib.ipv6_dst, sizeof(next_hop.ipv6_nh));
	count(COUNTER_PACKETS_REDIRECTED);
	return bpf_redirect_neigh(fib.ifindex, &next_hop, sizeof(next_hop), 0);
}
