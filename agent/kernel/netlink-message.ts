/** Answers of route netlink as bytes (linux/rtnetlink.h, linux/if_link.h). Pure. */
import { NETLINK_HEADER_BYTES } from './netlink-request.ts';

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_DUMP_INTR = 0x10;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_LINK_NETNSID = 37;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_VIA = 18;

const AF_INET = 2;
const AF_INET6 = 10;
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;
const IFF_UP = 1;
const IFF_LOOPBACK = 8;
const RTN_UNICAST = 1;

/** A network interface. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** 6 bytes, or empty when the interface has none. */
  readonly mac: Uint8Array;
  readonly isLoopback: boolean;
  /** Whether its packets start with an Ethernet header. */
  readonly hasL2: boolean;
  /** Switched on; whether there is a carrier is another matter. */
  readonly isUp: boolean;
  readonly mtu: number;
  /** Driver kind, such as `veth`; empty for plain devices. */
  readonly kind: string;
  /** Index of the bridge (or bond, or VRF) it is part of, 0 = none. */
  readonly masterIndex: number;
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
  readonly flags: number;
  readonly sequence: number;
  readonly body: Buffer;
}

/** Cuts what one read brought into messages. Bytes that are no whole message end the list. */
export function parseMessages(bytes: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + NETLINK_HEADER_BYTES <= bytes.length;) {
    const length = bytes.readUInt32LE(at);
    if (length < NETLINK_HEADER_BYTES || at + length > bytes.length) break;
    messages.push({
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      body: bytes.subarray(at + NETLINK_HEADER_BYTES, at + length),
    });
    at += (length + 3) & ~3;
  }
  return messages;
}

/** Whether the message ends an answer: `done`, or the errno of a refusal (0 = acknowledged). */
export function endOfAnswer(message: NetlinkMessage): { readonly errno: number } | null {
  if (message.type !== NLMSG_DONE && message.type !== NLMSG_ERROR) return null;
  return { errno: message.body.length < 4 ? 0 : Math.max(0, -message.body.readInt32LE(0)) };
}

/** Whether things changed while the kernel wrote this answer, so that it may lack some or tell some twice. */
export function isInterrupted(message: NetlinkMessage): boolean {
  return (message.flags & NLM_F_DUMP_INTR) !== 0;
}

function attributes(body: Buffer, start: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = start; at + 4 <= body.length;) {
    const length = body.readUInt16LE(at);
    if (length < 4 || at + length > body.length) break;
    // The two highest bits say how the value is to be read.
    found.set(body.readUInt16LE(at + 2) & 0x3fff, body.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

function readNumber(bytes: Buffer | undefined, missing: number): number {
  return bytes === undefined || bytes.length < 4 ? missing : bytes.readInt32LE(0);
}

const cString = (bytes: Buffer | undefined): string => bytes?.toString('utf8').replace(/\0.*$/s, '') ?? '';

/** Reads an RTM_NEWLINK (struct ifinfomsg and attributes); null when it is too short. */
export function parseLink({ body }: NetlinkMessage): Link | null {
  if (body.length < 16) return null;
  const hardwareType = body.readUInt16LE(2);
  const flags = body.readUInt32LE(8);
  const found = attributes(body, 16);
  const info = found.get(IFLA_LINKINFO);
  const kind = info === undefined ? '' : cString(attributes(info, 0).get(IFLA_INFO_KIND));
  const lower = readNumber(found.get(IFLA_LINK), 0);
  return {
    index: body.readInt32LE(4),
    name: cString(found.get(IFLA_IFNAME)),
    mac: Uint8Array.from(found.get(IFLA_ADDRESS) ?? []),
    isLoopback: (flags & IFF_LOOPBACK) !== 0,
    hasL2: hardwareType === ARPHRD_ETHER || hardwareType === ARPHRD_LOOPBACK,
    isUp: (flags & IFF_UP) !== 0,
    mtu: readNumber(found.get(IFLA_MTU), 0),
    kind,
    masterIndex: readNumber(found.get(IFLA_MASTER), 0),
    // Of a VLAN or a tunnel IFLA_LINK is the device below, which is no other end.
    peer:
      kind === 'veth' && lower > 0
        ? { index: lower, netnsId: readNumber(found.get(IFLA_LINK_NETNSID), -1) }
        : null,
  };
}

/** Reads an RTM_NEWADDR (struct ifaddrmsg and attributes); null when it is too short or of another family. */
export function parseAddress({ body }: NetlinkMessage): LinkAddress | null {
  if (body.length < 8) return null;
  const bytes = addressBytes(body[0]);
  const found = attributes(body, 8);
  const address = found.get(IFA_LOCAL) ?? found.get(IFA_ADDRESS);
  if (address === undefined || address.length !== bytes) return null;
  return { linkIndex: body.readUInt32LE(4), address: Uint8Array.from(address) };
}

/** Reads an RTM_NEWROUTE (struct rtmsg and attributes); null for routes that are not unicast IP or have no single interface. */
export function parseRoute({ body }: NetlinkMessage): Route | null {
  if (body.length < 12 || body[7] !== RTN_UNICAST) return null;
  const bytes = addressBytes(body[0]);
  const found = attributes(body, 12);
  const linkIndex = readNumber(found.get(RTA_OIF), 0);
  const destination = found.get(RTA_DST) ?? Buffer.alloc(bytes);
  if (bytes === 0 || linkIndex === 0 || destination.length !== bytes) return null;
  return {
    destination: Uint8Array.from(destination),
    prefixLength: body[1],
    isIpv6: body[0] === AF_INET6,
    linkIndex,
    viaGateway: found.has(RTA_GATEWAY) || found.has(RTA_VIA),
  };
}

function addressBytes(family: number): number {
  return family === AF_INET ? 4 : family === AF_INET6 ? 16 : 0;
}
