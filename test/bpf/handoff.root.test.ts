import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { constant } from '../../bench/support/datapath-node.ts';
import { PROTO, tcp, TCP_FLAG, udp } from './support/build-packet.ts';
import { between, Conversation, reasonOf } from './support/conversation.ts';
import { CAST, nodeForFile, VERDICT } from './support/one-node.ts';

const { syn, ack } = TCP_FLAG;
const node = nodeForFile();
const mask = constant('HANDOFF_MARK_MASK');

describe('a packet that meets two hooks of one node', () => {
  it('keeps the state the first one found, and is counted once', () => {
    for (const family of ['ipv4', 'ipv6'] as const) {
      const c = new Conversation(node, family);
      const packet = c.podPacket(PROTO.tcp, tcp({ from: c.port, flags: syn }));
      const first = node.run('from_container', packet);
      assert.notEqual(first.mark & mask, 0);
      const second = node.run('to_netdev', packet, { mark: first.mark });
      assert.equal(reasonOf(second), 'NEW');
      assert.equal(second.events[0].subType, constant('TRACE_TO_NETWORK'));
      assert.equal(second.mark, 0);
      assert.equal(c.entry(PROTO.tcp, 80, 'packets', 0), 1);
      const next = node.run('from_container', c.podPacket(PROTO.tcp, tcp({ from: c.port, flags: ack })));
      assert.equal(reasonOf(next), 'ESTABLISHED');
    }
  });

  it('is reported by both or by neither', () => {
    node.datapath.configure({ aggregation: constant('AGGREGATE_MEDIUM'), intervalS: 5 });
    const c = new Conversation(node, 'ipv4');
    const packet = c.podPacket(PROTO.udp, udp({ from: c.port }));
    for (const expected of [1, 0, 0]) {
      const first = node.run('from_container', packet);
      const second = node.run('to_netdev', packet, { mark: first.mark });
      assert.deepEqual([first.events.length, second.events.length], [expected, expected]);
    }
    node.datapath.configure({});
  });

  it('is followed also when the stack translated it in between', () => {
    const c = new Conversation(node, 'ipv4');
    const first = node.run('from_container', c.podPacket(PROTO.tcp, tcp({ from: c.port, flags: syn })));
    const translated = between(
      'ipv4',
      CAST.node.ipv4,
      CAST.remotePod.ipv4,
      PROTO.tcp,
      tcp({ from: 61000, flags: syn }),
    );
    assert.equal(reasonOf(node.run('to_netdev', translated, { mark: first.mark })), 'NEW');
    const answer = between(
      'ipv4',
      CAST.remotePod.ipv4,
      CAST.node.ipv4,
      PROTO.tcp,
      tcp({ from: 80, to: 61000, flags: syn | ack }),
    );
    assert.equal(reasonOf(node.run('from_netdev', answer)), 'REPLY');
  });

  it('is counted under its translated ends as well, packet by packet', () => {
    const c = new Conversation(node, 'ipv4');
    // Another port than the endpoint's own, towards the same peer: what masquerading to a taken port does.
    const translated = new Conversation(node, 'ipv4');
    for (const flags of [syn, ack, ack]) {
      const first = node.run('from_container', c.podPacket(PROTO.tcp, tcp({ from: c.port, flags })));
      node.run('to_netdev', c.podPacket(PROTO.tcp, tcp({ from: translated.port, flags })), {
        mark: first.mark,
      });
    }
    assert.equal(c.entry(PROTO.tcp, 80, 'packets', 0), 3);
    assert.equal(translated.entry(PROTO.tcp, 80, 'packets', 0), 3);
  });

  it('is still an answer to the second hook when the table lost the connection in between', () => {
    const c = new Conversation(node, 'ipv6');
    c.podUdp();
    const answer = c.peerPacket(PROTO.udp, udp({ from: 53, to: c.port }));
    const first = node.run('from_netdev', answer);
    c.forget(PROTO.udp, 53);
    assert.equal(reasonOf(node.run('to_container', answer, { mark: first.mark })), 'REPLY');
    assert.equal(reasonOf(c.podUdp()), 'ESTABLISHED');
    assert.equal(reasonOf(c.peerUdp()), 'REPLY');
  });

  it('leaves the other bits of the mark alone', () => {
    const c = new Conversation(node, 'ipv4');
    const others = 0xabcd40ff;
    const packet = c.podPacket(PROTO.udp, udp({ from: c.port }));
    const first = node.run('from_container', packet, { mark: others });
    assert.equal((first.mark & ~mask) >>> 0, others);
    assert.equal(node.run('to_netdev', packet, { mark: first.mark }).mark, others);
  });

  it('carries no mark to a socket of the node, which might answer with it', () => {
    const packet = between('ipv4', CAST.pod.ipv4, CAST.node.ipv4, PROTO.udp, udp({}));
    assert.equal(node.run('from_container', packet).mark, 0);
  });

  it('is passed on at once if it was reported already', () => {
    const c = new Conversation(node, 'ipv4');
    const { verdict, events, mark } = node.run('to_netdev', c.podPacket(PROTO.udp, udp({ from: c.port })), {
      mark: mask,
    });
    assert.deepEqual([verdict, events.length, mark], [VERDICT.pass, 0, 0]);
  });

  it('alone at any hook, each of them finds the state by itself', () => {
    for (const program of ['to_container', 'to_netdev', 'from_netdev', 'from_container'] as const) {
      const c = new Conversation(node, 'ipv6');
      const packet = c.podPacket(PROTO.udp, udp({ from: c.port }));
      const reply = c.peerPacket(PROTO.udp, udp({ from: 53, to: c.port }));
      const other = program === 'from_container' ? 'from_netdev' : program;
      assert.equal(reasonOf(node.run(program, packet)), 'NEW');
      assert.equal(reasonOf(node.run(other, reply)), 'REPLY');
      assert.equal(reasonOf(node.run(program, packet)), 'ESTABLISHED');
    }
  });
});
