/* Which connection a packet belongs to, and whether its event is due.
 *
 * One lookup per packet: a connection is one entry for both directions, its ends in a fixed order. The entry knows
 * which end began, so the direction follows from the source. Lifetimes are checked when an entry is met again; entries
 * nobody meets are the first that the LRU gives up.
 */
#pragma once

#include "ct_table.h"
#include "handoff.h"
#include "packet.h"
#include "settings.h"

#define TCP_FLAGS_REPORTED (TCP_SYN | TCP_FIN | TCP_RST)

/* Asked of conntrack. */
struct ct_query {
	struct handoff handoff;
	bool behind_stack;  /* this hook sees packets after the kernel's stack, which may have translated them */
	bool from_endpoint; /* of this node, as far as ICMP errors go */
	/* Leave the table without the connection, if it is new or begins anew: policies are asked first. */
	bool hold;
	bool asks;           /* policies are enforced on this node */
	__u8 policed;        /* POLICY_*_BIT: directions whose policy this hook asks */
	__u32 now;           /* ticks */
	__u32 interval;      /* ticks */
	__u32 generation[2]; /* of those policies by direction, 0 = open. Without `hold`: those that allow the
	                        connection */
	__u32 epoch;
};

/* Told by it. */
struct ct_answer {
	__u8 reason;    /* TRACE_REASON_* */
	bool report;    /* with AGGREGATE_MEDIUM: this packet's event is due */
	bool via_stack; /* the stack may translate this connection: do not redirect past it */
	bool held;      /* not in the table, because of `hold` */
	bool cut;       /* belongs to a connection that a policy has denied */
	__u8 due;       /* POLICY_*_BIT: policies to be asked */
	__u8 changed;   /* … of them, those that changed since they were asked, or never were */
	__u16 nat_port; /* ct_entry.nat_port */
};

static __always_inline bool is_connection_oriented(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_SCTP;
}

/* True if the packet begins a connection anew on a tuple that had one before. */
static __always_inline bool ct_restarts(const struct ct_entry *entry, const struct packet *p, bool from_initiator,
                                        __u32 now)
{
	__u8 proto = p->tuple.proto;

	if (ct_age(now, entry->last_seen) > ct_lifetime(entry, proto))
		return true;
	/* Who was never allowed to speak has not begun anything that could be answered. But no segment from the middle
	 * makes a TCP connection that was cut into one of the other end's. */
	if (entry->denied && !from_initiator && !is_connection_oriented(proto))
		return true;
	if (!(p->flags & PACKET_OPENS))
		return false;
	if (entry->denied && !from_initiator)
		return true;
	/* Both ends sending an opening packet before any answer is a simultaneous open; but an end that was only ever
	 * heard answering cannot have begun. */
	if (!from_initiator && !(entry->flags & CT_OPENED))
		return true;
	/* Each ICMP request opens; those after the first belong to the same run. */
	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
		return false;
	return entry->flags & (CT_REPLIED | CT_CLOSING);
}

/* Of a TCP connection joined under way (the table was full, or is new) nobody knows whether the stack translates it. */
static __always_inline bool ct_begins_via_stack(const struct packet *p, const struct ct_query *query)
{
	return query->behind_stack || (p->tuple.proto == IPPROTO_TCP && !(p->flags & PACKET_OPENS));
}

static __always_inline void ct_begin(struct ct_entry *entry, const struct packet *p, bool from_high,
                                     const struct ct_query *query)
{
	/* Who is met first began, unless the hook before knows better: the entry was lost between the two. */
	bool is_answer = query->handoff.given && query->handoff.reason == TRACE_REASON_REPLY;
	bool via_stack = ct_begins_via_stack(p, query);

	entry->reported[0] = entry->reported[1] = entry->reported_related = 0;
	entry->tcp_flags[0] = entry->tcp_flags[1] = 0;
	entry->packets[0] = entry->packets[1] = 0;
	entry->bytes[0] = entry->bytes[1] = 0;
	entry->denied = 0;
	for (int i = 0; i < 2; i++) {
		entry->generation[i] = query->generation[i];
		entry->epoch[i] = query->epoch;
	}
	entry->flags = (from_high != is_answer ? CT_INITIATOR_HIGH : 0) | (p->flags & PACKET_OPENS ? CT_OPENED : 0) |
	               (via_stack ? CT_VIA_STACK : 0);
}

static __always_inline bool ct_report_due(const struct ct_entry *entry, __u32 direction, const struct packet *p,
                                          const struct ct_query *query)
{
	if (entry->reported[direction] == 0)
		return true;
	if (p->tcp_flags & TCP_FLAGS_REPORTED & ~entry->tcp_flags[direction])
		return true;
	return ct_age(query->now, entry->reported[direction]) >= query->interval;
}

static __always_inline __u8 ct_closing(const struct ct_entry *entry)
{
	__u8 any = entry->tcp_flags[0] | entry->tcp_flags[1], both = entry->tcp_flags[0] & entry->tcp_flags[1];

	return (any & TCP_RST) || (both & TCP_FIN) ? CT_CLOSING : 0;
}

/* What the policies at this hook have to say about a packet of an entry, or had. */
static __always_inline void ct_ask(struct ct_entry *entry, bool from_initiator, const struct ct_query *query,
                                   struct ct_answer *answer)
{
	if (!from_initiator) {
		answer->cut = entry->denied != 0;
		return;
	}
	for (int i = 0; i < 2; i++) {
		__u32 generation = query->generation[i];
		__u8 bit = 1 << i;

		if (!(query->policed & bit))
			continue;
		if (generation == 0) {
			/* Open by now: what once was denied is not any more. */
			if (entry->denied & bit)
				entry->denied &= ~bit;
		} else if (entry->generation[i] != generation || entry->epoch[i] != query->epoch) {
			answer->due |= bit;
			if (entry->generation[i] != generation)
				answer->changed |= bit;
		}
	}
}

/* Takes the packet into its entry. Members are written only if they change: most packets of a connection at rest touch
 * nothing but the counters. What two CPUs write at once, bar the counters, ends as what either of them saw. */
static __always_inline void ct_advance(struct ct_entry *entry, const struct packet *p, bool from_high, bool created,
                                       const struct ct_query *query, struct ct_answer *answer)
{
	bool from_initiator = from_high == !!(entry->flags & CT_INITIATOR_HIGH), began = created;
	__u32 direction = from_initiator ? 0 : 1;
	__u8 flags;

	if (!created && ct_restarts(entry, p, from_initiator, query->now)) {
		ct_begin(entry, p, from_high, query);
		from_initiator = from_high == !!(entry->flags & CT_INITIATOR_HIGH);
		direction = from_initiator ? 0 : 1;
		began = true;
	}
	/* Else the compiler or-s it into the entry's address on the stack, and the verifier sees no address any more.
	 */
	barrier_var(direction);
	flags = entry->flags;
	if (began)
		answer->reason = TRACE_REASON_NEW;
	else if (!from_initiator)
		answer->reason = TRACE_REASON_REPLY;
	else if (p->tuple.proto == IPPROTO_TCP && (p->flags & PACKET_OPENS))
		answer->reason = TRACE_REASON_NEW; /* a SYN sent again */
	else
		answer->reason = TRACE_REASON_ESTABLISHED;
	answer->report = ct_report_due(entry, direction, p, query);
	if (query->handoff.given) {
		answer->reason = query->handoff.reason;
		answer->report = query->handoff.report;
	}
	answer->via_stack = flags & CT_VIA_STACK;
	answer->nat_port = entry->nat_port;
	if (query->asks)
		ct_ask(entry, from_initiator, query, answer);

	if (!from_initiator)
		flags |= CT_REPLIED;
	if (p->tcp_flags & ~entry->tcp_flags[direction]) {
		entry->tcp_flags[direction] |= p->tcp_flags;
		flags |= ct_closing(entry);
	}
	if (flags != entry->flags)
		entry->flags = flags;
	if (entry->last_seen != query->now)
		entry->last_seen = query->now;
	if (answer->report)
		entry->reported[direction] = query->now;
	/* A hook before this one counted the packet already, unless the stack translated it into this tuple since. */
	if (!query->handoff.given || began || (flags & CT_VIA_STACK && from_initiator)) {
		__sync_fetch_and_add(&entry->packets[direction], 1);
		__sync_fetch_and_add(&entry->bytes[direction], p->length);
	}
}

/* The answer for a packet whose connection waits for its policies before it comes into the table. */
static __always_inline void ct_hold(const struct packet *p, const struct ct_query *query, struct ct_answer *answer)
{
	answer->held = true;
	answer->reason = query->handoff.given ? query->handoff.reason : TRACE_REASON_NEW;
	answer->report = query->handoff.given ? query->handoff.report : true;
	answer->via_stack = ct_begins_via_stack(p, query);
	if (answer->reason == TRACE_REASON_REPLY)
		return;
	for (int i = 0; i < 2; i++)
		if (query->policed & (1 << i) && query->generation[i] != 0)
			answer->due |= 1 << i;
	answer->changed = answer->due;
}

/* Finds or makes the packet's entry. `key` and `map` belong together. */
static __always_inline void ct_track_in(void *map, const void *key, const struct packet *p, bool from_high,
                                        const struct ct_query *query, struct ct_answer *answer)
{
	struct ct_entry *entry = bpf_map_lookup_elem(map, key);
	struct ct_entry fresh = {.last_seen = query->now};

	if (query->hold &&
	    (!entry || ct_restarts(entry, p, from_high == !!(entry->flags & CT_INITIATOR_HIGH), query->now))) {
		ct_hold(p, query, answer);
		return;
	}
	if (entry) {
		ct_advance(entry, p, from_high, false, query, answer);
		return;
	}
	ct_begin(&fresh, p, from_high, query);
	ct_advance(&fresh, p, from_high, true, query, answer);
	if (likely(bpf_map_update_elem(map, key, &fresh, BPF_NOEXIST) == 0))
		return;
	/* Another CPU was first, or there is no memory. */
	entry = bpf_map_lookup_elem(map, key);
	if (entry)
		ct_advance(entry, p, from_high, false, query, answer);
	else
		count(COUNTER_CT_INSERT_FAILED);
}

VERIFIED_ALONE int ct_track_ipv4(const struct packet *p, const struct ct_query *query, struct ct_answer *answer)
{
	struct ct4_key key;
	bool from_high;

	if (!p || !query || !answer)
		return -1;
	from_high = ct4_key_init(&key, &p->tuple);
	ct_track_in(&ct4, &key, p, from_high, query, answer);
	return 0;
}

VERIFIED_ALONE int ct_track_ipv6(const struct packet *p, const struct ct_query *query, struct ct_answer *answer)
{
	struct ct6_key key;
	bool from_high;

	if (!p || !query || !answer)
		return -1;
	from_high = ct6_key_init(&key, &p->tuple);
	ct_track_in(&ct6, &key, p, from_high, query, answer);
	return 0;
}

/* Notes what policies said of a connection in the table: `allowed` and `denied` are POLICY_*_BIT, `query` has the
 * generations of those that allowed it. */
VERIFIED_ALONE int ct_note_policy(const struct packet *p, const struct ct_query *query, __u8 allowed, __u8 denied)
{
	struct ct_entry *entry;

	if (!p || !query)
		return -1;
	entry = ct_find(&p->tuple);
	if (!entry)
		return 0;
	for (int i = 0; i < 2; i++) {
		__u8 bit = 1 << i;

		if (allowed & bit) {
			entry->generation[i] = query->generation[i];
			entry->epoch[i] = query->epoch;
			entry->denied &= ~bit;
		}
		if (denied & bit) {
			entry->generation[i] = 0;
			entry->denied |= bit;
		}
	}
	return 0;
}
