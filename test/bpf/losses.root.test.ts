import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { before, it } from 'node:test';
import { PROTO, udp } from './support/build-packet.ts';
import { Conversation } from './support/conversation.ts';
import { nodeForFile, type OneNode, VERDICT } from './support/one-node.ts';

const counters = (node: OneNode): { emitted: number; full: number; failed: number } => ({
  emitted: node.datapath.counter('COUNTER_EVENTS_EMITTED'),
  full: node.datapath.counter('COUNTER_EVENTS_RING_FULL'),
  failed: node.datapath.counter('COUNTER_EVENTS_OUTPUT_FAILED'),
});

// A ring tells of its losses with the next event that fits, so all test runs have to use the same CPU's.
before(() => {
  assert.equal(spawnSync('taskset', ['-acp', '0', String(process.pid)]).status, 0, 'taskset (util-linux)');
});

it('counts events that no ring was there for', () => {
  const node = nodeForFile({ ringBytesPerCpu: 0 });
  const c = new Conversation(node, 'ipv4');
  for (let i = 0; i < 10; i++) assert.equal(c.podUdp().verdict, VERDICT.pass);
  assert.deepEqual(counters(node), { emitted: 20, full: 0, failed: 20 });
});

it('counts events that a full ring refused, as many as the ring says were lost', () => {
  const node = nodeForFile({ ringBytesPerCpu: 4096 });
  node.datapath.configure({ captureBytes: 64 });
  const c = new Conversation(node, 'ipv6');
  const packet = c.podPacket(PROTO.udp, udp({ from: c.port }));
  let delivered = 0;
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 100; i++) node.runOnly('from_container', packet);
    delivered += node.datapath.drain().length;
  }
  delivered += node.run('from_container', packet).events.length;
  const { emitted, full, failed } = counters(node);
  assert.equal(emitted, 501 * 2);
  assert.ok(full > 0);
  assert.equal(failed, 0);
  assert.equal(delivered + full, emitted);
  assert.equal(node.datapath.lostRecords, full);
});

it('delivers again as soon as rings are there', () => {
  const node = nodeForFile({ ringBytesPerCpu: 0 });
  const c = new Conversation(node, 'ipv4');
  c.podUdp();
  node.datapath.openRings(1 << 16);
  assert.equal(c.podUdp().events.length, 2);
  assert.deepEqual(counters(node), { emitted: 4, full: 0, failed: 2 });
});

it('counts packets seen and dropped', () => {
  const node = nodeForFile();
  const c = new Conversation(node, 'ipv4');
  c.podUdp();
  node.run('from_container', c.podPacket(PROTO.udp, udp({ length: 1 })));
  assert.equal(node.datapath.counter('COUNTER_PACKETS_SEEN'), 2);
  assert.equal(node.datapath.counter('COUNTER_PACKETS_DROPPED'), 1);
});
