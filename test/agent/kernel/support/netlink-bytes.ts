/** Netlink messages as the kernel writes them (linux/netlink.h): for reading tests without a kernel. */

/** struct nlattr: length, type, value, padding to 4 bytes. */
export function attribute(type: number, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc((4 + value.length + 3) & ~3);
  bytes.writeUInt16LE(4 + value.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(value, 4);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

export const text = (value: string): Buffer => Buffer.from(`${value}\0`);

/** struct nlmsghdr and what follows. */
export function message(type: number, body: Uint8Array, { flags = 0, sequence = 1 } = {}): Buffer {
  const bytes = Buffer.alloc((16 + body.length + 3) & ~3);
  bytes.writeUInt32LE(16 + body.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags, 6);
  bytes.writeUInt32LE(sequence, 8);
  bytes.set(body, 16);
  return bytes;
}

/** RTM_NEWLINK with struct ifinfomsg. */
export function linkMessage(
  { index, flags = 0, hardwareType = 1 }: { index: number; flags?: number; hardwareType?: number },
  ...attributes: readonly Uint8Array[]
): Buffer {
  const info = Buffer.alloc(16);
  info.writeUInt16LE(hardwareType, 2);
  info.writeInt32LE(index, 4);
  info.writeUInt32LE(flags, 8);
  return message(16, Buffer.concat([info, ...attributes]));
}

/** RTM_NEWADDR with struct ifaddrmsg. */
export function addressMessage(family: number, index: number, ...attributes: readonly Uint8Array[]): Buffer {
  const info = Buffer.alloc(8);
  info[0] = family;
  info.writeUInt32LE(index, 4);
  return message(20, Buffer.concat([info, ...attributes]));
}

/** RTM_NEWROUTE with struct rtmsg. */
export function routeMessage(
  { family = 2, prefixLength = 32, type = 1 }: { family?: number; prefixLength?: number; type?: number },
  ...attributes: readonly Uint8Array[]
): Buffer {
  const info = Buffer.alloc(12);
  info[0] = family;
  info[1] = prefixLength;
  info[7] = type;
  return message(24, Buffer.concat([info, ...attributes]));
}
