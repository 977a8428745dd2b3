const names: Readonly<Record<number, string>> = {
  1: 'ICMPv4',
  2: 'IGMP',
  6: 'TCP',
  17: 'UDP',
  58: 'ICMPv6',
  112: 'VRRP',
  132: 'SCTP',
};

/** A protocol, with its port or type of ICMP message: `8080/TCP`, `ICMPv4 type 8`. @param port null: the protocol alone */
export function protocolText(protocol: number, port: number | null): string {
  const name = names[protocol] ?? `protocol ${protocol}`;
  if (port === null) return name;
  if (name.startsWith('ICMP')) return `${name} type ${port}`;
  return protocol === 6 || protocol === 17 || protocol === 132 ? `${port}/${name}` : name;
}
