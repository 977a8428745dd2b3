/* Keys and values of the maps that the agent writes and the programs read. Mirrored by agent/datapath/map-layout.ts;
 * a test holds the two against each other. Addresses are in network order; an IPv4 address stands in the first four
 * bytes, the rest zero, and `family` tells it from IPv6. */
#pragma once

#define FAMILY_IPV4 1
#define FAMILY_IPV6 2

/* Map `settings`: array of one, changed at run time. */
struct datapath_settings {
	__u32 aggregation;         /*  0  AGGREGATE_* */
	__u32 interval_s;          /*  4  a live connection is reported again after this many seconds */
	__u32 capture_bytes;       /*  8  most bytes of a packet to copy, 0 = headers up to L4 only */
	__u32 flags;               /* 12  SETTING_* */
};                                 /* 16 bytes */

#define AGGREGATE_NONE 0       /* every packet at every point */
#define AGGREGATE_LOW 1        /* every packet, receive points (from-*) left out */
#define AGGREGATE_MEDIUM 2     /* per connection: new, new TCP flag, interval */

#define SETTING_EVENTS_OFF (1 << 0)     /* no events at all (benchmarks) */
#define SETTING_NO_REDIRECT (1 << 1)    /* leave forwarding to the kernel's stack */

/* Map `endpoints`: hash by the ifindex (__u32) of the host side of an endpoint's veth. */
struct endpoint_info {
	__u32 identity;            /*  0 */
	__u16 endpoint_id;         /*  4 */
	__u16 flags;               /*  6  ENDPOINT_* */
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

/* Map `local_addresses`: hash of address_key: where an endpoint of this node lives; ifindex 0 = the node itself. */
struct local_address {
	__u32 ifindex;             /*  0 */
	__u32 identity;            /*  4 */
	__u16 endpoint_id;         /*  8 */
	__u8 pod_mac[6];           /* 10 */
	__u8 host_mac[6];          /* 16 */
	__u16 pad;                 /* 22 */
};                                 /* 24 bytes */

/* Map `ipcache`: hash of address_key for single addresses of the whole fleet. */
/* Map `ipcache_cidr`: LPM trie for ranges; matched when `ipcache` has nothing. */
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
