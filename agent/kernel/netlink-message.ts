/** Route netlink as bytes (linux/rtnetlink.h, linux/if_link.h): requests to send and answers to read. Pure. */

export const RTM_NEWLINK = 16;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_GETROUTE = 26;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const HEADER_BYTES = 16;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_LINK = 5;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_LINK_NETNSID = 37;
const IFLA_TARGET_NETNSID = 46;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;

const AF_INET = 2;
const IFF_LOOPBACK = 8;
const RTN_UNICAST = 1;

/** A network interface. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** 6 bytes, or empty when the interface has none. */
  readonly mac: Uint8Array;
  readonly isLoopback: boolean;
  /** Driver kind, such as `veth`; empty for plain devices. */
  readonly kind: string;
  /** The other end of a veth: its index in its namespace, and that namespace's id here (-1 = this namespace). */
  readonly peer: { readonly index: number; readonly netnsId: number } | null;
}

/** An address of an interface. */
export interface LinkAddress {
  readonly linkIndex: number;
  readonly address: Uint8Array;
}

/** A unicast route. */
export interface Route {
  readonly destination: Uint8Array;
  readonly prefixLength: number;
  readonly isIpv6: boolean;
  readonly linkIndex: number;
  readonly viaGateway: boolean;
}

/** A netlink message: type and what follows the header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly sequence: number;
  readonly body: Buffer;
}

function request(type: number, flags: number, sequence: number, body: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(HEADER_BYTES + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(NLM_F_REQUEST | flags, 6);
  header.writeUInt32LE(sequence, 8);
  return Buffer.concat([header, body]);
}

/** Asks for all objects of a kind, of all families. */
export function dumpRequest(type: number, sequence: number): Buffer {
  return request(type, NLM_F_DUMP, sequence, Buffer.alloc(16));
}

/** Asks for one interface of another network namespace, by that namespace's id here. */
export function peerLinkRequest(index: number, netnsId: number, sequence: number): Buffer {
  const body = Buffer.alloc(16 + 8);
  body.writeInt32LE(index, 4);
  body.writeUInt16LE(8, 16);
  body.writeUInt16LE(IFLA_TARGET_NETNSID, 18);
  body.writeInt32LE(netnsId, 20);
  return request(RTM_GETLINK, NLM_F_ACK, sequence, body);
}

/** Cuts what one read brought into messages. Bytes that are no whole message end the list. */
export function parseMessages(bytes: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const length = bytes.readUInt32LE(at);
    if (length < HEADER_BYTES || at + length > bytes.length) break;
    messages.push({
      type: bytes.readUInt16LE(at + 4),
      sequence: bytes.readUInt32LE(at + 8),
      body: bytes.subarray(at + HEADER_BYTES, at + length),
    });
    at += (length + 3) & ~3;
  }
  return messages;
}

/** Whether the message ends an answer: `done`, or the errno of a refusal (0 = acknowledged). */
export function endOfAnswer(message: NetlinkMessage): { readonly errno: number } | null {
  if (message.type === NLMSG_DONE) return { errno: 0 };
  if (message.type !== NLMSG_ERROR || message.body.length < 4) return null;
  return { errno: -message.body.readInt32LE(0) };
}

function attributes(body: Buffer, start: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = start; at + 4 <= body.length;) {
    const length = body.readUInt16LE(at);
    if (length < 4 || at + length > body.length) break;
    found.set(body.readUInt16LE(at + 2) & 0x3fff, body.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

const cString = (bytes: Buffer | undefined): string => bytes?.toString('utf8').replace(/\0.*$/s, '') ?? '';

/** Reads an RTM_NEWLINK (struct ifinfomsg and attributes); null when it is too short. */
export function parseLink({ body }: NetlinkMessage): Link | null {
  if (body.length < 16) return null;
  const found = attributes(body, 16);
  const info = found.get(IFLA_LINKINFO);
  const peerIndex = found.get(IFLA_LINK);
  const netnsId = found.get(IFLA_LINK_NETNSID);
  return {
    index: body.readInt32LE(4),
    name: cString(found.get(IFLA_IFNAME)),
    mac: Uint8Array.from(found.get(IFLA_ADDRESS) ?? []),
    isLoopback: (body.readUInt32LE(8) & IFF_LOOPBACK) !== 0,
    kind: info === undefined ? '' : cString(attributes(info, 0).get(IFLA_INFO_KIND)),
    peer:
      peerIndex === undefined
        ? null
        : { index: peerIndex.readInt32LE(0), netnsId: netnsId?.readInt32LE(0) ?? -1 },
  };
}

/** Reads an RTM_NEWADDR (struct ifaddrmsg and attributes); null when it is too short. */
export function parseAddress({ body }: NetlinkMessage): LinkAddress | null {
  if (body.length < 8) return null;
  const found = attributes(body, 8);
  const address = found.get(IFA_LOCAL) ?? found.get(IFA_ADDRESS);
  return address === undefined
    ? null
    : { linkIndex: body.readUInt32LE(4), address: Uint8Array.from(address) };
}

/** Reads an RTM_NEWROUTE (struct rtmsg and attributes); null for routes that are not unicast or have no single interface. */
export function parseRoute({ body }: NetlinkMessage): Route | null {
  if (body.length < 12 || body[7] !== RTN_UNICAST) return null;
  const found = attributes(body, 12);
  const link = found.get(RTA_OIF);
  if (link === undefined) return null;
  const isIpv6 = body[0] !== AF_INET;
  return {
    destination: Uint8Array.from(found.get(RTA_DST) ?? Buffer.alloc(isIpv6 ? 16 : 4)),
    prefixLength: body[1],
    isIpv6,
    linkIndex: link.readUInt32LE(0),
    viaGateway: found.has(RTA_GATEWAY),
  };
}
