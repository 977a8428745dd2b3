/* The header after IP: ports, TCP's flags, ICMP's meaning. Everything that is not TCP, UDP, SCTP or ICMP passes without
 * ports: dropping it (as Cilium does unless told otherwise) would break VRRP, GRE, ESP or IGMP for no gain while
 * nothing is enforced, and conntrack can follow it by its addresses. */
#pragma once

#include "cursor.h"
#include "packet.h"

#define L4_INVALID(p) packet_invalid(p, DROP_CT_INVALID_HEADER, SOURCE_FILE_PARSE_L4, __LINE__)
#define L4_SHORT(p, needed) packet_short(p, needed, DROP_CT_INVALID_HEADER, SOURCE_FILE_PARSE_L4, __LINE__)

#define SCTP_CHUNK_INIT 1

/* Types of ICMP (IANA). <linux/icmp.h> has most, but drags in the C library, which does not know this target. */
#define ICMP_ECHOREPLY 0
#define ICMP_DEST_UNREACH 3
#define ICMP_FRAG_NEEDED 4 /* code of ICMP_DEST_UNREACH */
#define ICMP_SOURCE_QUENCH 4
#define ICMP_REDIRECT 5
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMP_TIMESTAMP 13
#define ICMP_TIMESTAMPREPLY 14
#define ICMP_INFO_REQUEST 15
#define ICMP_INFO_REPLY 16
#define ICMP_ADDRESS 17
#define ICMP_ADDRESSREPLY 18

#define ICMPV6_DEST_UNREACH 1
#define ICMPV6_PARAMPROB 4
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129
#define ICMPV6_LISTENER_QUERY 130
#define ICMPV6_LISTENER_DONE 132
#define ICMPV6_ROUTER_SOLICITATION 133
#define ICMPV6_ROUTER_ADVERTISEMENT 134
#define ICMPV6_NEIGHBOUR_SOLICITATION 135
#define ICMPV6_NEIGHBOUR_ADVERTISEMENT 136
#define ICMPV6_REDIRECT 137
#define ICMPV6_LISTENER_REPORT_V2 143

/* ICMP in ports. Of a request and its reply the requester has the identifier for its port and the other end 0, so that
 * two pings in opposite directions with equal identifiers stay two. Messages without an identifier stand under their
 * type. */
struct icmp_ports {
	__u16 source;
	__u16 destination;
	__u8 flags; /* PACKET_* to add */
};

static __always_inline struct icmp_ports icmp_request(__u16 identifier)
{
	return (struct icmp_ports){.source = identifier, .flags = PACKET_OPENS};
}

static __always_inline struct icmp_ports icmp_reply(__u16 identifier)
{
	return (struct icmp_ports){.destination = identifier};
}

static __always_inline struct icmp_ports icmp4_ports(__u8 type, __u16 identifier)
{
	switch (type) {
	case ICMP_ECHO:
	case ICMP_TIMESTAMP:
	case ICMP_INFO_REQUEST:
	case ICMP_ADDRESS:
		return icmp_request(identifier);
	case ICMP_ECHOREPLY:
	case ICMP_TIMESTAMPREPLY:
	case ICMP_INFO_REPLY:
	case ICMP_ADDRESSREPLY:
		return icmp_reply(identifier);
	case ICMP_DEST_UNREACH:
	case ICMP_SOURCE_QUENCH:
	case ICMP_REDIRECT:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		return (struct icmp_ports){.source = type, .destination = type, .flags = PACKET_ICMP_ERROR};
	default:
		return (struct icmp_ports){.source = type, .destination = type};
	}
}

static __always_inline struct icmp_ports icmp6_ports(__u8 type, __u16 identifier)
{
	struct icmp_ports ports;

	switch (type) {
	case ICMPV6_ECHO_REQUEST:
		return icmp_request(identifier);
	case ICMPV6_ECHO_REPLY:
		return icmp_reply(identifier);
	case ICMPV6_ROUTER_SOLICITATION:
	case ICMPV6_NEIGHBOUR_SOLICITATION:
		ports = icmp_request(type);
		ports.flags |= PACKET_LINK_LOCAL_OK;
		return ports;
	case ICMPV6_ROUTER_ADVERTISEMENT:
	case ICMPV6_NEIGHBOUR_ADVERTISEMENT:
		ports = icmp_reply(type - 1); /* the number of what it answers */
		ports.flags |= PACKET_LINK_LOCAL_OK;
		return ports;
	case ICMPV6_REDIRECT:
	case ICMPV6_LISTENER_QUERY ... ICMPV6_LISTENER_DONE:
	case ICMPV6_LISTENER_REPORT_V2:
		return (struct icmp_ports){.source = type, .destination = type, .flags = PACKET_LINK_LOCAL_OK};
	case ICMPV6_DEST_UNREACH ... ICMPV6_PARAMPROB:
		return (struct icmp_ports){.source = type, .destination = type, .flags = PACKET_ICMP_ERROR};
	default:
		return (struct icmp_ports){.source = type, .destination = type};
	}
}

static __always_inline struct icmp_ports icmp_ports(__u8 proto, const struct icmp_start *icmp)
{
	return proto == IPPROTO_ICMP ? icmp4_ports(icmp->type, icmp->identifier)
	                             : icmp6_ports(icmp->type, icmp->identifier);
}

static __always_inline int parse_tcp(struct cursor *cursor, struct packet *p, __u32 l4_length)
{
	struct tcphdr *tcp = take_tcphdr(cursor);
	__u32 header_length;

	if (!tcp)
		return L4_SHORT(p, p->l4_offset + sizeof(*tcp));
	header_length = tcp->doff * 4;
	if (header_length < sizeof(*tcp) || header_length > l4_length)
		return L4_INVALID(p);
	p->tuple.source_port = tcp->source;
	p->tuple.destination_port = tcp->dest;
	p->tcp_flags = ((__u8 *)tcp)[13];
	p->header_end = p->l4_offset + header_length;
	if ((p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		p->flags |= PACKET_OPENS;
	return PARSE_OK;
}

#define PORT_DHCPV4_SERVER 67
#define PORT_DHCPV4_CLIENT 68
#define PORT_DHCPV6_CLIENT 546
#define PORT_DHCPV6_SERVER 547

static __always_inline bool is_dhcp_request(const struct tuple *tuple)
{
	if (tuple->family == FAMILY_IPV4)
		return tuple->source_port == bpf_htons(PORT_DHCPV4_CLIENT) &&
		       tuple->destination_port == bpf_htons(PORT_DHCPV4_SERVER);
	return tuple->source_port == bpf_htons(PORT_DHCPV6_CLIENT) &&
	       tuple->destination_port == bpf_htons(PORT_DHCPV6_SERVER);
}

static __always_inline int parse_udp(struct cursor *cursor, struct packet *p, __u32 l4_length)
{
	struct udphdr *udp = take_udphdr(cursor);
	__u16 udp_length;

	if (!udp)
		return L4_SHORT(p, p->l4_offset + sizeof(*udp));
	udp_length = bpf_ntohs(udp->len);
	/* A first fragment states the length of the whole datagram; a packet yet to be segmented may state none. */
	if (udp_length < sizeof(*udp) && !(udp_length == 0 && p->gso_size))
		return L4_INVALID(p);
	if (udp_length > l4_length && !(p->flags & PACKET_FRAGMENT))
		return L4_INVALID(p);
	p->tuple.source_port = udp->source;
	p->tuple.destination_port = udp->dest;
	p->header_end = p->l4_offset + sizeof(*udp);
	if (is_dhcp_request(&p->tuple))
		p->flags |= PACKET_LINK_LOCAL_OK;
	return PARSE_OK;
}

static __always_inline int parse_sctp(struct cursor *cursor, struct packet *p)
{
	struct sctphdr *sctp = take_sctphdr(cursor);
	__u8 *chunk_type;

	if (!sctp)
		return L4_SHORT(p, p->l4_offset + sizeof(*sctp));
	p->tuple.source_port = sctp->source;
	p->tuple.destination_port = sctp->dest;
	p->header_end = p->l4_offset + sizeof(*sctp);
	/* An INIT is its packet's only chunk (RFC 9260, 6.10). */
	chunk_type = cursor_take(cursor, 1);
	if (chunk_type && *chunk_type == SCTP_CHUNK_INIT)
		p->flags |= PACKET_OPENS;
	return PARSE_OK;
}

static __always_inline int parse_icmp(struct cursor *cursor, struct packet *p)
{
	struct icmp_start *icmp = take_icmp(cursor);
	struct icmp_ports ports;

	if (!icmp)
		return L4_SHORT(p, p->l4_offset + sizeof(*icmp));
	ports = icmp_ports(p->tuple.proto, icmp);
	p->tuple.source_port = ports.source;
	p->tuple.destination_port = ports.destination;
	p->flags |= ports.flags;
	p->icmp_type = icmp->type;
	p->icmp_code = icmp->code;
	p->header_end = p->l4_offset + sizeof(*icmp);
	return PARSE_OK;
}

/* Bytes of the header that must be there, 0 for protocols that are not looked into. ICMPv4 in IPv6 and the reverse are
 * such: no stack takes them for ICMP. */
static __always_inline __u32 l4_header_bytes(const struct tuple *tuple)
{
	switch (tuple->proto) {
	case IPPROTO_TCP:
		return sizeof(struct tcphdr);
	case IPPROTO_UDP:
		return sizeof(struct udphdr);
	case IPPROTO_SCTP:
		return sizeof(struct sctphdr);
	case IPPROTO_ICMP:
		return tuple->family == FAMILY_IPV4 ? sizeof(struct icmp_start) : 0;
	case IPPROTO_ICMPV6:
		return tuple->family == FAMILY_IPV6 ? sizeof(struct icmp_start) : 0;
	default:
		return 0;
	}
}

/* `l4_length`: bytes from the L4 header to the end of the IP packet. */
static __always_inline int parse_l4(const struct __sk_buff *skb, struct packet *p, __u32 l4_length)
{
	struct cursor cursor;
	__u32 header_bytes = l4_header_bytes(&p->tuple);

	p->header_end = p->l4_offset;
	if (header_bytes == 0)
		return PARSE_OK;
	/* What the link appended (an Ethernet frame's padding) is not L4, even if a header would fit into it. */
	if (l4_length < header_bytes)
		return L4_INVALID(p);
	cursor = cursor_at(skb, p->l4_offset);
	switch (p->tuple.proto) {
	case IPPROTO_TCP:
		return parse_tcp(&cursor, p, l4_length);
	case IPPROTO_UDP:
		return parse_udp(&cursor, p, l4_length);
	case IPPROTO_SCTP:
		return parse_sctp(&cursor, p);
	default:
		return parse_icmp(&cursor, p);
	}
}
