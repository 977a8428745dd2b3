/* The tables of connections: their keys, and how long an entry counts. */
#pragma once

#include "packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 131072);
	__type(key, struct ct4_key);
	__type(value, struct ct_entry);
} ct4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct ct6_key);
	__type(value, struct ct_entry);
} ct6 SEC(".maps");

/* Seconds of silence after which an entry is as good as absent: Cilium's defaults. */
#define CT_LIFETIME_ESTABLISHED_S 8000
#define CT_LIFETIME_OPENING_S 60
#define CT_LIFETIME_CLOSING_S 10
#define CT_LIFETIME_OTHER_S 60

#define CT_TICKS(seconds) ((__u32)(((__u64)(seconds)*1000000000ULL) >> CT_TICK_SHIFT))

/* A year: ticks are 32 bits wide, and wrap after more than two. */
#define CT_INTERVAL_MAX_S 31536000

static __always_inline __u32 ct_now(void)
{
	/* The coarse clock: a few milliseconds old, a third of the price. Never 0, which means "not yet". */
	return (__u32)(bpf_ktime_get_coarse_ns() >> CT_TICK_SHIFT) | 1;
}

/* Ticks from `since` to `now`, 0 if another CPU, whose clock read came later than ours, has just written `since`. */
static __always_inline __u32 ct_age(__u32 now, __u32 since)
{
	__s32 age = now - since;

	return age > 0 ? age : 0;
}

static __always_inline __u32 ct_lifetime(const struct ct_entry *entry, __u8 proto)
{
	if (proto != IPPROTO_TCP)
		return CT_TICKS(CT_LIFETIME_OTHER_S);
	if (entry->flags & CT_CLOSING)
		return CT_TICKS(CT_LIFETIME_CLOSING_S);
	return entry->flags & CT_REPLIED ? CT_TICKS(CT_LIFETIME_ESTABLISHED_S) : CT_TICKS(CT_LIFETIME_OPENING_S);
}

static __always_inline bool ct4_key_init(struct ct4_key *key, const struct tuple *tuple)
{
	__u64 source = (__u64)bpf_ntohl(tuple->source.words[0]) << 16 | bpf_ntohs(tuple->source_port);
	__u64 destination = (__u64)bpf_ntohl(tuple->destination.words[0]) << 16 | bpf_ntohs(tuple->destination_port);
	bool from_high = source > destination;
	const union address *low = from_high ? &tuple->destination : &tuple->source;
	const union address *high = from_high ? &tuple->source : &tuple->destination;

	__builtin_memset(key, 0, sizeof(*key));
	__builtin_memcpy(key->low_address, low, sizeof(key->low_address));
	__builtin_memcpy(key->high_address, high, sizeof(key->high_address));
	key->low_port = from_high ? tuple->destination_port : tuple->source_port;
	key->high_port = from_high ? tuple->source_port : tuple->destination_port;
	key->proto = tuple->proto;
	return from_high;
}

static __always_inline bool ipv6_source_is_high(const struct tuple *tuple)
{
	for (int i = 0; i < 2; i++) {
		__u64 source = bpf_be64_to_cpu(tuple->source.halves[i]);
		__u64 destination = bpf_be64_to_cpu(tuple->destination.halves[i]);

		if (source != destination)
			return source > destination;
	}
	return bpf_ntohs(tuple->source_port) > bpf_ntohs(tuple->destination_port);
}

static __always_inline bool ct6_key_init(struct ct6_key *key, const struct tuple *tuple)
{
	bool from_high = ipv6_source_is_high(tuple);
	const union address *low = from_high ? &tuple->destination : &tuple->source;
	const union address *high = from_high ? &tuple->source : &tuple->destination;

	__builtin_memset(key, 0, sizeof(*key));
	__builtin_memcpy(key->low_address, low, sizeof(key->low_address));
	__builtin_memcpy(key->high_address, high, sizeof(key->high_address));
	key->low_port = from_high ? tuple->destination_port : tuple->source_port;
	key->high_port = from_high ? tuple->source_port : tuple->destination_port;
	key->proto = tuple->proto;
	return from_high;
}

static __noinline struct ct_entry *ct_find(const struct tuple *tuple)
{
	if (tuple->family == FAMILY_IPV4) {
		struct ct4_key key;

		ct4_key_init(&key, tuple);
		return bpf_map_lookup_elem(&ct4, &key);
	} else {
		struct ct6_key key;

		ct6_key_init(&key, tuple);
		return bpf_map_lookup_elem(&ct6, &key);
	}
}
