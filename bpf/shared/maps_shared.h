/* Keys and values of the maps that the agent writes and the programs read. Mirrored by agent/datapath/map-layout.ts;
 * a test holds the two against each other. Addresses are in network order; an IPv4 address stands in the first four
 * bytes, the rest zero, and `family` tells it from IPv6. */
#pragma once

#define FAMILY_IPV4 1
#define FAMILY_IPV6 2

/* The only object in section .rodata (`const volatile struct node_constants node_constants`): the loader replaces the
 * section's bytes by this struct before the object is loaded. The verifier then knows the values and removes dead branches. */
struct node_constants {
	__u32 device_ifindex;      /*  0  the node's network device, 0 = none: nothing is redirected out of it */
	__u8 device_has_no_l2;     /*  4  1 = packets of that device start at the IP header (tun, wireguard) */
	__u8 cluster_id;           /*  5  bits 16 to 23 of the identities of the own cluster's pods */
	__u8 pad[2];
};                                 /* 8 bytes */

/* skb->mark bits with which a hook tells a later hook on the same node what it found. Free for others: all other bits. */
#define HANDOFF_MARK_MASK 0x00000f00

/* Map `settings`: array of one, changed at run time. */
struct datapath_settings {
	__u32 aggregation;         /*  0  AGGREGATE_* */
	__u32 interval_s;          /*  4  a live connection is reported again after this many seconds */
	__u32 capture_bytes;       /*  8  most bytes of a packet to copy, 0 = headers up to L4 only */
	__u32 flags;               /* 12  SETTING_* */
	__u32 dns_burst;           /* 16  most DNS messages that the node tells in a window, 0 = DNS is not read */
	__u32 identity_epoch;      /* 20  counted up after an address has become another identity's: what was decided before is decided anew */
	__u32 denial_burst;        /* 24  most denied packets that the node tells in a window, a quarter of it for one endpoint; 0 = no bound */
};                                 /* 28 bytes */

#define DNS_WINDOW_SHIFT 26    /* windows of 2^26 ns, 67 ms */
#define DENIAL_WINDOW_SHIFT 26

#define AGGREGATE_NONE 0       /* every packet at every point */
#define AGGREGATE_LOW 1        /* every packet, receive points (from-*) left out */
#define AGGREGATE_MEDIUM 2     /* per connection: new, new TCP flag, interval */

#define SETTING_EVENTS_OFF (1 << 0)     /* no events at all (benchmarks) */
#define SETTING_NO_REDIRECT (1 << 1)    /* leave forwarding to the kernel's stack */
#define SETTING_POLICY (1 << 2)         /* endpoint_policies holds every endpoint, and one of them at least enforces something */
#define SETTING_MASQUERADE (1 << 3)     /* what pods send outside the fleet leaves with the node's address: nat_shared.h */

/* Map `endpoints`: hash by the ifindex (__u32) of the host side of an endpoint's veth. Written before the programs are
 * attached to that veth: from an interface that is not here, every packet is dropped (DROP_ENDPOINT_NOT_READY). */
struct endpoint_info {
	__u32 identity;            /*  0 */
	__u16 endpoint_id;         /*  4 */
	__u16 flags;               /*  6  none yet, 0 */
	__u8 ipv4[4];              /*  8  0.0.0.0 = none */
	__u8 ipv6[16];             /* 12  :: = none */
	__u8 pod_mac[6];           /* 28 */
	__u8 host_mac[6];          /* 34  of the host side */
};                                 /* 40 bytes */

struct address_key {
	__u8 family;               /*  0 */
	__u8 pad[3];
	__u8 address[16];          /*  4 */
};                                 /* 20 bytes */

/* Map `local_addresses`: hash of address_key: where an endpoint of this node lives; ifindex 0 = the node itself (every
 * address of the node's own interfaces, identity 1). An ifindex must be a veth's: packets are redirected to its peer, unless
 * pod_mac is not known (zero). */
struct local_address {
	__u32 ifindex;             /*  0 */
	__u32 identity;            /*  4 */
	__u16 endpoint_id;         /*  8 */
	__u8 pod_mac[6];           /* 10 */
	__u8 host_mac[6];          /* 16 */
	__u16 pad;                 /* 22 */
};                                 /* 24 bytes */

/* Map `ipcache`: hash of address_key -> ipcache_info for single addresses of the whole fleet: pods, and other nodes (identity 6, or from 2^25
 * on, one each). A single address with an identity from 256 to 2^24 - 1 is taken for a pod: packets to it may leave the node's device past
 * the kernel's stack (and its NAT), if the FIB says so. Map `ipcache_cidr`: LPM trie of cidr_key -> ipcache_info for ranges;
 * asked when `ipcache` has nothing. What neither knows is world (2). */
struct cidr_key {
	__u32 prefix_len;          /*  0  bits, counted from `family` on: 32 + prefix length of the CIDR */
	__u8 family;               /*  4 */
	__u8 pad[3];
	__u8 address[16];          /*  8 */
};                                 /* 24 bytes */

struct ipcache_info {
	__u32 identity;            /*  0 */
	__u8 flags;                /*  4 */
	__u8 pad[3];
};                                 /* 8 bytes */

/* Maps `ct4` and `ct6`: LRU hashes of connections. One entry for both directions: the ends stand in a fixed order, the
 * smaller (address, port) first, compared as big-endian numbers. ICMP has no ports: of a request and its reply, the
 * requester's port is the identifier and the other 0. Only the programs write here. */
struct ct4_key {
	__u8 low_address[4];       /*  0 */
	__u8 high_address[4];      /*  4 */
	__u16 low_port;            /*  8  network order */
	__u16 high_port;           /* 10 */
	__u8 proto;                /* 12  IPPROTO_* */
	__u8 pad[3];
};                                 /* 16 bytes */

struct ct6_key {
	__u8 low_address[16];      /*  0 */
	__u8 high_address[16];     /* 16 */
	__u16 low_port;            /* 32 */
	__u16 high_port;           /* 34 */
	__u8 proto;                /* 36 */
	__u8 pad[3];
};                                 /* 40 bytes */

/* Arrays of two: [0] what the initiator sent, [1] what it was sent. Times are CT_TICK_SHIFT ticks of CLOCK_MONOTONIC. */
struct ct_entry {
	__u64 packets[2];          /*  0 */
	__u64 bytes[2];            /* 16  Ethernet header included; a GSO packet counts as it was seen */
	__u32 last_seen;           /* 32 */
	__u32 reported[2];         /* 36  time of the last event of that direction, 0 = none yet */
	__u32 reported_related;    /* 44  the same for ICMP errors about this connection */
	__u8 tcp_flags[2];         /* 48  all of TCP's flags seen, or-ed */
	__u8 flags;                /* 50  CT_* */
	__u8 denied;               /* 51  POLICY_*_BIT of policies that denied the connection after it had begun */
	__u32 generation[2];       /* 52  by policy direction: endpoint_policy.generation that allowed it, 0 = none was asked */
	__u32 epoch[2];            /* 60  … and datapath_settings.identity_epoch then */
	__u16 nat_port;            /* 68  network order: the port that the initiator, a pod here, has outside; 0 = its own */
	__u16 reserved;            /* 70 */
};                                 /* 72 bytes */

#define CT_TICK_SHIFT 24                /* a tick is 2^24 ns, about a 60th of a second */
#define CT_INITIATOR_HIGH (1 << 0)      /* the initiator is the key's high end */
#define CT_OPENED (1 << 1)              /* it began with an opening packet: a SYN, an ICMP request; else it was joined under way */
#define CT_REPLIED (1 << 2)             /* the other end has answered */
#define CT_CLOSING (1 << 3)             /* RST, or FIN from both ends */
#define CT_VIA_STACK (1 << 4)           /* first seen behind the kernel's stack, which may translate it: never redirected */

/* Map `fragments`: LRU hash that leads later fragments to the ports that only the first carries. */
struct fragment_key {
	__u8 source[16];           /*  0  as in address_key */
	__u8 destination[16];      /* 16 */
	__u32 id;                  /* 32  network order; 16 bits of it with IPv4 */
	__u8 family;               /* 36 */
	__u8 proto;                /* 37  0 with IPv6: only the first fragment tells what follows all extension headers */
	__u8 pad[2];
};                                 /* 40 bytes */

struct fragment_ports {
	__u16 source;              /*  0  network order */
	__u16 destination;         /*  2 */
	__u8 proto;                /*  4 */
	__u8 icmp_type;            /*  5 */
	__u8 pad[2];
};                                 /* 8 bytes */
