/* The mappings of masqueraded connections, and how a connection gets one. */
#pragma once

#include "ct_table.h"
#include "identity.h"
#include "settings.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct masquerade_config);
} masquerade SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 131072);
	__type(key, struct nat4_key);
	__type(value, struct nat_entry);
} nat4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct nat6_key);
	__type(value, struct nat_entry);
} nat6 SEC(".maps");

/* Ports looked at before a connection is given up. With nine of ten taken, one in 30 finds none. */
#define NAT_TRIES 32

/* After a reset nobody waits for anything any more. */
#define NAT_LIFETIME_RESET_S 1

/* A connection as it is seen outside. */
struct nat_tuple {
	union address node;
	union address remote;
	__u16 port;
	__u16 remote_port;
	__u8 proto;
	__u8 family;
	__u8 pad[2];
};

static __always_inline const struct masquerade_config *masquerade_config_get(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&masquerade, &key);
}

/* What pods are seen as. False: nothing of this family is translated. */
static __always_inline bool masquerade_address(const struct masquerade_config *config, __u8 family,
                                               union address *address)
{
	address->halves[0] = address->halves[1] = 0;
	if (family == FAMILY_IPV4)
		__builtin_memcpy(address, config->ipv4, sizeof(config->ipv4));
	else
		__builtin_memcpy(address, config->ipv6, sizeof(config->ipv6));
	return (address->halves[0] | address->halves[1]) != 0;
}

static __always_inline void nat4_key_init(struct nat4_key *key, const struct nat_tuple *tuple)
{
	__builtin_memset(key, 0, sizeof(*key));
	__builtin_memcpy(key->node, &tuple->node, sizeof(key->node));
	__builtin_memcpy(key->remote, &tuple->remote, sizeof(key->remote));
	key->port = tuple->port;
	key->remote_port = tuple->remote_port;
	key->proto = tuple->proto;
}

static __always_inline void nat6_key_init(struct nat6_key *key, const struct nat_tuple *tuple)
{
	__builtin_memset(key, 0, sizeof(*key));
	__builtin_memcpy(key->node, &tuple->node, sizeof(key->node));
	__builtin_memcpy(key->remote, &tuple->remote, sizeof(key->remote));
	key->port = tuple->port;
	key->remote_port = tuple->remote_port;
	key->proto = tuple->proto;
}

static __noinline struct nat_entry *nat_find(const struct nat_tuple *tuple)
{
	if (tuple->family == FAMILY_IPV4) {
		struct nat4_key key;

		nat4_key_init(&key, tuple);
		return bpf_map_lookup_elem(&nat4, &key);
	} else {
		struct nat6_key key;

		nat6_key_init(&key, tuple);
		return bpf_map_lookup_elem(&nat6, &key);
	}
}

/* Zero if the tuple had no mapping and has this one now. */
static __noinline int nat_insert(const struct nat_tuple *tuple, const struct nat_entry *entry)
{
	if (tuple->family == FAMILY_IPV4) {
		struct nat4_key key;

		nat4_key_init(&key, tuple);
		return bpf_map_update_elem(&nat4, &key, entry, BPF_NOEXIST);
	} else {
		struct nat6_key key;

		nat6_key_init(&key, tuple);
		return bpf_map_update_elem(&nat6, &key, entry, BPF_NOEXIST);
	}
}

static __always_inline __u32 nat_lifetime(const struct nat_entry *entry, __u8 proto)
{
	__u8 any = entry->tcp_flags[0] | entry->tcp_flags[1], both = entry->tcp_flags[0] & entry->tcp_flags[1];

	if (proto != IPPROTO_TCP)
		return CT_TICKS(CT_LIFETIME_OTHER_S);
	if (any & TCP_RST)
		return CT_TICKS(NAT_LIFETIME_RESET_S);
	if (both & TCP_FIN)
		return CT_TICKS(CT_LIFETIME_CLOSING_S);
	return entry->flags & NAT_REPLIED ? CT_TICKS(CT_LIFETIME_ESTABLISHED_S) : CT_TICKS(CT_LIFETIME_OPENING_S);
}

static __always_inline bool nat_is_of(const struct nat_entry *entry, const struct packet *p)
{
	return entry->pod_port == p->tuple.source_port && address_equals(&p->tuple.source, entry->pod, FAMILY_IPV6);
}

/* Members are written only if they change, as in ct_advance. */
static __always_inline void nat_use(struct nat_entry *entry, const struct packet *p, bool inward, __u32 now)
{
	if (entry->last_seen != now)
		entry->last_seen = now;
	if (inward) {
		if (!(entry->flags & NAT_REPLIED))
			entry->flags |= NAT_REPLIED;
		if (p->tcp_flags & ~entry->tcp_flags[1])
			entry->tcp_flags[1] |= p->tcp_flags;
	} else if (p->tcp_flags & ~entry->tcp_flags[0]) {
		entry->tcp_flags[0] |= p->tcp_flags;
	}
}

/* A connection of the same ends as one that is over begins with a clean slate. */
static __always_inline void nat_renew(struct nat_entry *entry, const struct packet *p)
{
	if (!(p->flags & PACKET_OPENS) || p->tuple.proto != IPPROTO_TCP || entry->tcp_flags[0] == 0)
		return;
	if ((entry->tcp_flags[0] | entry->tcp_flags[1]) & (TCP_RST | TCP_FIN)) {
		entry->tcp_flags[0] = entry->tcp_flags[1] = 0;
		entry->flags = 0;
	}
}

/* The try-th port for a connection: first the one its own port leads to, then by a hash, the same ones each time. */
static __always_inline __u16 nat_candidate(const struct masquerade_config *config, const struct packet *p, __u32 hash,
                                           __u32 try)
{
	__u32 ports = config->ports ? config->ports : 1;
	__u32 number = try == 0 ? bpf_ntohs(p->tuple.source_port) : hash + try * (hash >> 7 | 1);

	return bpf_htons(config->first_port + number % ports);
}

/* The port (network order) that a pod's packet leaves with; 0: none is left. `known`: the one it had, 0 = none.
 * `opens`: a connection without a mapping may have one, else -1 is given. */
VERIFIED_ALONE int nat_port_of(const struct packet *p, __u16 known, bool opens, __u32 now)
{
	const struct masquerade_config *config = masquerade_config_get();
	struct nat_tuple tuple = {};
	struct nat_entry *entry;
	struct nat_entry fresh = {.last_seen = now};
	__u32 hash;

	if (!p || !config || !masquerade_address(config, p->tuple.family, &tuple.node))
		return -1;
	tuple.remote = p->tuple.destination;
	tuple.remote_port = p->tuple.destination_port;
	tuple.proto = p->tuple.proto;
	tuple.family = p->tuple.family;
	if (likely(known)) {
		tuple.port = known;
		entry = nat_find(&tuple);
		if (likely(entry && nat_is_of(entry, p))) {
			nat_renew(entry, p);
			nat_use(entry, p, false, now);
			return known;
		}
		count(COUNTER_NAT_MAPPING_LOST);
		opens = true;
	}
	__builtin_memcpy(fresh.pod, &p->tuple.source, sizeof(fresh.pod));
	fresh.pod_port = p->tuple.source_port;
	fresh.tcp_flags[0] = p->tcp_flags;
	hash = mix(mix(p->tuple.source.halves[0] ^ p->tuple.source.halves[1], p->tuple.source_port),
	           p->tuple.destination.halves[0] ^ p->tuple.destination.halves[1]);
	for (__u32 try = 0; try < NAT_TRIES; try++) {
		__u32 seen;

		tuple.port = nat_candidate(config, p, hash, try);
		entry = nat_find(&tuple);
		if (!entry) {
			if (opens && nat_insert(&tuple, &fresh) == 0)
				return tuple.port;
			if (!opens && try == 0)
				return -1;
			continue;
		}
		if (nat_is_of(entry, p)) {
			nat_renew(entry, p);
			nat_use(entry, p, false, now);
			return tuple.port;
		}
		seen = entry->last_seen;
		if (!opens || ct_age(now, seen) <= nat_lifetime(entry, p->tuple.proto))
			continue;
		/* Of two CPUs that find the same idle mapping one gets it. */
		if (__sync_val_compare_and_swap(&entry->last_seen, seen, now) != seen)
			continue;
		__builtin_memcpy(entry->pod, fresh.pod, sizeof(entry->pod));
		entry->pod_port = fresh.pod_port;
		entry->tcp_flags[0] = fresh.tcp_flags[0];
		entry->tcp_flags[1] = 0;
		entry->flags = 0;
		return tuple.port;
	}
	return opens ? 0 : -1;
}
