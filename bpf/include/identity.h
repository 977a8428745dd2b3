/* Who an address is: an endpoint of this node, the node itself, someone of the fleet, a known range, or the world. */
#pragma once

#include "packet.h"

#define IDENTITY_HOST 1
#define IDENTITY_WORLD 2
#define IDENTITY_FIRST_ALLOCATED 256
/* From here on numbers are each node's own: ranges, other nodes. */
#define IDENTITY_CIDR_SCOPE (1 << 24)
#define IDENTITY_REMOTE_NODE_SCOPE (2 << 24)

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct endpoint_info);
} endpoints SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct address_key);
	__type(value, struct local_address);
} local_addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 524288);
	__type(key, struct address_key);
	__type(value, struct ipcache_info);
} ipcache SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct cidr_key);
	__type(value, struct ipcache_info);
} ipcache_cidr SEC(".maps");

/* One end of a packet, as an event names it. */
struct end {
	__u32 identity;
	__u16 endpoint_id; /* 0 = not of this node */
	__u16 pad;
};

static __always_inline void address_key_init(struct address_key *key, const union address *address, __u8 family)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->family = family;
	__builtin_memcpy(key->address, address, sizeof(key->address));
}

static __always_inline const struct endpoint_info *endpoint_of_interface(__u32 ifindex)
{
	return bpf_map_lookup_elem(&endpoints, &ifindex);
}

static __noinline const struct local_address *local_address_find(const union address *address, __u8 family)
{
	struct address_key key;

	address_key_init(&key, address, family);
	return bpf_map_lookup_elem(&local_addresses, &key);
}

static __noinline const struct ipcache_info *ipcache_find(const union address *address, __u8 family)
{
	struct address_key key;

	address_key_init(&key, address, family);
	return bpf_map_lookup_elem(&ipcache, &key);
}

/* Of an address that `ipcache` does not list: its range's, or the world's. */
static __noinline __u32 range_identity(const union address *address, __u8 family)
{
	struct cidr_key key = {.prefix_len = 32 + 128, .family = family};
	const struct ipcache_info *info;

	__builtin_memcpy(key.address, address, sizeof(key.address));
	info = bpf_map_lookup_elem(&ipcache_cidr, &key);
	return info ? info->identity : IDENTITY_WORLD;
}

static __always_inline bool is_pod_identity(__u32 identity)
{
	return identity >= IDENTITY_FIRST_ALLOCATED && identity < IDENTITY_CIDR_SCOPE;
}

static __always_inline void end_of_local(struct end *end, const struct local_address *local)
{
	end->identity = local->identity;
	end->endpoint_id = local->endpoint_id;
}

static __always_inline void end_of_endpoint(struct end *end, const struct endpoint_info *endpoint)
{
	end->identity = endpoint->identity;
	end->endpoint_id = endpoint->endpoint_id;
}

/* For addresses across the network, which are not of this node: one lookup less. */
static __noinline void end_of_remote(struct end *end, const union address *address, __u8 family)
{
	const struct ipcache_info *info = ipcache_find(address, family);

	end->identity = info ? info->identity : range_identity(address, family);
}

VERIFIED_ALONE int end_of_address(struct end *end, const union address *address, __u8 family)
{
	const struct local_address *local;

	if (!end || !address)
		return -1;
	local = local_address_find(address, family);
	if (local)
		end_of_local(end, local);
	else
		end_of_remote(end, address, family);
	return 0;
}

static __always_inline bool is_ipv6_link_local(const union address *address, __u8 family)
{
	return family == FAMILY_IPV6 && (address->words[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

static __always_inline bool is_ipv6_multicast(const union address *address)
{
	return address->bytes[0] == 0xff;
}

/* The node's end of a link: what a link-local address there means, if it is not the one of who is on the other side. */
static __always_inline void end_across_link(struct end *end, const union address *address, __u8 family)
{
	if (is_ipv6_link_local(address, family))
		end->identity = IDENTITY_HOST;
	else
		end_of_address(end, address, family);
}

static __always_inline bool is_unspecified(const union address *address)
{
	return (address->halves[0] | address->halves[1]) == 0;
}

static __always_inline bool address_equals(const union address *address, const __u8 *other, __u8 family)
{
	union address copy = {};

	if (family == FAMILY_IPV4)
		__builtin_memcpy(&copy, other, 4);
	else
		__builtin_memcpy(&copy, other, 16);
	return address->halves[0] == copy.halves[0] && address->halves[1] == copy.halves[1];
}

static __always_inline bool endpoint_has_address(const struct endpoint_info *endpoint, const union address *address,
                                                 __u8 family)
{
	return address_equals(address, family == FAMILY_IPV4 ? endpoint->ipv4 : endpoint->ipv6, family) &&
	       !is_unspecified(address);
}

static __always_inline bool is_address_of_node(const union address *address, __u8 family)
{
	const struct local_address *local = local_address_find(address, family);

	return local ? local->ifindex == 0 : is_ipv6_link_local(address, family);
}

/* An endpoint may speak from its own address, and before it has one (DHCP, neighbour discovery, multicast listener
 * reports) from the unspecified or a link-local one. */
static __always_inline bool source_is_endpoint(const struct packet *p, const struct endpoint_info *endpoint)
{
	const union address *source = &p->tuple.source;
	const __u8 *own = p->tuple.family == FAMILY_IPV4 ? endpoint->ipv4 : endpoint->ipv6;

	if (is_unspecified(source)) /* would equal the zeros of an endpoint without an address of this family */
		return p->flags & PACKET_LINK_LOCAL_OK;
	if (address_equals(source, own, p->tuple.family))
		return true;
	return is_ipv6_link_local(source, p->tuple.family) && (p->flags & PACKET_LINK_LOCAL_OK);
}
