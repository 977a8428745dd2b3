/* Keys and values of the maps by which pods' traffic to the outside takes the node's address. Mirrored by
 * agent/datapath/masquerade-layout.ts; a test holds the two against each other. Addresses and ports in network order, an IPv4
 * address in the first four bytes and the rest zero. */
#pragma once

/* Map `masquerade`: array of one. Not looked at unless settings say SETTING_MASQUERADE. */
struct masquerade_config {
	__u8 ipv4[4];              /*  0  what pods are seen as outside; 0.0.0.0 = nothing of this family is translated */
	__u8 ipv6[16];             /*  4 */
	__u16 first_port;          /* 20  host order: of the ports (ICMP: identifiers) that pods get */
	__u16 ports;               /* 22  … how many there are; none that the node's own sockets choose by themselves */
};                                 /* 24 bytes */

/* Map `no_masquerade`: LPM trie of cidr_key -> ipcache_info (its content does not matter): to these ranges pods speak from
 * their own addresses. What `ipcache` lists is such without being here. */

/* Maps `nat4` and `nat6`: LRU hashes of mappings, by the tuple that is seen outside. Only the programs write here. A mapping
 * nobody uses any more gives its port to the next who asks; of a full map those idle the longest go. */
struct nat4_key {
	__u8 node[4];              /*  0 */
	__u8 remote[4];            /*  4 */
	__u16 port;                /*  8  at the node; ICMP: the identifier */
	__u16 remote_port;         /* 10  ICMP: 0 */
	__u8 proto;                /* 12  IPPROTO_* */
	__u8 pad[3];
};                                 /* 16 bytes */

struct nat6_key {
	__u8 node[16];             /*  0 */
	__u8 remote[16];           /* 16 */
	__u16 port;                /* 32 */
	__u16 remote_port;         /* 34 */
	__u8 proto;                /* 36 */
	__u8 pad[3];
};                                 /* 40 bytes */

struct nat_entry {
	__u8 pod[16];              /*  0 */
	__u16 pod_port;            /* 16 */
	__u8 tcp_flags[2];         /* 18  seen from the pod, and to it, or-ed */
	__u32 last_seen;           /* 20  in ticks, as ct_entry's */
	__u8 flags;                /* 24  NAT_* */
	__u8 pad[3];
};                                 /* 28 bytes */

#define NAT_REPLIED (1 << 0)
