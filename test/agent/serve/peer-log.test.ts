import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { absoluteNodeName, PeerLog } from '../../../agent/serve/peer-log.ts';
import type { ClusterNode } from '../../../cluster/model.ts';
import { type ChangeNotification, ChangeNotificationTypeSchema } from '../../../proto/gen/peer/peer_pb.ts';

function nodeOf(name: string, addresses: readonly string[], cluster = 'east'): ClusterNode {
  return { name, cluster, addresses, podCidrs: [], labels: [] };
}

const upsert = (node: ClusterNode) => ({ kind: 'node-upsert', node }) as const;
const remove = (node: ClusterNode) => ({ kind: 'node-delete', node }) as const;

function text({ name, address, type, tls }: ChangeNotification): string {
  return [ChangeNotificationTypeSchema.value[type].name, name, address, tls?.serverName ?? '-'].join(' ');
}

/** What a new reader is told before it would have to wait. */
async function read(log: PeerLog, count: number): Promise<string[]> {
  const abort = new AbortController();
  const told: string[] = [];
  for await (const notice of log.read(abort.signal)) {
    told.push(text(notice));
    if (told.length === count) abort.abort();
  }
  return told;
}

describe('PeerLog', () => {
  it('tells a new reader all nodes of its own cluster, IPv4 first, with the port of all agents', async () => {
    const log = new PeerLog('east', 4244, false);
    log.apply([
      upsert(nodeOf('a', ['fd00::1', '10.0.0.1'])),
      upsert(nodeOf('b', ['fd00::2'])),
      upsert(nodeOf('c', [])),
      upsert(nodeOf('x', ['10.9.0.1'], 'west')),
    ]);
    assert.deepEqual(await read(log, 3), [
      'PEER_ADDED east/a 10.0.0.1:4244 -',
      'PEER_ADDED east/b [fd00::2]:4244 -',
      'PEER_ADDED east/c  -',
    ]);
  });

  it('gives addresses alone when agents serve no TCP, and names to verify when they serve TLS', async () => {
    const log = new PeerLog('my.cluster', null, true);
    log.apply([upsert(nodeOf('node.a', ['10.0.0.1'], 'my.cluster'))]);
    assert.deepEqual(await read(log, 1), [
      'PEER_ADDED my.cluster/node.a 10.0.0.1 node-a.my-cluster.hubble-grpc.cilium.io',
    ]);
  });

  it('tells what comes, moves and goes, and nothing of what only changes its labels', async () => {
    const log = new PeerLog('east', 4244, false);
    const first = nodeOf('a', ['10.0.0.1']);
    const moved = nodeOf('a', ['10.0.0.2']);
    log.apply([upsert(first)]);
    const told = read(log, 4);
    await new Promise((resolve) => setImmediate(resolve));
    log.apply([upsert({ ...first, labels: ['zone=b'] })]);
    // As a source tells it: gone, and there again.
    log.apply([remove(first), upsert(moved)]);
    log.apply([upsert(nodeOf('b', ['10.0.0.3']))]);
    log.apply([remove(moved)]);
    assert.deepEqual(await told, [
      'PEER_ADDED east/a 10.0.0.1:4244 -',
      'PEER_UPDATED east/a 10.0.0.2:4244 -',
      'PEER_ADDED east/b 10.0.0.3:4244 -',
      'PEER_DELETED east/a 10.0.0.2:4244 -',
    ]);
  });

  it('ends the stream of a reader that leaves too much unread', async () => {
    const log = new PeerLog('east', 4244, false);
    const reader = log.read(new AbortController().signal);
    log.apply([upsert(nodeOf('a', ['10.0.0.1']))]);
    assert.equal(
      text((await reader.next()).value as ChangeNotification),
      'PEER_ADDED east/a 10.0.0.1:4244 -',
    );
    for (let i = 0; i <= 65_536; i++) log.apply([upsert(nodeOf('a', [`10.0.${1 + (i % 2)}.1`]))]);
    await assert.rejects(reader.next(), /reader left 65537 peer notices unread/);
  });
});

it('names nodes of the default cluster without it', () => {
  assert.deepEqual(
    [absoluteNodeName('default', 'a'), absoluteNodeName('', 'a'), absoluteNodeName('east', 'a')],
    ['a', 'a', 'east/a'],
  );
});
