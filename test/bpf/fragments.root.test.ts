import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { constant } from '../../bench/support/datapath-node.ts';
import {
  ethernet,
  ETHERTYPE,
  icmp,
  ipv4,
  ipv6,
  ipv6Extension,
  ipv6Fragment,
  PROTO,
  udp,
} from './support/build-packet.ts';
import { Conversation, reasonOf } from './support/conversation.ts';
import { CAST, nodeForFile, VERDICT } from './support/one-node.ts';

const node = nodeForFile();
const payload = new Uint8Array(16);
let nextId = 1;

interface Fragments {
  readonly first: Uint8Array;
  readonly later: Uint8Array;
}

function datagram(c: Conversation, id = nextId++): Fragments {
  const start = udp({ from: c.port, to: 53, length: 4000 }, payload);
  if (c.family === 'ipv4') {
    const header = { protocol: PROTO.udp, id, source: CAST.pod.ipv4, destination: CAST.remotePod.ipv4 };
    const wrap = (extra: object, l4: Uint8Array): Uint8Array =>
      ethernet(ETHERTYPE.ipv4, ipv4({ ...header, ...extra }, l4));
    return { first: wrap({ moreFragments: true }, start), later: wrap({ fragmentOffset: 3 }, payload) };
  }
  const ends = { source: CAST.pod.ipv6, destination: CAST.remotePod.ipv6 };
  const wrap = (inner: Uint8Array): Uint8Array =>
    ethernet(ETHERTYPE.ipv6, ipv6({ next: PROTO.fragment, ...ends }, inner));
  return {
    first: wrap(ipv6Fragment({ next: PROTO.udp, more: true, id }, start)),
    later: wrap(ipv6Fragment({ next: PROTO.udp, offset: 3, id }, payload)),
  };
}

for (const family of ['ipv4', 'ipv6'] as const) {
  describe(`fragments over ${family}`, () => {
    it('follow their first into its connection', () => {
      const c = new Conversation(node, family);
      const { first, later } = datagram(c);
      assert.equal(reasonOf(node.run('from_container', first)), 'NEW');
      const outcome = node.run('from_container', later);
      assert.equal(reasonOf(outcome), 'ESTABLISHED');
      const [event] = outcome.events;
      assert.equal(event.protocol, PROTO.udp);
      assert.equal(event.l4Offset, 0);
      assert.notEqual(event.flags & constant('EVENT_FLAG_FRAGMENT'), 0);
      assert.equal(c.entry(PROTO.udp, 53, 'packets', 0), 2);
    });

    it('of two datagrams at once go each with their own', () => {
      const [a, b] = [new Conversation(node, family), new Conversation(node, family)];
      const [fromA, fromB] = [datagram(a), datagram(b)];
      for (const packet of [fromA.first, fromB.first, fromB.later, fromA.later, fromA.later])
        node.run('from_container', packet);
      assert.equal(a.entry(PROTO.udp, 53, 'packets', 0), 3);
      assert.equal(b.entry(PROTO.udp, 53, 'packets', 0), 2);
    });

    it('without their first pass, with their state unknown, and are counted', () => {
      const orphaned = node.datapath.counter('COUNTER_FRAGMENTS_ORPHANED');
      const outcome = node.run('from_container', datagram(new Conversation(node, family)).later);
      assert.equal(outcome.verdict, VERDICT.pass);
      assert.equal(reasonOf(outcome), 'UNKNOWN');
      assert.equal(node.datapath.counter('COUNTER_FRAGMENTS_ORPHANED'), orphaned + 1);
    });

    it('without their first are reported once per interval, not one by one', () => {
      const own = nodeForFile();
      own.datapath.configure({ aggregation: constant('AGGREGATE_MEDIUM'), intervalS: 5 });
      const { later } = datagram(new Conversation(own, family));
      assert.deepEqual(
        [1, 2, 3].map(() => own.run('from_container', later).events.length),
        [1, 0, 0],
      );
    });
  });
}

it('IPv4 fragments with equal ids but different protocols are kept apart', () => {
  const c = new Conversation(node, 'ipv4');
  const id = nextId++;
  const { first, later } = datagram(c, id);
  const ends = { source: CAST.pod.ipv4, destination: CAST.remotePod.ipv4 };
  const ping = ipv4(
    { protocol: PROTO.icmp, id, moreFragments: true, ...ends },
    icmp({ type: 8, identifier: 5 }),
  );
  for (const packet of [first, ethernet(ETHERTYPE.ipv4, ping), later]) node.run('from_container', packet);
  assert.equal(c.entry(PROTO.udp, 53, 'packets', 0), 2);
});

describe('IPv6 fragments', () => {
  const ends = { source: CAST.pod.ipv6, destination: CAST.remotePod.ipv6 };
  const wrap = (inner: Uint8Array): Uint8Array =>
    ethernet(ETHERTYPE.ipv6, ipv6({ next: PROTO.fragment, ...ends }, inner));

  it('learn from their first also what protocol they are of', () => {
    const c = new Conversation(node, 'ipv6');
    const id = nextId++;
    const l4 = udp({ from: c.port, to: 53, length: 4000 }, payload);
    const options = ipv6Extension(PROTO.udp, l4);
    node.run('from_container', wrap(ipv6Fragment({ next: PROTO.destination, more: true, id }, options)));
    const [event] = node.run(
      'from_container',
      wrap(ipv6Fragment({ next: PROTO.destination, offset: 3, id }, payload)),
    ).events;
    assert.equal(event.protocol, PROTO.udp);
    assert.equal(c.entry(PROTO.udp, 53, 'packets', 0), 2);
  });

  it('that are whole (RFC 6946) are no fragments', () => {
    const c = new Conversation(node, 'ipv6');
    const { events } = node.run(
      'from_container',
      wrap(ipv6Fragment({ next: PROTO.udp }, udp({ from: c.port, to: 53 }))),
    );
    assert.equal(events[0].flags & constant('EVENT_FLAG_FRAGMENT'), 0);
    assert.notEqual(events[0].l4Offset, 0);
  });
});
