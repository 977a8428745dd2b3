/* Packet headers are read through a cursor over the linear part of the packet. `cursor_take` hands out a header and
 * moves on only if all of it lies before the end; else it gives NULL and stays. Nothing here converts: all in network
 * order. */
#pragma once

#include "base.h"

struct cursor {
	void *pos;
	void *end;
};

static __always_inline struct cursor cursor_at(const struct __sk_buff *skb, __u32 offset)
{
	struct cursor cursor = {
		.pos = (void *)(long)skb->data + offset,
		.end = (void *)(long)skb->data_end,
	};

	return cursor;
}

static __always_inline void *cursor_take(struct cursor *cursor, __u32 bytes)
{
	void *header = cursor->pos;

	if (header + bytes > cursor->end)
		return NULL;
	cursor->pos = header + bytes;
	return header;
}

static __always_inline struct ethhdr *take_ethhdr(struct cursor *cursor)
{
	return cursor_take(cursor, sizeof(struct ethhdr));
}

/* The kernel's struct vlan_hdr, which its UAPI headers do not have. */
struct vlan_tag {
	__be16 tci;
	__be16 inner_protocol;
};

static __always_inline struct vlan_tag *take_vlan_tag(struct cursor *cursor)
{
	return cursor_take(cursor, sizeof(struct vlan_tag));
}

/* The fixed 20 bytes; options, if any, follow. */
static __always_inline struct iphdr *take_iphdr(struct cursor *cursor)
{
	return cursor_take(cursor, sizeof(struct iphdr));
}

static __always_inline struct ipv6hdr *take_ipv6hdr(struct cursor *cursor)
{
	return cursor_take(cursor, sizeof(struct ipv6hdr));
}

/* The fixed 20 bytes; options, if any, follow. */
static __always_inline struct tcphdr *take_tcphdr(struct cursor *cursor)
{
	return cursor_take(cursor, sizeof(struct tcphdr));
}

static __always_inline struct udphdr *take_udphdr(struct cursor *cursor)
{
	return cursor_take(cursor, sizeof(struct udphdr));
}

/* SCTP's common header (RFC 9260, 3.1). */
struct sctphdr {
	__be16 source;
	__be16 dest;
	__be32 verification_tag;
	__le32 checksum;
};

static __always_inline struct sctphdr *take_sctphdr(struct cursor *cursor)
{
	return cursor_take(cursor, sizeof(struct sctphdr));
}

/* ICMP and ICMPv6 alike: type, code, checksum, and for echoes identifier and sequence. */
struct icmp_start {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 identifier;
	__be16 sequence;
};

static __always_inline struct icmp_start *take_icmp(struct cursor *cursor)
{
	return cursor_take(cursor, sizeof(struct icmp_start));
}
