/** Requests to route netlink as bytes (linux/rtnetlink.h). Pure. */

export const RTM_NEWLINK = 16;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_GETROUTE = 26;
export const NETLINK_HEADER_BYTES = 16;

const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const IFLA_TARGET_NETNSID = 46;
const IFA_TARGET_NETNSID = 10;

/** What stands behind the header of each dump request: struct ifinfomsg, ifaddrmsg, rtmsg. A socket with strict checks takes no byte more. */
const DUMP_BODY_BYTES = { [RTM_GETLINK]: 16, [RTM_GETADDR]: 8, [RTM_GETROUTE]: 12 } as const;

export type DumpType = keyof typeof DUMP_BODY_BYTES;

function request(type: number, flags: number, sequence: number, body: Buffer): Buffer {
  const header = Buffer.alloc(NETLINK_HEADER_BYTES);
  header.writeUInt32LE(NETLINK_HEADER_BYTES + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(NLM_F_REQUEST | flags, 6);
  header.writeUInt32LE(sequence, 8);
  return Buffer.concat([header, body]);
}

/** An attribute of four bytes (struct nlattr and a number). */
function numberAttribute(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.writeInt32LE(value, 4);
  return bytes;
}

/** Asks for all objects of a kind, of all families. */
export function dumpRequest(type: DumpType, sequence: number): Buffer {
  return request(type, NLM_F_DUMP, sequence, Buffer.alloc(DUMP_BODY_BYTES[type]));
}

/** Asks for one interface, of another network namespace unless `netnsId` (that namespace's id in this one) is negative. */
export function linkRequest(index: number, netnsId: number, sequence: number): Buffer {
  const body = Buffer.alloc(16);
  body.writeInt32LE(index, 4);
  const target = netnsId < 0 ? Buffer.alloc(0) : numberAttribute(IFLA_TARGET_NETNSID, netnsId);
  return request(RTM_GETLINK, NLM_F_ACK, sequence, Buffer.concat([body, target]));
}

/** Asks for all addresses in another network namespace, by that namespace's id in this one. Needs a socket with strict checks: others ignore the id. */
export function netnsAddressesRequest(netnsId: number, sequence: number): Buffer {
  const body = Buffer.concat([Buffer.alloc(8), numberAttribute(IFA_TARGET_NETNSID, netnsId)]);
  return request(RTM_GETADDR, NLM_F_DUMP, sequence, body);
}
