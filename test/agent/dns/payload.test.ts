import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findPayload, type PacketShape } from '../../../agent/dns/payload.ts';
import { ethernet, ETHERTYPE, ipv4, ipv6, PROTO, tcp, udp } from '../../bpf/support/build-packet.ts';

const DATA = Uint8Array.of(1, 2, 3, 4, 5);
const shape = (packet: Uint8Array, over: Partial<PacketShape> = {}): PacketShape => ({
  l3Offset: 14,
  l4Offset: 34,
  isIpv6: false,
  isTcp: false,
  packetBytes: packet.length,
  ...over,
});
const overIpv4 = (protocol: number, l4: Uint8Array): Uint8Array =>
  ethernet(ETHERTYPE.ipv4, ipv4({ protocol }, l4));
const udpPacket = overIpv4(PROTO.udp, udp({}, DATA));

describe('the payload of a captured packet', () => {
  it('of UDP is behind eight bytes, as long as the datagram says', () => {
    assert.deepEqual(findPayload(udpPacket, 0, udpPacket.length, shape(udpPacket)), {
      start: 42,
      end: 47,
      sentBytes: 5,
      sequence: 0,
    });
    const padded = Buffer.concat([udpPacket, new Uint8Array(13)]);
    assert.equal(
      findPayload(padded, 0, padded.length, shape(padded))?.end,
      47,
      "without an Ethernet frame's padding",
    );
  });

  it('of TCP is behind its options', () => {
    const packet = overIpv4(PROTO.tcp, tcp({}, DATA, new Uint8Array(12)));
    assert.deepEqual(findPayload(packet, 0, packet.length, shape(packet, { isTcp: true })), {
      start: 66,
      end: 71,
      sentBytes: 5,
      sequence: 1,
    });
    const empty = Buffer.concat([overIpv4(PROTO.tcp, tcp({})), new Uint8Array(6)]);
    assert.equal(findPayload(empty, 0, empty.length, shape(empty, { isTcp: true })), null);
  });

  it('is found over IPv6, and behind anything that the capture starts with', () => {
    const packet = Buffer.concat([
      new Uint8Array(9),
      ethernet(ETHERTYPE.ipv6, ipv6({ next: PROTO.udp }, udp({}, DATA))),
    ]);
    const at = { isIpv6: true, l4Offset: 54, packetBytes: packet.length - 9 };
    const payload = findPayload(packet, 9, packet.length, shape(packet, at));
    assert.deepEqual(packet.subarray(payload?.start, payload?.end), Buffer.from(DATA));
  });

  it('that was captured in part, or is the first of several fragments, is as long as was sent', () => {
    const part = findPayload(udpPacket, 0, 44, shape(udpPacket));
    assert.deepEqual([part?.start, part?.end, part?.sentBytes], [42, 44, 5]);
    const fragment = overIpv4(PROTO.udp, udp({ length: 3008 }, DATA));
    assert.equal(findPayload(fragment, 0, fragment.length, shape(fragment))?.sentBytes, 3000);
  });

  it('of a packet before its segmentation, which states no length, follows from the packet', () => {
    const packet = ethernet(ETHERTYPE.ipv4, ipv4({ protocol: PROTO.tcp, totalLength: 0 }, tcp({}, DATA)));
    assert.equal(findPayload(packet, 0, packet.length, shape(packet, { isTcp: true }))?.sentBytes, 5);
  });

  it('is none when the headers are not there or lie', () => {
    const none: [number, Partial<PacketShape>][] = [
      [41, {}],
      [42, {}],
      [udpPacket.length, { l4Offset: 0 }],
      [udpPacket.length, { l4Offset: 14 }],
      [udpPacket.length, { l4Offset: 60_000 }],
      [udpPacket.length, { isTcp: true }],
    ];
    for (const [end, over] of none)
      assert.equal(findPayload(udpPacket, 0, end, shape(udpPacket, over)), null);
    const short = overIpv4(PROTO.tcp, tcp({ dataOffset: 15 }, DATA));
    assert.equal(findPayload(short, 0, short.length, shape(short, { isTcp: true })), null);
  });
});
