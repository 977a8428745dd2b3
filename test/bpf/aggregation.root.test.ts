import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { constant } from '../../bench/support/datapath-node.ts';
import { PROTO, TCP_FLAG, tcp, udp } from './support/build-packet.ts';
import { Conversation } from './support/conversation.ts';
import { nodeForFile, type Outcome } from './support/one-node.ts';

const { syn, ack, fin, rst, psh } = TCP_FLAG;
const node = nodeForFile();
const configure = (
  level: string,
  extra: { intervalS?: number; captureBytes?: number; flags?: number } = {},
): void => node.datapath.configure({ aggregation: constant(level), intervalS: 5, ...extra });
const points = (outcome: Outcome): number[] => outcome.events.map((event) => event.subType);

describe('aggregation', () => {
  it('none: every packet at every point', () => {
    configure('AGGREGATE_NONE');
    const c = new Conversation(node, 'ipv4');
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(points(c.podTcp(ack)), [constant('TRACE_FROM_ENDPOINT'), constant('TRACE_TO_STACK')]);
      assert.deepEqual(points(c.peerTcp(ack))[0], constant('TRACE_FROM_NETWORK'));
    }
  });

  it('low: every packet, at send points alone', () => {
    configure('AGGREGATE_LOW');
    const c = new Conversation(node, 'ipv4');
    for (let i = 0; i < 3; i++) assert.deepEqual(points(c.podUdp()), [constant('TRACE_TO_STACK')]);
    assert.deepEqual(points(c.peerUdp()), []); // to_container is where it is reported
  });

  it('medium: the first packet of each direction, then silence', () => {
    configure('AGGREGATE_MEDIUM');
    for (const family of ['ipv4', 'ipv6'] as const) {
      const c = new Conversation(node, family);
      assert.deepEqual(points(c.podUdp()), [constant('TRACE_TO_STACK')]);
      assert.deepEqual(points(c.podUdp()), []);
      const reply = c.peerPacket(PROTO.udp, udp({ from: 53, to: c.port }));
      assert.deepEqual(points(node.run('to_container', reply)), [constant('TRACE_TO_ENDPOINT')]);
      assert.deepEqual(points(node.run('to_container', reply)), []);
      assert.deepEqual(points(c.podUdp()), []);
    }
  });

  it('medium: each TCP flag that begins or ends once per direction, and no other', () => {
    configure('AGGREGATE_MEDIUM');
    const c = new Conversation(node, 'ipv4');
    const fromPod = (flags: number): number => c.podTcp(flags).events.length;
    const fromPeer = (flags: number): number =>
      node.run('to_container', c.peerPacket(PROTO.tcp, tcp({ from: 80, to: c.port, flags }))).events.length;
    assert.deepEqual([fromPod(syn), fromPod(syn), fromPeer(syn | ack), fromPod(ack)], [1, 0, 1, 0]);
    assert.deepEqual([fromPod(psh | ack), fromPeer(psh | ack), fromPod(0x20 | ack)], [0, 0, 0]);
    assert.deepEqual(
      [fromPod(fin | ack), fromPod(fin | ack), fromPeer(fin | ack), fromPeer(rst)],
      [1, 0, 1, 1],
    );
    assert.deepEqual([fromPod(rst), fromPod(rst), fromPeer(rst)], [1, 0, 0]);
    assert.deepEqual([fromPod(syn)], [1]); // and again when the tuple is used again
  });

  it('medium: a live connection again after the interval', () => {
    configure('AGGREGATE_MEDIUM');
    const c = new Conversation(node, 'ipv6');
    c.podUdp();
    c.age(PROTO.udp, 53, 4);
    assert.equal(c.podUdp().events.length, 0);
    c.age(PROTO.udp, 53, 2);
    assert.equal(c.podUdp().events.length, 1);
    assert.equal(c.podUdp().events.length, 0);
  });

  it('medium: one ICMP error per connection and interval', () => {
    configure('AGGREGATE_MEDIUM');
    const c = new Conversation(node, 'ipv4');
    const probe = c.podPacket(PROTO.udp, udp({ from: c.port, to: 53 })).subarray(14);
    c.podUdp();
    const toNode = (): number => c.errorToPod(probe).events.length;
    // from_netdev leaves the report of what goes to an endpoint to to_container, unless it redirects: look at the entry.
    toNode();
    const first = c.entry(PROTO.udp, 53, 'reported_related');
    assert.notEqual(first, 0);
    c.age(PROTO.udp, 53, 2);
    toNode();
    assert.notEqual(c.entry(PROTO.udp, 53, 'reported_related'), first);
    c.age(PROTO.udp, 53, 6);
    toNode();
    assert.ok(c.entry(PROTO.udp, 53, 'reported_related') >= first);
  });

  it('an interval of zero reports each packet', () => {
    configure('AGGREGATE_MEDIUM', { intervalS: 0 });
    const c = new Conversation(node, 'ipv4');
    for (let i = 0; i < 3; i++) assert.equal(c.podUdp().events.length, 1);
  });

  it('never holds a drop back', () => {
    configure('AGGREGATE_MEDIUM');
    const c = new Conversation(node, 'ipv4');
    const broken = c.podPacket(PROTO.tcp, tcp({ dataOffset: 1 }));
    for (let i = 0; i < 3; i++) assert.equal(node.run('from_container', broken).events.length, 1);
  });

  it('is silent altogether when events are off, and still tracks and drops', () => {
    configure('AGGREGATE_NONE', { flags: constant('SETTING_EVENTS_OFF') });
    const c = new Conversation(node, 'ipv4');
    const emitted = node.datapath.counter('COUNTER_EVENTS_EMITTED');
    c.podTcp(syn);
    assert.equal(c.podTcp(ack).events.length, 0);
    assert.equal(node.run('from_container', c.podPacket(PROTO.tcp, tcp({ dataOffset: 1 }))).events.length, 0);
    assert.equal(c.entry(PROTO.tcp, 80, 'packets', 0), 2);
    assert.equal(node.datapath.counter('COUNTER_EVENTS_EMITTED'), emitted);
  });
});

describe('captured bytes', () => {
  const packet = (c: Conversation): Uint8Array =>
    c.podPacket(
      PROTO.tcp,
      tcp({ from: c.port, flags: ack }, new Uint8Array(100).fill(7), new Uint8Array(20)),
    );

  for (const [captureBytes, captured, truncated] of [
    [0, 14 + 20 + 40, false],
    [64, 64, true],
    [74, 74, false],
    [128, 128, false],
    [65535, 174, false],
  ] as const) {
    it(`with the setting at ${captureBytes}: ${captured}${truncated ? ', marked as cut' : ''}`, () => {
      configure('AGGREGATE_NONE', { captureBytes });
      const sent = packet(new Conversation(node, 'ipv4'));
      const [event] = node.run('from_container', sent).events;
      assert.deepEqual(Buffer.from(event.captured), Buffer.from(sent.subarray(0, captured)));
      assert.equal((event.flags & constant('EVENT_FLAG_TRUNCATED')) !== 0, truncated);
      assert.equal(event.packetLength, sent.length);
    });
  }
});
