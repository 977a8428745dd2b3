import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import {
  endOfAnswer,
  isInterrupted,
  parseAddress,
  parseLink,
  parseMessages,
  parseRoute,
} from '../../../agent/kernel/netlink-message.ts';
import {
  addressMessage,
  attribute,
  linkMessage,
  message,
  routeMessage,
  text,
  u32,
} from './support/netlink-bytes.ts';

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_LINK_NETNSID = 37;
const NESTED = 0x8000;
const mac = Uint8Array.of(2, 0, 0, 0, 0, 7);
const kind = (name: string): Buffer => attribute(IFLA_LINKINFO | NESTED, attribute(1, text(name)));
const one = (bytes: Buffer): ReturnType<typeof parseMessages>[number] => parseMessages(bytes)[0];

describe('parseLink()', () => {
  it('reads a veth: name, address, state, bridge and other end', () => {
    const bytes = linkMessage(
      { index: 7, flags: 1 },
      attribute(IFLA_IFNAME, text('vetha')),
      attribute(IFLA_ADDRESS, mac),
      attribute(IFLA_MTU, u32(1400)),
      attribute(IFLA_MASTER, u32(3)),
      attribute(IFLA_LINK, u32(2)),
      attribute(IFLA_LINK_NETNSID, u32(5)),
      kind('veth'),
    );
    assert.deepEqual(parseLink(one(bytes)), {
      index: 7,
      name: 'vetha',
      mac,
      isLoopback: false,
      hasL2: true,
      isUp: true,
      mtu: 1400,
      kind: 'veth',
      masterIndex: 3,
      peer: { index: 2, netnsId: 5 },
    });
  });

  it('takes a veth whose other end is here for one of namespace -1', () => {
    const bytes = linkMessage({ index: 7 }, attribute(IFLA_LINK, u32(8)), kind('veth'));
    assert.deepEqual(parseLink(one(bytes))?.peer, { index: 8, netnsId: -1 });
  });

  it('does not take the device below a VLAN for another end', () => {
    const bytes = linkMessage({ index: 7 }, attribute(IFLA_LINK, u32(2)), kind('vlan'));
    assert.equal(parseLink(one(bytes))?.peer, null);
  });

  it('knows devices without Ethernet headers, and loopback', () => {
    assert.equal(parseLink(one(linkMessage({ index: 1, hardwareType: 65534 })))?.hasL2, false);
    const loopback = parseLink(one(linkMessage({ index: 1, hardwareType: 772, flags: 9 })));
    assert.deepEqual([loopback?.isLoopback, loopback?.hasL2, loopback?.isUp], [true, true, true]);
  });
});

describe('parseAddress()', () => {
  it('prefers the own address to the other end of a point-to-point link', () => {
    const bytes = addressMessage(
      2,
      4,
      attribute(1, Uint8Array.of(10, 0, 0, 9)),
      attribute(2, Uint8Array.of(10, 0, 0, 1)),
    );
    assert.deepEqual(parseAddress(one(bytes)), { linkIndex: 4, address: Uint8Array.of(10, 0, 0, 1) });
  });

  it('refuses an address of another length than its family', () => {
    assert.equal(parseAddress(one(addressMessage(10, 4, attribute(1, Uint8Array.of(10, 0, 0, 1))))), null);
    assert.equal(parseAddress(one(addressMessage(28, 4, attribute(1, Uint8Array.of(10, 0, 0, 1))))), null);
  });
});

describe('parseRoute()', () => {
  const destination = attribute(1, Uint8Array.of(10, 0, 0, 5));
  const overLink = attribute(4, u32(9));

  it('reads a host route', () => {
    assert.deepEqual(parseRoute(one(routeMessage({}, destination, overLink))), {
      destination: Uint8Array.of(10, 0, 0, 5),
      prefixLength: 32,
      isIpv6: false,
      linkIndex: 9,
      viaGateway: false,
    });
  });

  it('reads a default route, which has no destination, and sees gateways of both kinds', () => {
    const gateways = [attribute(5, Uint8Array.of(10, 0, 0, 1)), attribute(18, Buffer.alloc(18))];
    for (const gateway of gateways) {
      const route = parseRoute(one(routeMessage({ prefixLength: 0 }, overLink, gateway)));
      assert.deepEqual([route?.destination, route?.viaGateway], [Uint8Array.of(0, 0, 0, 0), true]);
    }
  });

  it('leaves out what is not unicast, not IP, or has no single interface', () => {
    assert.equal(parseRoute(one(routeMessage({ type: 2 }, destination, overLink))), null);
    assert.equal(parseRoute(one(routeMessage({ family: 128 }, destination, overLink))), null);
    assert.equal(parseRoute(one(routeMessage({}, destination))), null);
  });
});

describe('answers', () => {
  it('end with a done or an error, whose number is told positive', () => {
    assert.deepEqual(endOfAnswer(one(message(3, u32(0)))), { errno: 0 });
    assert.deepEqual(endOfAnswer(one(message(3, Buffer.alloc(0)))), { errno: 0 });
    assert.deepEqual(endOfAnswer(one(message(2, u32(-19)))), { errno: 19 });
    assert.equal(endOfAnswer(one(message(16, u32(0)))), null);
  });

  it('tell when things changed under the kernel’s hands', () => {
    assert.equal(isInterrupted(one(message(16, u32(0), { flags: 0x12 }))), true);
    assert.equal(isInterrupted(one(message(16, u32(0), { flags: 2 }))), false);
  });

  it('are cut apart at their padding', () => {
    const all = Buffer.concat([
      message(16, Buffer.alloc(5)),
      message(20, Buffer.alloc(2)),
      message(3, u32(0)),
    ]);
    assert.deepEqual(
      parseMessages(all).map(({ type, body }) => [type, body.length]),
      [
        [16, 5],
        [20, 2],
        [3, 4],
      ],
    );
  });

  it('are read without a throw whatever the bytes say', () => {
    const start = linkMessage(
      { index: 7 },
      attribute(IFLA_LINK, u32(2)),
      attribute(IFLA_IFNAME, text('vetha')),
      kind('veth'),
    );
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .record({ at: fc.nat(start.length - 1), value: fc.nat(255), length: fc.nat(start.length) })
        .map(({ at, value, length }) => {
          const bytes = Uint8Array.from(start);
          bytes[at] = value;
          return bytes.subarray(0, length);
        }),
    );
    fc.assert(
      fc.property(anything, (bytes) => {
        for (const found of parseMessages(Buffer.from(bytes))) {
          parseLink(found);
          parseAddress(found);
          parseRoute(found);
          endOfAnswer(found);
        }
      }),
    );
  });
});
