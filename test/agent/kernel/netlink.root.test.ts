import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatIp } from '../../../cluster/index.ts';
import type { Link } from '../../../agent/kernel/netlink-message.ts';
import { Netlink, watchNetwork } from '../../../agent/kernel/netlink.ts';
import { TestNetns } from './support/test-netns.ts';

describe('Netlink', () => {
  const netns = new TestNetns('kern-netlink');
  const pod = new TestNetns('kern-netlink-pod');
  let netlink: Netlink;

  before(() => {
    netns.enter();
    netlink = new Netlink();
    netns.ipBatch([
      'link add name bridge type bridge',
      `link add name vetha address 02:00:00:00:01:01 mtu 1400 type veth peer name eth0 address 02:00:00:00:02:02 netns ${pod.name}`,
      'link set dev vetha master bridge up',
      'link add name here type veth peer name there',
      'link set dev bridge up',
      'addr add 10.3.0.1/24 dev bridge',
      'addr add fd03::1/64 dev bridge nodad',
      'route add 10.4.0.0/16 via 10.3.0.9',
      'route add fd04::5/128 dev bridge',
    ]);
    pod.ipBatch(['addr add 10.3.0.2/24 dev eth0', 'addr add fd03::2/64 dev eth0 nodad']);
  });
  after(() => {
    netlink.close();
    netns.remove();
    pod.remove();
  });

  const linkOf = (name: string): Link => netlink.readState().links.find((link) => link.name === name)!;

  it('reads interfaces with their state, bridge and other end', () => {
    const vetha = linkOf('vetha');
    assert.deepEqual(
      { ...vetha, mac: Buffer.from(vetha.mac).toString('hex'), index: 0, peer: null },
      {
        index: 0,
        name: 'vetha',
        mac: '020000000101',
        isLoopback: false,
        hasL2: true,
        isUp: true,
        mtu: 1400,
        kind: 'veth',
        masterIndex: linkOf('bridge').index,
        peer: null,
      },
    );
    assert.ok(vetha.peer && vetha.peer.netnsId >= 0);
    assert.deepEqual(linkOf('here').peer, { index: linkOf('there').index, netnsId: -1 });
    assert.equal(linkOf('here').isUp, false);
    assert.equal(linkOf('lo').isLoopback, true);
  });

  it('asks other namespaces, and its own, for the other end’s address', () => {
    const mac = (link: Link): string => Buffer.from(netlink.readPeerMac(link.peer!)!).toString('hex');
    assert.equal(mac(linkOf('vetha')), '020000000202');
    assert.equal(mac(linkOf('here')), Buffer.from(linkOf('there').mac).toString('hex'));
    assert.equal(netlink.readPeerMac({ index: 2, netnsId: 777 }), null, 'no such namespace');
    assert.equal(netlink.readPeerMac({ index: 777, netnsId: -1 }), null, 'no such interface');
  });

  it('reads the addresses of another namespace', () => {
    const { peer } = linkOf('vetha');
    const addresses = netlink
      .readNetnsAddresses(peer!.netnsId)
      .filter(({ linkIndex }) => linkIndex === peer!.index)
      .map(({ address }) => formatIp(address));
    assert.ok(addresses.includes('10.3.0.2') && addresses.includes('fd03::2'), addresses.join());
    assert.ok(!addresses.includes('10.3.0.1'), 'and not its own');
    assert.deepEqual(netlink.readNetnsAddresses(777), []);
  });

  it('reads addresses and routes of both families', () => {
    const { addresses, routes } = netlink.readState();
    const bridge = linkOf('bridge').index;
    const found = addresses
      .filter(({ linkIndex }) => linkIndex === bridge)
      .map(({ address }) => formatIp(address));
    assert.ok(found.includes('10.3.0.1') && found.includes('fd03::1'), found.join());
    const route = (destination: string): object | undefined =>
      routes.find((candidate) => formatIp(candidate.destination) === destination);
    assert.deepEqual(route('10.4.0.0'), {
      destination: Uint8Array.of(10, 4, 0, 0),
      prefixLength: 16,
      isIpv6: false,
      linkIndex: bridge,
      viaGateway: true,
    });
    assert.ok(route('fd04::5'));
    assert.equal(route('10.3.0.1'), undefined, 'local routes are none of ours');
  });

  it('reads more than one buffer holds', () => {
    const many = Array.from({ length: 8000 }, (_, i) => `10.${100 + (i >> 8)}.${i & 255}.0/24`);
    netns.ipBatch(many.map((range) => `route add ${range} dev bridge`));
    const routes = new Set(
      netlink
        .readState()
        .routes.map(({ destination, prefixLength }) => `${formatIp(destination)}/${prefixLength}`),
    );
    assert.deepEqual(
      many.filter((range) => !routes.has(range)),
      [],
    );
  });

  it('stays in the namespace where it was made', () => {
    pod.enter();
    try {
      assert.ok(linkOf('bridge'));
    } finally {
      netns.enter();
    }
  });
});

describe('watchNetwork()', () => {
  const netns = new TestNetns('kern-watch');
  const heard = { notices: 0 };
  let watch: { close(): void };
  const start = (): void => {
    watch = watchNetwork(() => heard.notices++);
  };

  before(() => {
    netns.enter();
    start();
  });
  after(() => {
    watch.close();
    netns.remove();
  });

  /** Waits for a notice of what was just done. */
  async function noticed(what: string): Promise<void> {
    for (let tries = 0; heard.notices === 0; tries++) {
      if (tries > 500) assert.fail(`no notice of ${what}`);
      await sleep(10);
    }
    await sleep(30); // the rest of the crowd
    heard.notices = 0;
  }

  it('tells of interfaces, addresses and routes that come, change and go', async () => {
    for (const command of [
      'link add name vetha type veth',
      'link set dev vetha up',
      'addr add 10.3.0.1/24 dev vetha',
      'addr add fd03::1/64 dev vetha nodad',
      'route add 10.4.0.0/16 dev lo',
      'route add fd04::/64 dev lo',
      'route del 10.4.0.0/16 dev lo',
      'addr del 10.3.0.1/24 dev vetha',
      'link set dev vetha name renamed',
      'link set dev renamed down',
      'link del dev renamed',
    ]) {
      netns.ip(command);
      await noticed(command);
    }
  });

  it('goes on telling after more notices than its socket holds', async () => {
    // This thread does not read while the child works: the socket overflows.
    netns.ipBatch(
      Array.from({ length: 5000 }, (_, i) => `addr add 10.${5 + (i >> 8)}.${i & 255}.1/32 dev lo`),
    );
    await noticed('the flood');
    netns.ip('link set dev lo down');
    await noticed('a change after the flood');
  });

  it('is silent once it is closed', async () => {
    watch.close();
    netns.ip('link set dev lo up');
    await sleep(50);
    assert.equal(heard.notices, 0);
    start();
  });
});
