/* Keys and values of the maps by which the datapath enforces policies. Mirrored by agent/policy/policy-layout.ts; a test
 * holds the two against each other. What the entries mean: policy/index.ts. */
#pragma once

/* Directions as the policed endpoint sees them: indices of pairs, and bits of sets of directions. */
#define POLICY_INGRESS 0
#define POLICY_EGRESS 1
#define POLICY_INGRESS_BIT (1 << 0)
#define POLICY_EGRESS_BIT (1 << 1)

/* endpoint_policy.flags; a direction without its bit is open. */
#define POLICY_ENFORCES_INGRESS (1 << 0)
#define POLICY_ENFORCES_EGRESS (1 << 1)
#define POLICY_AUDITS (1 << 2)          /* what would be denied passes, and is told as audited */

/* Which prefixes a set has under some identity, so that only lookups that can succeed are made. Bits 1 to 16: that many bits
 * of a port. */
#define POLICY_HAS_PROTOCOL (1 << 0)    /* entries for a whole protocol */
#define POLICY_HAS_RANGES 0xfffe        /* … for ranges: bits 1 to 15 */
#define POLICY_HAS_PORT (1 << 16)       /* entries for single ports */
#define POLICY_HAS_ALL (1 << 17)        /* entries for all traffic */
#define POLICY_PORT_BITS 16

/* Map `endpoint_policies`: hash by endpoint id (__u32), 0 for the node itself. Endpoints with equal policies share a set of
 * entries. Both generations are the same number, and no two values ever written on a node have the same: a program that reads
 * a value while the kernel gives its memory to another tells by them. An endpoint without a value is denied everything; the
 * node is then open. */
struct endpoint_policy {
	__u32 generation;          /*  0  never 0 */
	__u32 set_id;              /*  4 */
	__u16 endpoint_id;         /*  8 */
	__u8 flags;                /* 10  POLICY_* */
	__u8 pad;
	__u32 own[2];              /* 12  POLICY_HAS_* of entries under identities of peers, by direction */
	__u32 class[2];            /* 20  … under classes of identities */
	__u32 any[2];              /* 28  … under 0, everybody */
	__u32 generation_again;    /* 36 */
};                                 /* 40 bytes */

/* Map `policy`: hash of all sets' entries. For all traffic proto, port and prefix_len are 0, for a protocol port and
 * prefix_len; with ICMP the type stands for the port. */
struct policy_key {
	__u32 set_id;              /*  0 */
	__u32 identity;            /*  4  of the peer, or of its class (11 to 14), or 0 for everybody */
	__u16 port;                /*  8  network order, bits beyond prefix_len zero */
	__u8 proto;                /* 10 */
	__u8 prefix_len;           /* 11  bits of the port that count */
	__u8 direction;            /* 12  POLICY_INGRESS or POLICY_EGRESS */
	__u8 pad[3];
};                                 /* 16 bytes */

#define POLICY_ALLOW 0
#define POLICY_DENY 1

struct policy_entry {
	__u32 cookie;              /*  0  leads to the rules that made the entry */
	__u8 verdict;              /*  4  POLICY_ALLOW or POLICY_DENY */
	__u8 match_type;           /*  5  as Flow.policy_match_type */
	__u8 pad[2];
};                                 /* 8 bytes */

/* Map `rule_counters`: hash by cookie (__u32), 0 for what no rule allowed. One decision for a connection that is allowed (and
 * one more after each change of the policy), one for each packet that is not. */
struct rule_counter {
	__u64 decisions;           /*  0 */
	__u64 audited;             /*  8  of them, denied but for audit mode */
};                                 /* 16 bytes */
