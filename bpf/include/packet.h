/* What is known of a packet once its headers are read, in values: pointers into the packet die with the first helper
 * that may move its data. */
#pragma once

#include "base.h"

/* The two ends of a connection as conntrack sees them. Ports in network order, with ICMP's as maps_shared.h says. */
struct tuple {
	union address source;
	union address destination;
	__u16 source_port;
	__u16 destination_port;
	__u8 proto;  /* IPPROTO_* of the last header found */
	__u8 family; /* FAMILY_*, 0 = not IP */
	__u8 pad[2];
};

struct packet {
	struct tuple tuple;
	__u32 length;      /* bytes on the wire, link header included */
	__u32 l3_length;   /* bytes of the IP packet: link header and padding left out */
	__u32 ttl_word;    /* IPv4: the header's ttl, protocol and checksum, as they stand */
	__u32 fragment_id; /* network order */
	__u32 needed;      /* PARSE_SHORT: bytes of the packet that must be in the linear part */
	__u16 l3_offset;
	__u16 l4_offset;  /* 0 = none */
	__u16 header_end; /* where the last header found ends: what a capture must hold */
	__u16 gso_size;
	__u16 drop_line;
	__u8 drop_file;   /* SOURCE_FILE_* */
	__u8 drop_reason; /* DROP_* */
	__u8 ttl;
	__u8 tos;
	__u8 tcp_flags;
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 flags;  /* PACKET_* */
	bool has_l2; /* the packet starts with an Ethernet header */
};

#define PACKET_VLAN (1 << 0)
#define PACKET_FRAGMENT (1 << 1)       /* any fragment */
#define PACKET_LATER_FRAGMENT (1 << 2) /* has no L4 header */
#define PACKET_ORPHAN (1 << 3)         /* a later fragment whose first was not seen: ports unknown */
#define PACKET_IP_OPTIONS (1 << 4)     /* IPv4 options or IPv6 extensions that each router, or the stack, has to see */
#define PACKET_OPENS (1 << 5)          /* begins a connection: TCP SYN, SCTP INIT, an ICMP request */
#define PACKET_ICMP_ERROR (1 << 6)     /* carries the start of the packet it is about */
#define PACKET_LINK_LOCAL_OK                                                                                           \
	(1 << 7) /* neighbour discovery, multicast listeners, DHCP: may come from no proper address */

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* Results of parsing. */
#define PARSE_OK 0
#define PARSE_NOT_IP 1
#define PARSE_DROP 2  /* packet.drop_* say why */
#define PARSE_SHORT 3 /* the linear part ends before packet.needed; a drop if the packet ends there too */

static __always_inline bool is_same_address(const union address *a, const union address *b)
{
	return a->halves[0] == b->halves[0] && a->halves[1] == b->halves[1];
}

static __always_inline int packet_invalid(struct packet *p, __u8 reason, __u8 file, __u16 line)
{
	p->drop_reason = reason;
	p->drop_file = file;
	p->drop_line = line;
	return PARSE_DROP;
}

static __always_inline int packet_short(struct packet *p, __u32 needed, __u8 reason, __u8 file, __u16 line)
{
	packet_invalid(p, reason, file, line);
	p->needed = needed;
	return PARSE_SHORT;
}
