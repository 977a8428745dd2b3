import {
  authenticationHeader,
  ethernet,
  ETHERTYPE,
  icmp,
  ipv4,
  ipv6,
  ipv6Extension,
  ipv6Fragment,
  PROTO,
  sctp,
  tcp,
  TCP_FLAG,
  udp,
  vlanTag,
} from './build-packet.ts';

const ip4 = (protocol: number, payload: Uint8Array): Uint8Array =>
  ethernet(ETHERTYPE.ipv4, ipv4({ protocol }, payload));
const ip6 = (next: number, payload: Uint8Array): Uint8Array =>
  ethernet(ETHERTYPE.ipv6, ipv6({ next }, payload));
const data = Uint8Array.from({ length: 16 }, (_, index) => index);

/** A sound packet of every kind of header, all from the default source to the default destination. */
export const kinds: Readonly<Record<string, Uint8Array>> = {
  'TCP over IPv4': ip4(PROTO.tcp, tcp({ flags: TCP_FLAG.syn })),
  'TCP with options and data': ip4(
    PROTO.tcp,
    tcp({ flags: TCP_FLAG.psh | TCP_FLAG.ack }, data, new Uint8Array(12)),
  ),
  'TCP over IPv6': ip6(PROTO.tcp, tcp({ flags: TCP_FLAG.syn })),
  'UDP over IPv4': ip4(PROTO.udp, udp({})),
  'UDP over IPv6': ip6(PROTO.udp, udp({})),
  'SCTP over IPv4': ip4(PROTO.sctp, sctp({ chunk: 1 })),
  'SCTP over IPv6': ip6(PROTO.sctp, sctp({})),
  'ICMP echo': ip4(PROTO.icmp, icmp({ type: 8, identifier: 7 })),
  'ICMPv6 echo': ip6(PROTO.icmpv6, icmp({ type: 128, identifier: 7 })),
  'ICMP unreachable': ip4(PROTO.icmp, icmp({ type: 3, code: 3 }, ipv4({ protocol: PROTO.udp }, udp({})))),
  'ICMPv6 packet too big': ip6(PROTO.icmpv6, icmp({ type: 2 }, ipv6({ next: PROTO.udp }, udp({})))),
  'ICMPv6 neighbour solicitation': ip6(PROTO.icmpv6, icmp({ type: 135 }, new Uint8Array(16))),
  'IPv4 with options': ethernet(
    ETHERTYPE.ipv4,
    ipv4({ protocol: PROTO.tcp, options: new Uint8Array(12) }, tcp({})),
  ),
  'a GRE packet': ip4(PROTO.gre, data),
  'an ESP packet': ip6(PROTO.esp, data),
  IGMP: ip4(PROTO.igmp, data),
  'ICMPv6 inside IPv4, which nobody takes for ICMP': ip4(PROTO.icmpv6, data),
  'a VLAN tag': ethernet(ETHERTYPE.vlan, vlanTag(5, ETHERTYPE.ipv4, ipv4({ protocol: PROTO.udp }, udp({})))),
  'two VLAN tags': ethernet(
    ETHERTYPE.qinq,
    vlanTag(5, ETHERTYPE.vlan, vlanTag(6, ETHERTYPE.ipv6, ipv6({ next: PROTO.tcp }, tcp({})))),
  ),
  'IPv6 with a hop-by-hop header': ip6(PROTO.hopByHop, ipv6Extension(PROTO.tcp, tcp({}))),
  'IPv6 with a routing header': ip6(PROTO.routing, ipv6Extension(PROTO.udp, udp({}), 2)),
  'IPv6 with destination options': ip6(PROTO.destination, ipv6Extension(PROTO.icmpv6, icmp({ type: 128 }))),
  'IPv6 with an authentication header': ip6(PROTO.ah, authenticationHeader(PROTO.tcp, tcp({}))),
  'IPv6 with all extension headers': ip6(
    PROTO.hopByHop,
    ipv6Extension(
      PROTO.destination,
      ipv6Extension(
        PROTO.routing,
        ipv6Extension(
          PROTO.fragment,
          ipv6Fragment(
            { next: PROTO.ah },
            authenticationHeader(PROTO.destination, ipv6Extension(PROTO.tcp, tcp({ flags: TCP_FLAG.syn }))),
          ),
        ),
        1,
      ),
    ),
  ),
  'a first IPv4 fragment': ethernet(
    ETHERTYPE.ipv4,
    ipv4({ protocol: PROTO.udp, id: 77, moreFragments: true }, udp({ length: 4000 }, data)),
  ),
  'a first IPv6 fragment': ip6(
    PROTO.fragment,
    ipv6Fragment({ next: PROTO.udp, more: true, id: 77 }, udp({ length: 4000 }, data)),
  ),
  'a later IPv4 fragment': ethernet(
    ETHERTYPE.ipv4,
    ipv4({ protocol: PROTO.udp, id: 77, fragmentOffset: 3 }, data),
  ),
  'a later IPv6 fragment': ip6(PROTO.fragment, ipv6Fragment({ next: PROTO.udp, offset: 3, id: 77 }, data)),
};
