import { addressBytes } from '../../../bench/support/address-bytes.ts';
import { constant, mapsHeader } from '../../../bench/support/datapath-node.ts';
import { packStruct, readMember } from '../../../bench/support/c-struct.ts';
import { ethernet, ETHERTYPE, icmp, ipv4, ipv6, PROTO, tcp, udp } from './build-packet.ts';
import { CAST, type OneNode, type Outcome, type Program } from './one-node.ts';

export type Family = 'ipv4' | 'ipv6';

/** Names of TRACE_REASON_* without the prefix. */
export type Reason = 'NEW' | 'ESTABLISHED' | 'REPLY' | 'RELATED' | 'UNKNOWN';

/** Wraps an L4 packet between two of the cast. */
export function between(
  family: Family,
  source: string,
  destination: string,
  protocol: number,
  l4: Uint8Array,
): Uint8Array {
  return family === 'ipv4'
    ? ethernet(ETHERTYPE.ipv4, ipv4({ protocol, source, destination }, l4))
    : ethernet(ETHERTYPE.ipv6, ipv6({ next: protocol, source, destination }, l4));
}

/**
 * The pod and a remote peer talking through one node: what the pod says passes from_container, what the peer says from_netdev.
 * Each conversation has a port of its own on the pod's side.
 */
export class Conversation {
  private static nextPort = 20000;
  readonly port = Conversation.nextPort++;
  readonly node: OneNode;
  readonly family: Family;
  private readonly pod: string;
  private readonly peer: string;

  constructor(node: OneNode, family: Family) {
    this.node = node;
    this.family = family;
    this.pod = CAST.pod[family];
    this.peer = CAST.remotePod[family];
  }

  podPacket(protocol: number, l4: Uint8Array): Uint8Array {
    return between(this.family, this.pod, this.peer, protocol, l4);
  }

  peerPacket(protocol: number, l4: Uint8Array): Uint8Array {
    return between(this.family, this.peer, this.pod, protocol, l4);
  }

  podTcp(flags: number): Outcome {
    return this.node.run(
      'from_container',
      this.podPacket(PROTO.tcp, tcp({ from: this.port, to: 80, flags })),
    );
  }

  peerTcp(flags: number): Outcome {
    return this.node.run('from_netdev', this.peerPacket(PROTO.tcp, tcp({ from: 80, to: this.port, flags })));
  }

  podUdp(): Outcome {
    return this.node.run('from_container', this.podPacket(PROTO.udp, udp({ from: this.port, to: 53 })));
  }

  peerUdp(): Outcome {
    return this.node.run('from_netdev', this.peerPacket(PROTO.udp, udp({ from: 53, to: this.port })));
  }

  private echo(reply: boolean): Uint8Array {
    const type = this.family === 'ipv4' ? (reply ? 0 : 8) : reply ? 129 : 128;
    return icmp({ type, identifier: this.port });
  }

  private get icmpProtocol(): number {
    return this.family === 'ipv4' ? PROTO.icmp : PROTO.icmpv6;
  }

  podEcho(reply = false): Outcome {
    return this.node.run('from_container', this.podPacket(this.icmpProtocol, this.echo(reply)));
  }

  peerEcho(reply = false): Outcome {
    return this.node.run('from_netdev', this.peerPacket(this.icmpProtocol, this.echo(reply)));
  }

  /** The peer (or a router: `source`) telling the pod that a packet of its own, from the IP header on, could not be delivered. */
  errorToPod(about: Uint8Array, source = this.peer, program: Program = 'from_netdev'): Outcome {
    const type = this.family === 'ipv4' ? 3 : 1;
    const error = icmp({ type, code: 3 }, about);
    return this.node.run(program, between(this.family, source, this.pod, this.icmpProtocol, error));
  }

  /** The pod telling whom it likes the same. */
  errorFromPod(about: Uint8Array): Outcome {
    const type = this.family === 'ipv4' ? 3 : 1;
    const error = icmp({ type, code: 3 }, about);
    return this.node.run('from_container', this.podPacket(this.icmpProtocol, error));
  }

  /** The conntrack key, with the pod at the low end as its address is the smaller. */
  private key(protocol: number, peerPort: number): Uint8Array {
    const swap = (port: number): number => ((port & 0xff) << 8) | (port >> 8);
    return packStruct(mapsHeader, this.family === 'ipv4' ? 'ct4_key' : 'ct6_key', {
      low_address: addressBytes(this.pod),
      high_address: addressBytes(this.peer),
      low_port: swap(this.port),
      high_port: swap(peerPort),
      proto: protocol,
    });
  }

  private get table(): ReturnType<OneNode['datapath']['object']['map']> {
    return this.node.datapath.object.map(this.family === 'ipv4' ? 'ct4' : 'ct6');
  }

  /** Member of this conversation's conntrack entry; throws if there is none. */
  entry(protocol: number, peerPort: number, member: string, index = 0): number {
    const value = this.table.lookup(this.key(protocol, peerPort));
    if (value === null) throw new Error('no conntrack entry');
    return readMember(mapsHeader, 'ct_entry', value, member, index);
  }

  /** Removes the entry, as a full table does. */
  forget(protocol: number, peerPort: number): void {
    this.table.delete(this.key(protocol, peerPort));
  }

  /** Makes the entry look as if its last packet, and last event, had been so long ago. */
  age(protocol: number, peerPort: number, seconds: number): void {
    const key = this.key(protocol, peerPort);
    const value = this.table.lookup(key);
    if (value === null) throw new Error('no conntrack entry');
    const entry = Buffer.from(value);
    const ticks = Math.ceil((seconds * 1e9) / 2 ** constant('CT_TICK_SHIFT'));
    for (const member of ['last_seen', 'reported', 'reported_related']) {
      const field = mapsHeader.structs.get('ct_entry')?.fields.get(member);
      if (field === undefined) throw new Error(`no ${member}`);
      for (let index = 0; index < field.count; index++) {
        const at = field.offset + index * field.size;
        if (entry.readUInt32LE(at) !== 0) entry.writeUInt32LE((entry.readUInt32LE(at) - ticks) >>> 0, at);
      }
    }
    this.table.update(key, entry);
  }
}

/** The state that a packet's last event tells. */
export function reasonOf(outcome: Outcome): Reason {
  const event = outcome.events.at(-1);
  if (event === undefined) throw new Error('no event');
  const names: readonly Reason[] = ['NEW', 'ESTABLISHED', 'REPLY', 'RELATED', 'UNKNOWN'];
  const name = names.find((candidate) => constant(`TRACE_REASON_${candidate}`) === event.reason);
  if (name === undefined) throw new Error(`reason ${event.reason}`);
  return name;
}
