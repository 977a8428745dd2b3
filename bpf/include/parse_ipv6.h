/* The chain of IPv6 extension headers (RFC 8200, 4). Rare, and each up to 2 KiB long, so they are copied out by helper
 * wherever they lie rather than read through the cursor. */
#pragma once

#include "packet.h"

/* Each header at most once, destination options twice, is six; the two more are slack. */
#ifndef IPV6_EXTENSIONS_MAX
#define IPV6_EXTENSIONS_MAX 8
#endif

#define IPV6_EXT_INVALID(p) packet_invalid(p, DROP_INVALID_IPV6_EXT, SOURCE_FILE_PARSE_IPV6, __LINE__)

struct ipv6_chain {
	__u32 offset; /* of the next header, from the packet's start */
	__u32 end;    /* of the IP packet */
	__u32 fragment_id;
	__u16 fragment_offset; /* in network order, with the reserved bits and the more-fragments bit */
	__u8 next;             /* IPPROTO_* of what stands at `offset` */
	bool has_fragment;
	bool has_options; /* any other extension */
};

static __always_inline bool is_ipv6_extension(__u8 proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS ||
	       proto == IPPROTO_FRAGMENT || proto == IPPROTO_AH;
}

static __always_inline bool is_later_fragment(const struct ipv6_chain *chain)
{
	return (chain->fragment_offset & bpf_htons(0xfff8)) != 0;
}

/* Walks to the first header that is no extension, or to a later fragment's payload. Zero, or -1: out of order, too
 * many, or cut off. Shared by the packet's own chain and by the one inside an ICMPv6 error. */
VERIFIED_ALONE int ipv6_walk(struct __sk_buff *skb, struct ipv6_chain *chain)
{
	if (!chain)
		return -1;
	for (int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
		struct {
			__u8 next;
			__u8 length;
			__be16 fragment_offset;
			__be32 fragment_id;
		} header;
		__u32 bytes;

		if (!is_ipv6_extension(chain->next))
			return 0;
		/* Every extension is at least eight bytes long. */
		if (chain->offset + sizeof(header) > chain->end ||
		    bpf_skb_load_bytes(skb, chain->offset, &header, sizeof(header)) < 0)
			return -1;
		switch (chain->next) {
		case IPPROTO_HOPOPTS:
			if (i > 0)
				return -1;
			bytes = (header.length + 1) * 8;
			chain->has_options = true;
			break;
		case IPPROTO_AH:
			bytes = (header.length + 2) * 4;
			chain->has_options = true;
			break;
		case IPPROTO_FRAGMENT:
			if (chain->has_fragment)
				return -1;
			bytes = sizeof(header);
			chain->has_fragment = true;
			chain->fragment_offset = header.fragment_offset;
			chain->fragment_id = header.fragment_id;
			break;
		default:
			bytes = (header.length + 1) * 8;
			chain->has_options = true;
			break;
		}
		chain->next = header.next;
		chain->offset += bytes;
		if (chain->offset > chain->end)
			return -1;
		if (is_later_fragment(chain))
			return 0;
	}
	return is_ipv6_extension(chain->next) ? -1 : 0;
}
