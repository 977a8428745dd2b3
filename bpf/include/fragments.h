/* Later fragments follow their first: it leaves its ports here, they pick them up. */
#pragma once

#include "packet.h"
#include "settings.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct fragment_key);
	__type(value, struct fragment_ports);
} fragments SEC(".maps");

VERIFIED_ALONE int fragment_follow(struct packet *p)
{
	struct fragment_key key = {};
	struct fragment_ports ports = {}, *first;

	if (!p)
		return -1;
	key.id = p->fragment_id;
	key.family = p->tuple.family;
	__builtin_memcpy(key.source, &p->tuple.source, sizeof(key.source));
	__builtin_memcpy(key.destination, &p->tuple.destination, sizeof(key.destination));
	if (p->tuple.family == FAMILY_IPV4)
		key.proto = p->tuple.proto;
	if (!(p->flags & PACKET_LATER_FRAGMENT)) {
		ports.source = p->tuple.source_port;
		ports.destination = p->tuple.destination_port;
		ports.proto = p->tuple.proto;
		ports.icmp_type = p->icmp_type;
		bpf_map_update_elem(&fragments, &key, &ports, BPF_ANY);
		return 0;
	}
	first = bpf_map_lookup_elem(&fragments, &key);
	if (!first) {
		p->flags |= PACKET_ORPHAN;
		return 0;
	}
	p->tuple.source_port = first->source;
	p->tuple.destination_port = first->destination;
	p->tuple.proto = first->proto;
	p->icmp_type = first->icmp_type;
	return 0;
}
