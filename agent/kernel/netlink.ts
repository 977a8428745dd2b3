import { c, errno, pollReadable } from './ffi.ts';
import { KernelError } from './kernel-error.ts';
import {
  endOfAnswer,
  isInterrupted,
  type Link,
  type LinkAddress,
  type NetlinkMessage,
  parseAddress,
  parseLink,
  parseMessages,
  parseRoute,
  type Route,
} from './netlink-message.ts';
import {
  type DumpType,
  dumpRequest,
  linkRequest,
  netnsAddressesRequest,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWROUTE,
} from './netlink-request.ts';

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOCK_NONBLOCK = 0o4000;
/** RTMGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE (linux/rtnetlink.h). */
const CHANGE_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
const RECEIVE_BYTES = 256 * 1024;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_NO_ENOBUFS = 5;
const NETLINK_GET_STRICT_CHK = 12;
/** The kernel answers at once; should it not, an error is better than a thread that hangs. */
const ANSWER_TIMEOUT_S = 5n;
/** What changes while it is read is read again, this many times at most. */
const MAX_READS = 5;

/** Interfaces, addresses and routes of this network namespace at one time. */
export interface NetworkState {
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
  readonly routes: readonly Route[];
}

function openSocket(groups: number, nonBlocking: boolean): number {
  const fd = c.socket(AF_NETLINK, SOCK_RAW_CLOEXEC | (nonBlocking ? SOCK_NONBLOCK : 0), 0) as number;
  if (fd < 0) throw KernelError.fromErrno('cannot open a netlink socket', errno());
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(groups, 8);
  if ((c.bind(fd, address, address.length) as number) < 0) {
    const error = KernelError.fromErrno('cannot bind a netlink socket', errno());
    c.close(fd);
    throw error;
  }
  return fd;
}

function setOption(fd: number, level: number, name: number, value: Buffer): void {
  if ((c.setsockopt(fd, level, name, value, value.length) as number) < 0) {
    throw KernelError.fromErrno(`cannot set option ${name} of a netlink socket`, errno());
  }
}

function flag(): Buffer {
  const one = Buffer.alloc(4);
  one.writeInt32LE(1);
  return one;
}

/** Asks the kernel about the network namespace that this thread is in when the object is made. Every call waits for the answer. Close it. */
export class Netlink {
  private readonly fd: number;
  private readonly buffer = Buffer.alloc(RECEIVE_BYTES);
  private sequence = 0;

  constructor() {
    this.fd = openSocket(0, false);
    const timeout = Buffer.alloc(16);
    timeout.writeBigInt64LE(ANSWER_TIMEOUT_S, 0);
    setOption(this.fd, SOL_SOCKET, SO_RCVTIMEO, timeout);
    setOption(this.fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, flag());
  }

  /** Reads everything anew. Throws KernelError. */
  readState(): NetworkState {
    return {
      links: this.dump(RTM_GETLINK, RTM_NEWLINK, parseLink),
      addresses: this.dump(RTM_GETADDR, RTM_NEWADDR, parseAddress),
      routes: this.dump(RTM_GETROUTE, RTM_NEWROUTE, parseRoute),
    };
  }

  /** MAC address of a veth's other end, wherever it is; null when it cannot be asked. */
  readPeerMac(peer: { readonly index: number; readonly netnsId: number }): Uint8Array | null {
    const { messages, failed } = this.ask(linkRequest(peer.index, peer.netnsId, ++this.sequence));
    if (failed !== 0) return null;
    const link = messages.find((message) => message.type === RTM_NEWLINK);
    const mac = link === undefined ? undefined : parseLink(link)?.mac;
    return mac !== undefined && mac.length === 6 ? mac : null;
  }

  /** All addresses in another network namespace, by its id in this one; none when it cannot be asked. */
  readNetnsAddresses(netnsId: number): LinkAddress[] {
    const { messages, failed } = this.ask(netnsAddressesRequest(netnsId, ++this.sequence));
    return failed === 0 ? parseAll(messages, RTM_NEWADDR, parseAddress) : [];
  }

  close(): void {
    c.close(this.fd);
  }

  private dump<T>(
    type: DumpType,
    answerType: number,
    parse: (message: NetlinkMessage) => T | null,
  ): readonly T[] {
    for (let reads = 1; ; reads++) {
      const { messages, failed } = this.ask(dumpRequest(type, ++this.sequence));
      if (failed !== 0) throw KernelError.fromErrno(`netlink request ${type}`, failed);
      // After the last read what is there has to do: whoever changes it also sends a notice.
      if (reads < MAX_READS && messages.some(isInterrupted)) continue;
      return parseAll(messages, answerType, parse);
    }
  }

  private ask(request: Buffer): { messages: NetlinkMessage[]; failed: number } {
    if (Number(c.send(this.fd, request, request.length, 0)) < 0) {
      throw KernelError.fromErrno('cannot send to netlink', errno());
    }
    const messages: NetlinkMessage[] = [];
    for (;;) {
      const length = Number(c.recv(this.fd, this.buffer, this.buffer.length, 0));
      if (length < 0) throw KernelError.fromErrno('no answer from netlink', errno());
      // Copied, because messages are views and the buffer is used again.
      for (const message of parseMessages(Buffer.from(this.buffer.subarray(0, length)))) {
        // Left over from a request that was given up.
        if (message.sequence !== this.sequence) continue;
        const end = endOfAnswer(message);
        if (end !== null) return { messages, failed: end.errno };
        messages.push(message);
      }
    }
  }
}

function parseAll<T>(
  messages: readonly NetlinkMessage[],
  type: number,
  parse: (message: NetlinkMessage) => T | null,
): T[] {
  return messages
    .filter((message) => message.type === type)
    .map(parse)
    .filter((parsed) => parsed !== null);
}

/**
 * Calls back whenever an interface, address or route of this thread's namespace changes; what changed has to be read anew, since notices may be lost. Returns how to stop.
 * The result must stay reachable. Throws KernelError.
 */
export function watchNetwork(onChange: () => void): { close(): void } {
  const fd = openSocket(CHANGE_GROUPS, true);
  // A socket in error is not polled any more, so a full one must not become one. That notices are lost does no harm: those that fitted call back.
  setOption(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, flag());
  const buffer = Buffer.alloc(RECEIVE_BYTES);
  const poll = pollReadable(fd, () => {
    while (Number(c.recv(fd, buffer, buffer.length, 0)) > 0);
    onChange();
  });
  return {
    close: () => {
      poll.close();
      c.close(fd);
    },
  };
}
