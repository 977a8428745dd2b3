import { c, errno, pollReadable } from './ffi.ts';
import { KernelError } from './kernel-error.ts';
import {
  dumpRequest,
  endOfAnswer,
  type Link,
  type LinkAddress,
  type NetlinkMessage,
  parseAddress,
  parseLink,
  parseMessages,
  parseRoute,
  peerLinkRequest,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWROUTE,
  type Route,
} from './netlink-message.ts';

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOCK_NONBLOCK = 0o4000;
/** RTMGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE (linux/rtnetlink.h). */
const CHANGE_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
const RECEIVE_BYTES = 256 * 1024;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;

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

/** Asks the kernel about the network namespace that this thread is in. Close it. */
export class Netlink {
  private readonly fd: number;
  private readonly buffer = Buffer.alloc(RECEIVE_BYTES);
  private sequence = 0;

  constructor() {
    this.fd = openSocket(0, false);
    // The kernel answers at once; should it not, an error is better than a thread that hangs.
    const timeout = Buffer.alloc(16);
    timeout.writeBigInt64LE(5n, 0);
    c.setsockopt(this.fd, SOL_SOCKET, SO_RCVTIMEO, timeout, timeout.length);
  }

  /** Reads everything anew. Throws KernelError. */
  readState(): NetworkState {
    const isSomething = <T>(value: T | null): value is T => value !== null;
    return {
      links: this.dump(RTM_GETLINK, RTM_NEWLINK).map(parseLink).filter(isSomething),
      addresses: this.dump(RTM_GETADDR, RTM_NEWADDR).map(parseAddress).filter(isSomething),
      routes: this.dump(RTM_GETROUTE, RTM_NEWROUTE).map(parseRoute).filter(isSomething),
    };
  }

  /** MAC address of a veth's other end, wherever it is; null when it cannot be asked. */
  readPeerMac(peer: { readonly index: number; readonly netnsId: number }): Uint8Array | null {
    const answer = this.ask(peerLinkRequest(peer.index, peer.netnsId, ++this.sequence));
    const link = answer.messages.find((message) => message.type === RTM_NEWLINK);
    const mac = link === undefined ? undefined : parseLink(link)?.mac;
    return mac !== undefined && mac.length === 6 ? mac : null;
  }

  close(): void {
    c.close(this.fd);
  }

  private dump(type: number, answerType: number): NetlinkMessage[] {
    const { messages, errno: failed } = this.ask(dumpRequest(type, ++this.sequence));
    if (failed !== 0) throw KernelError.fromErrno(`netlink request ${type}`, failed);
    return messages.filter((message) => message.type === answerType);
  }

  private ask(request: Buffer): { messages: NetlinkMessage[]; errno: number } {
    if (Number(c.send(this.fd, request, request.length, 0)) < 0) {
      throw KernelError.fromErrno('cannot send to netlink', errno());
    }
    const messages: NetlinkMessage[] = [];
    for (;;) {
      const length = Number(c.recv(this.fd, this.buffer, this.buffer.length, 0));
      if (length < 0) throw KernelError.fromErrno('no answer from netlink', errno());
      // Copied, because messages are views and the buffer is used again.
      for (const message of parseMessages(Buffer.from(this.buffer.subarray(0, length)))) {
        if (message.sequence !== this.sequence) continue;
        const end = endOfAnswer(message);
        if (end !== null) return { messages, errno: end.errno };
        messages.push(message);
      }
    }
  }
}

/**
 * Calls back whenever an interface, address or route of this namespace changes; what changed has to be read anew, since notices may be lost. Returns how to stop.
 * The result must stay reachable. Throws KernelError.
 */
export function watchNetwork(onChange: () => void): { close(): void } {
  const fd = openSocket(CHANGE_GROUPS, true);
  const buffer = Buffer.alloc(RECEIVE_BYTES);
  const poll = pollReadable(fd, () => {
    // An error here is ENOBUFS: notices were lost, which says "something changed" just as well.
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
