import { c } from '../../../agent/kernel/ffi.ts';
import { inNetns } from '../../../agent/kernel/netns.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_ALL = 0x0003;
const SOL_PACKET = 263;
const PACKET_VNET_HDR = 15;

/**
 * Sends a frame as it is out of an interface of a namespace, with only its first `linearBytes` in the kernel buffer's linear part and the
 * rest in pages. The kernel does that for frames of more than a page (packet(7), struct virtio_net_hdr.hdr_len). Throws if it is refused.
 */
export function sendFrame(netns: string, ifindex: number, frame: Uint8Array, linearBytes: number): void {
  inNetns(`/run/netns/${netns}`, () => {
    const fd = c.socket(AF_PACKET, SOCK_RAW, 0) as number;
    const one = new Uint8Array(Int32Array.of(1).buffer);
    c.setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, one, one.length);
    const address = Buffer.alloc(20); // struct sockaddr_ll
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16BE(ETH_P_ALL, 2);
    address.writeInt32LE(ifindex, 4);
    const bound = c.bind(fd, address, address.length) as number;
    const header = Buffer.alloc(10); // struct virtio_net_hdr
    header.writeUInt16LE(linearBytes, 2);
    const message = Buffer.concat([header, frame]);
    const sent = Number(c.send(fd, message, message.length, 0));
    c.close(fd);
    if (bound < 0 || sent !== message.length)
      throw new Error(`frame of ${frame.length} bytes refused: bind ${bound}, send ${sent}`);
  });
}
