/* A packet's headers, from the link to L4, into struct packet. `parse_packet` gives PARSE_OK, PARSE_NOT_IP (ARP and all
 * else that IP programs have no say in) or PARSE_DROP with packet.drop_* set. Ports, addresses and ids stay in network
 * order; lengths and offsets are in host order. */
#pragma once

#include "cursor.h"
#include "packet.h"
#include "parse_ipv6.h"
#include "parse_l4.h"

#define L3_INVALID(p) packet_invalid(p, DROP_INVALID_PACKET, SOURCE_FILE_PARSE, __LINE__)
#define L3_SHORT(p, needed) packet_short(p, needed, DROP_INVALID_PACKET, SOURCE_FILE_PARSE, __LINE__)

/* Tags in line; one more may be in the skb's metadata, where the kernel moves the outermost of a received frame. */
#define VLAN_TAGS_MAX 2

/* Link, two tags, IPv4 with all options, TCP with all options. */
#define PULL_BYTES (14 + 8 + 60 + 60)

#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_FRAGMENT_OFFSET 0x1fff

static __always_inline bool is_vlan(__be16 protocol)
{
	return protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD);
}

/* Sets the packet's protocol and l3_offset. */
static __always_inline int parse_link(const struct __sk_buff *skb, struct packet *p, __be16 *protocol)
{
	struct cursor cursor = cursor_at(skb, 0);
	struct ethhdr *eth;

	if (skb->vlan_present)
		p->flags |= PACKET_VLAN;
	if (!p->has_l2) {
		*protocol = skb->protocol;
		return PARSE_OK;
	}
	eth = take_ethhdr(&cursor);
	if (!eth)
		return L3_SHORT(p, sizeof(*eth));
	*protocol = eth->h_proto;
	p->l3_offset = sizeof(*eth);
	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		struct vlan_tag *tag;

		if (!is_vlan(*protocol))
			return PARSE_OK;
		tag = take_vlan_tag(&cursor);
		if (!tag)
			return L3_SHORT(p, p->l3_offset + sizeof(*tag));
		*protocol = tag->inner_protocol;
		p->l3_offset += sizeof(*tag);
		p->flags |= PACKET_VLAN;
	}
	/* Deeper than any provider's bridge stacks them: what lies below cannot be vouched for. */
	if (is_vlan(*protocol))
		return packet_invalid(p, DROP_UNSUPPORTED_L3, SOURCE_FILE_PARSE, __LINE__);
	return PARSE_OK;
}

static __always_inline int parse_ipv4(const struct __sk_buff *skb, struct packet *p)
{
	struct cursor cursor = cursor_at(skb, p->l3_offset);
	struct iphdr *ip = take_iphdr(&cursor);
	__u32 header_length, room = p->length - p->l3_offset;
	__u16 fragment;

	p->header_end = p->l3_offset;
	if (!ip)
		return L3_SHORT(p, p->l3_offset + sizeof(*ip));
	if (ip->version != 4)
		return L3_INVALID(p);
	p->tuple.family = FAMILY_IPV4;
	p->tuple.source.words[0] = ip->saddr;
	p->tuple.destination.words[0] = ip->daddr;
	p->tuple.proto = ip->protocol;
	p->ttl = ip->ttl;
	p->tos = ip->tos;
	p->ttl_word = ((__u32 *)ip)[2];
	p->header_end = p->l3_offset + sizeof(*ip);
	header_length = ip->ihl * 4;
	p->l3_length = bpf_ntohs(ip->tot_len);
	/* A packet above 64 KiB that is yet to be segmented ("BIG TCP") states no length. */
	if (p->l3_length == 0 && p->gso_size)
		p->l3_length = room;
	if (header_length < sizeof(*ip) || p->l3_length < header_length || p->l3_length > room)
		return L3_INVALID(p);
	if (header_length > sizeof(*ip))
		p->flags |= PACKET_IP_OPTIONS;
	p->header_end = p->l3_offset + header_length;

	fragment = bpf_ntohs(ip->frag_off);
	if (fragment & (IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET)) {
		p->flags |= PACKET_FRAGMENT;
		p->fragment_id = ip->id;
		if (fragment & IPV4_FRAGMENT_OFFSET) {
			p->flags |= PACKET_LATER_FRAGMENT;
			/* Would overwrite TCP's flags behind our back (RFC 3128). */
			if (ip->protocol == IPPROTO_TCP && (fragment & IPV4_FRAGMENT_OFFSET) == 1)
				return L3_INVALID(p);
			return PARSE_OK;
		}
	}
	p->l4_offset = p->l3_offset + header_length;
	return parse_l4(skb, p, p->l3_length - header_length);
}

static __always_inline int parse_ipv6(struct __sk_buff *skb, struct packet *p)
{
	struct cursor cursor = cursor_at(skb, p->l3_offset);
	struct ipv6hdr *ip = take_ipv6hdr(&cursor);
	struct ipv6_chain chain = {};
	__u32 room = p->length - p->l3_offset;

	p->header_end = p->l3_offset;
	if (!ip)
		return L3_SHORT(p, p->l3_offset + sizeof(*ip));
	if (ip->version != 6)
		return L3_INVALID(p);
	p->tuple.family = FAMILY_IPV6;
	__builtin_memcpy(&p->tuple.source, &ip->saddr, sizeof(p->tuple.source));
	__builtin_memcpy(&p->tuple.destination, &ip->daddr, sizeof(p->tuple.destination));
	p->tuple.proto = ip->nexthdr;
	p->ttl = ip->hop_limit;
	p->header_end = p->l3_offset + sizeof(*ip);
	p->l3_length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (ip->payload_len == 0 && p->gso_size)
		p->l3_length = room;
	if (p->l3_length > room)
		return L3_INVALID(p);

	chain.next = ip->nexthdr;
	chain.offset = p->header_end;
	chain.end = p->l3_offset + p->l3_length;
	if (unlikely(is_ipv6_extension(chain.next))) {
		if (ipv6_walk(skb, &chain) < 0)
			return IPV6_EXT_INVALID(p);
		p->tuple.proto = chain.next;
		/* Eight headers of two KiB at most: the bound is for the verifier. */
		if (chain.offset > 0x7fff)
			return IPV6_EXT_INVALID(p);
		p->header_end = chain.offset;
		if (chain.has_options)
			p->flags |= PACKET_IP_OPTIONS;
		/* A fragment header with neither offset nor "more" is a whole packet (RFC 6946). */
		if (chain.fragment_offset & bpf_htons(0xfff9)) {
			p->flags |= PACKET_FRAGMENT;
			p->fragment_id = chain.fragment_id;
		}
		if (is_later_fragment(&chain)) {
			p->flags |= PACKET_LATER_FRAGMENT;
			return PARSE_OK;
		}
	}
	p->l4_offset = chain.offset;
	return parse_l4(skb, p, chain.end - chain.offset);
}

VERIFIED_ALONE int parse_headers(struct __sk_buff *skb, struct packet *p, bool has_l2)
{
	__be16 protocol = 0;
	int result;

	if (!p)
		return PARSE_DROP;
	__builtin_memset(p, 0, sizeof(*p));
	p->length = skb->len;
	p->gso_size = skb->gso_size;
	p->has_l2 = has_l2;
	result = parse_link(skb, p, &protocol);
	if (result != PARSE_OK)
		return result;
	if (protocol == bpf_htons(ETH_P_IP))
		return parse_ipv4(skb, p);
	if (protocol == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(skb, p);
	return PARSE_NOT_IP;
}

static __always_inline int parse_packet(struct __sk_buff *skb, struct packet *p, bool has_l2)
{
	/* The headers of nearly every packet are linear. Pulling costs a copy, so it waits until one is missing; two
	 * pulls do: the first covers everything but IPv6 extensions, whose end is known by then. */
	for (int pulls = 0;; pulls++) {
		int result = parse_headers(skb, p, has_l2);

		if (result != PARSE_SHORT)
			return result;
		if (pulls == 2 || p->needed > p->length)
			return PARSE_DROP;
		if (bpf_skb_pull_data(skb, min(p->length, max(p->needed, PULL_BYTES))) < 0)
			return PARSE_DROP;
	}
}
