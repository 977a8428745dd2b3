/* What an endpoint's policy says about a packet. policy/index.ts describes the entries and the lookup. */
#pragma once

#include "identity.h"
#include "packet.h"
#include "parse_l4.h"
#include "settings.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct endpoint_policy);
} endpoint_policies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 524288);
	__type(key, struct policy_key);
	__type(value, struct policy_entry);
} policy SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct rule_counter);
} rule_counters SEC(".maps");

/* The node's own id among endpoints. */
#define POLICY_OF_NODE 0

/* Generation of a policy that is not there: whoever asks is denied. No value ever has it. */
#define GENERATION_MISSING 0xffffffff

/* Classes that stand for many identities in policy entries (Cilium's aggregates). */
#define IDENTITY_FIRST_CLASSED 100
#define CLASS_LOCAL_PODS 11
#define CLASS_REMOTE_PODS 12
#define CLASS_CIDR 13
#define CLASS_REMOTE_NODES 14
#define IDENTITY_CLUSTER_SHIFT 16

#define IDENTITY_WORLD_IPV4 9
#define IDENTITY_WORLD_IPV6 10

#define MATCH_TYPE_NONE 0
#define MATCH_TYPE_ALL 4

struct policy_question {
	__u32 endpoint_id; /* whose policy */
	__u32 peer;        /* identity of who is at the other end */
	__u16 port;        /* host order; ICMP: the type */
	__u8 proto;
	__u8 direction; /* POLICY_INGRESS or POLICY_EGRESS */
	bool portless;  /* a fragment whose first was not seen: entries with ports do not apply */
	__u8 pad[3];
};

struct policy_decision {
	__u32 generation; /* of the policy that was asked; 0 = open in this direction by now */
	__u32 cookie;
	__u8 reason; /* 0 = allowed, else DROP_* */
	__u8 match_type;
	bool audited; /* would be denied */
	__u8 pad;
};

/* Copies an endpoint's policy. False if there is none. */
static __always_inline bool endpoint_policy_read(__u32 endpoint_id, struct endpoint_policy *copy)
{
	/* The kernel may give a replaced value's memory to another's while it is read here, and writes from front to
	 * back: read from back to front, equal generations at both ends vouch for what is between. */
	for (int tries = 0; tries < 2; tries++) {
		const struct endpoint_policy *value = bpf_map_lookup_elem(&endpoint_policies, &endpoint_id);
		__u32 generation;

		if (!value)
			return false;
		generation = *(const volatile __u32 *)&value->generation_again;
		barrier();
		__builtin_memcpy(copy, value, sizeof(*copy));
		barrier();
		copy->generation = *(const volatile __u32 *)&value->generation;
		if (copy->generation == generation && copy->endpoint_id == endpoint_id)
			return true;
	}
	return false;
}

/* The generation of an endpoint's policy, 0 if it is open in this direction. A torn value shows when it is asked. */
static __always_inline __u32 policy_generation(__u32 endpoint_id, __u8 direction_bit)
{
	const struct endpoint_policy *value = bpf_map_lookup_elem(&endpoint_policies, &endpoint_id);

	if (unlikely(!value))
		return endpoint_id == POLICY_OF_NODE ? 0 : GENERATION_MISSING;
	return value->flags & direction_bit ? value->generation : 0;
}

static __always_inline __u32 identity_class(__u32 identity)
{
	if (identity < IDENTITY_FIRST_CLASSED)
		return 0;
	if (identity >= IDENTITY_REMOTE_NODE_SCOPE)
		return CLASS_REMOTE_NODES;
	if (identity >= IDENTITY_CIDR_SCOPE)
		return CLASS_CIDR;
	if (identity < IDENTITY_FIRST_ALLOCATED || identity >> IDENTITY_CLUSTER_SHIFT == node_constants.cluster_id)
		return CLASS_LOCAL_PODS;
	return CLASS_REMOTE_PODS;
}

/* The longest prefix among the entries of `key`'s identity, in `found`. Gives how much it says: 0 nothing found, 1
 * about all traffic, 2 a protocol, 3 to 18 so many bits of a port and two more. */
VERIFIED_ALONE int policy_longest(struct policy_key *key, __u32 has, const struct policy_question *question,
                                  struct policy_entry *found)
{
	const struct policy_entry *entry = NULL;
	int bits;

	if (!key || !question || !found)
		return 0;
	key->proto = question->proto;
	for (bits = POLICY_PORT_BITS; bits >= 0; bits--) {
		/* Nearly all entries have a whole port, or none. */
		if (bits == POLICY_PORT_BITS - 1 && !(has & POLICY_HAS_RANGES))
			bits = 0;
		/* Before the check, so that the verifier meets the same on both ways out of it. */
		key->port = bpf_htons(question->port & 0xffff << (POLICY_PORT_BITS - bits));
		key->prefix_len = bits;
		if (!(has & 1 << bits))
			continue;
		entry = bpf_map_lookup_elem(&policy, key);
		if (entry) {
			*found = *entry;
			return 2 + bits;
		}
	}
	if (!(has & POLICY_HAS_ALL))
		return 0;
	key->proto = 0;
	key->port = 0;
	key->prefix_len = 0;
	entry = bpf_map_lookup_elem(&policy, key);
	if (!entry)
		return 0;
	*found = *entry;
	return 1;
}

/* Three lookups: the peer's identity, its class, everybody. The first deny decides, else the allow that says most. */
static __always_inline int policy_find(const struct endpoint_policy *endpoint, const struct policy_question *question,
                                       struct policy_entry *decides)
{
	__u32 ported = question->portless ? POLICY_HAS_PROTOCOL | POLICY_HAS_ALL : ~0;
	bool ingress = question->direction == POLICY_INGRESS;
	struct policy_key key = {.set_id = endpoint->set_id, .direction = question->direction};
	struct policy_entry found = {};
	__u32 has[3] = {
		ingress ? endpoint->own[POLICY_INGRESS] : endpoint->own[POLICY_EGRESS],
		ingress ? endpoint->class[POLICY_INGRESS] : endpoint->class[POLICY_EGRESS],
		ingress ? endpoint->any[POLICY_INGRESS] : endpoint->any[POLICY_EGRESS],
	};
	__u32 identities[3] = {question->peer, identity_class(question->peer), 0};
	int best = 0;

	for (int i = 0; i < 3; i++) {
		int says;

		if (has[i] == 0 || (i == 1 && identities[1] == 0))
			continue;
		key.identity = identities[i];
		says = policy_longest(&key, has[i] & ported, question, &found);
		if (says == 0)
			continue;
		if (found.verdict == POLICY_DENY || says > best) {
			*decides = found;
			best = says;
		}
		if (found.verdict == POLICY_DENY)
			break;
	}
	return best;
}

static __always_inline void count_decision(__u32 cookie, bool audited)
{
	struct rule_counter fresh = {.decisions = 1, .audited = audited};
	struct rule_counter *counter = bpf_map_lookup_elem(&rule_counters, &cookie);

	if (!counter) {
		if (bpf_map_update_elem(&rule_counters, &cookie, &fresh, BPF_NOEXIST) == 0)
			return;
		counter = bpf_map_lookup_elem(&rule_counters, &cookie);
		if (!counter) {
			count(COUNTER_RULES_UNCOUNTED);
			return;
		}
	}
	__sync_fetch_and_add(&counter->decisions, 1);
	if (audited)
		__sync_fetch_and_add(&counter->audited, 1);
}

/* Of ICMPv6 a node that is policed takes and sends echoes as its rules say, what node_policy_exempts lists, and nothing
 * else. */
static __always_inline bool node_forbids(const struct policy_question *question)
{
	return question->endpoint_id == POLICY_OF_NODE && question->proto == IPPROTO_ICMPV6 && !question->portless &&
	       question->port != ICMPV6_ECHO_REQUEST && question->port != ICMPV6_ECHO_REPLY;
}

VERIFIED_ALONE int policy_decide(const struct policy_question *question, struct policy_decision *decision)
{
	struct endpoint_policy endpoint;
	struct policy_entry decides = {};
	bool ingress;

	if (!question || !decision)
		return -1;
	__builtin_memset(decision, 0, sizeof(*decision));
	if (!endpoint_policy_read(question->endpoint_id, &endpoint)) {
		if (question->endpoint_id != POLICY_OF_NODE)
			decision->reason = DROP_ENDPOINT_NOT_READY;
		return 0;
	}
	ingress = question->direction == POLICY_INGRESS;
	if (!(endpoint.flags & (ingress ? POLICY_ENFORCES_INGRESS : POLICY_ENFORCES_EGRESS)))
		return 0;
	/* Told as a drop alone: no rule was asked. */
	if (unlikely(node_forbids(question))) {
		decision->reason = endpoint.flags & POLICY_AUDITS ? 0 : DROP_FORBIDDEN_ICMPV6;
		return 0;
	}
	decision->generation = endpoint.generation;
	if (policy_find(&endpoint, question, &decides) == 0)
		decision->reason = question->portless ? DROP_FRAGMENT_UNTRACKED : DROP_POLICY_DENIED;
	else if (decides.verdict == POLICY_DENY)
		decision->reason = DROP_POLICY_DENY;
	decision->cookie = decides.cookie;
	decision->match_type = decides.match_type;
	if (decision->reason && endpoint.flags & POLICY_AUDITS) {
		decision->audited = true;
		decision->reason = 0;
	}
	count_decision(decides.cookie, decision->audited);
	return 0;
}

/* Neighbour discovery and multicast listeners (RFC 4861, 2710, 3810), as long as they have not left their link; also
 * ICMP's "fragmentation needed", without which senders never learn a path's MTU. `own`: the destination is an address
 * of this node or its endpoints. */
static __always_inline bool policy_exempts(const struct packet *p, bool own)
{
	const union address *destination = &p->tuple.destination;

	if (likely(p->tuple.proto != IPPROTO_ICMPV6 || p->tuple.family != FAMILY_IPV6))
		return p->tuple.proto == IPPROTO_ICMP && p->tuple.family == FAMILY_IPV4 &&
		       !(p->flags & PACKET_LATER_FRAGMENT) && p->icmp_type == ICMP_DEST_UNREACH &&
		       p->icmp_code == ICMP_FRAG_NEEDED;
	if (p->flags & PACKET_FRAGMENT)
		return false;
	switch (p->icmp_type) {
	case ICMPV6_ROUTER_SOLICITATION ... ICMPV6_NEIGHBOUR_ADVERTISEMENT:
		return p->ttl == 255 &&
		       (own || is_ipv6_multicast(destination) || is_ipv6_link_local(destination, FAMILY_IPV6));
	case ICMPV6_LISTENER_QUERY ... ICMPV6_LISTENER_DONE:
	case ICMPV6_LISTENER_REPORT_V2:
		return p->ttl == 1 && is_ipv6_multicast(destination);
	default:
		return false;
	}
}

/* Of the node itself more types of ICMPv6 are none of a policy's business. */
static __always_inline bool node_policy_exempts(const struct packet *p)
{
	if (p->tuple.proto != IPPROTO_ICMPV6 || p->flags & PACKET_LATER_FRAGMENT)
		return false;
	switch (p->icmp_type) {
	case 1 ... 4:
	case 130 ... 136:
	case 141 ... 143:
	case 148 ... 149:
	case 151 ... 153:
		return true;
	default:
		return false;
	}
}
