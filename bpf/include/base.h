/* What every file here stands on: the kernel's types, libbpf's helpers, the layouts that user space knows too. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "flow_event_shared.h"
#include "maps_shared.h"
#include "nat_shared.h"
#include "policy_shared.h"

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* A function that the verifier checks once and on its own, for any values its arguments may have, instead of again on
 * every path that leads to it (which took this object close to the verifier's limit). The price: it gives a number
 * only, and its pointers have to be checked for NULL. */
#define VERIFIED_ALONE __noinline

#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))

/* One more number into a hash. */
static __always_inline __u64 mix(__u64 hash, __u64 value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 32;
}

/* An address as in address_key: IPv4 in the first word, the rest zero. Network order. */
union address {
	__u8 bytes[16];
	__u32 words[4];
	__u64 halves[2];
};
