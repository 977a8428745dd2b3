import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { removePins } from '../../../agent/datapath/datapath.ts';
import { queryTcx } from '../../../agent/kernel/tcx-link.ts';
import type { PodEndpoint } from '../../../cluster/model.ts';
import { LocalDatapath } from './support/local-datapath.ts';
import { PodNetwork } from './support/pod-network.ts';
import { pod } from './support/pod.ts';

const a = { ipv4: '10.5.0.2', ipv6: 'fd05:1::2' };
const b = { ipv4: '10.5.0.3', ipv6: 'fd05:1::3' };
const c = { ipv4: '10.5.0.4' };
const podA = pod('a', [a.ipv4, a.ipv6], 1001);
const podB = pod('b', [b.ipv4, b.ipv6], 1002);
const podC = pod('c', [c.ipv4], 1003);

describe('a datapath whose agent is away', () => {
  let network: PodNetwork;
  let first: LocalDatapath;
  let second: LocalDatapath | null = null;

  before(() => {
    network = new PodNetwork('restart');
  });
  beforeEach(() => {
    network.addPod('a', a);
    network.addPod('b', b);
    first = new LocalDatapath(network);
    first.start(podA, podB);
  });
  afterEach(() => {
    second?.close(true);
    second = null;
    removePins(network.pinDir);
    for (const name of ['a', 'b', 'c']) if (network.hasLink(name)) network.removePod(name);
  });
  after(() => network.remove());

  const hooks = (): { name: string; direction: string; links: number[]; programs: number[] }[] =>
    ['a', 'b', 'dev0'].flatMap((name) =>
      (['ingress', 'egress'] as const).map((direction) => {
        const found = queryTcx(network.ifindex(name), direction);
        return {
          name,
          direction,
          links: found.map(({ linkId }) => linkId),
          programs: found.map(({ programId }) => programId),
        };
      }),
    );
  const restart = (...pods: readonly PodEndpoint[]): LocalDatapath => {
    second = new LocalDatapath(network);
    second.start(...pods);
    return second;
  };

  it('goes on: programs attached, maps filled, traffic flowing', () => {
    first.close(false);
    for (const { name, direction, links } of hooks())
      assert.equal(links.length, 1, `${direction} of ${name}`);
    assert.ok(network.ping(network.pod('a'), b.ipv4));
    assert.ok(network.ping(network.pod('a'), '192.168.5.2'));
  });

  it('is taken up by the next agent: the same links with new programs, numbers and conntrack kept', () => {
    assert.ok(network.ping(network.pod('a'), b.ipv4));
    const tracked = first.datapath.object.map('ct4').keys().length;
    assert.ok(tracked > 0);
    const before = hooks();
    const ids = ['a', 'b'].map((name) => first.idOf(name));
    first.close(false);

    const loaded = new LocalDatapath(network);
    second = loaded;
    assert.deepEqual(hooks(), before, 'nothing changes before the cluster’s state is known');
    loaded.start(podB, podA);

    const now = hooks();
    assert.deepEqual(
      now.map(({ links }) => links),
      before.map(({ links }) => links),
    );
    for (const [i, { programs }] of now.entries()) assert.notDeepEqual(programs, before[i].programs);
    assert.deepEqual(
      ['a', 'b'].map((name) => loaded.idOf(name)),
      ids,
    );
    assert.ok(loaded.datapath.object.map('ct4').keys().length >= tracked);
    assert.deepEqual(loaded.problems, []);
  });

  it('is taken up by the next agent although the last one still runs, as in a rolling upgrade', () => {
    const next = restart(podA, podB);
    for (const { links } of hooks()) assert.equal(links.length, 1);
    first.close(false);
    assert.ok(network.ping(network.pod('a'), b.ipv4));
    assert.deepEqual(next.served, ['a on a', 'b on b']);
  });

  it('is put right by the next agent where pods came and went meanwhile', () => {
    const [idA, indexB] = [first.idOf('a'), first.ifindexOf('b')];
    first.close(false);
    network.removePod('b');
    network.addPod('c', c);
    const next = restart(podC, podA);
    assert.deepEqual(next.served, ['a on a', 'c on c']);
    assert.equal(next.idOf('a'), idA);
    assert.notEqual(next.idOf('c'), idA);
    assert.equal(
      network.pins('links').some((name) => name.startsWith(`link_${indexB}_`)),
      false,
    );
    const known = next.datapath.object.map('endpoints').keys();
    assert.deepEqual(
      known.map((key) => Buffer.from(key).readUInt32LE(0)).sort((x, y) => x - y),
      [next.ifindexOf('a'), next.ifindexOf('c')].sort((x, y) => x - y),
    );
    for (const address of [b.ipv4, b.ipv6]) {
      assert.equal(next.lookup('local_addresses', address), null);
      assert.equal(next.lookup('ipcache', address), null);
    }
    assert.ok(network.ping(network.pod('c'), a.ipv4));
  });

  it('stays as it is when the next agent knows its maps by another layout, and cannot start', () => {
    first.close(false);
    const before = hooks();
    const pins = [...network.pins('maps'), ...network.pins('links')];
    assert.throws(
      () => new LocalDatapath(network, { maxEntries: { local_addresses: 77 } }),
      (error: Error) => error.message.includes('local_addresses has another type or size'),
    );
    assert.deepEqual(hooks(), before);
    assert.deepEqual([...network.pins('maps'), ...network.pins('links')], pins);
    assert.ok(network.ping(network.pod('a'), b.ipv4));
    assert.deepEqual(restart(podA, podB).served, ['a on a', 'b on b'], 'one that knows them goes on');
  });

  it('leaves nothing when the agent is told to remove it', () => {
    const indexes = [first.ifindexOf('a'), first.ifindexOf('b'), network.ifindex('dev0')];
    first.close(true);
    for (const ifindex of indexes) {
      assert.deepEqual(queryTcx(ifindex, 'ingress'), []);
      assert.deepEqual(queryTcx(ifindex, 'egress'), []);
    }
    assert.equal(existsSync(network.pinDir), false);
    assert.ok(network.ping(network.pod('a'), b.ipv4), 'the network is as it was before');
  });
});

describe('an agent that was killed', () => {
  let network: PodNetwork;

  before(() => {
    network = new PodNetwork('killed');
    network.addPod('a', a);
  });
  after(() => network.remove());

  /** Starts a process in the node's namespace by nsenter, which leaves /sys/fs/bpf to be seen, and kills it when it serves. */
  async function serveAndDie(): Promise<string> {
    const child = spawn(
      'nsenter',
      [
        `--net=/run/netns/${network.node}`,
        process.execPath,
        `${import.meta.dirname}/support/datapath-process.ts`,
        network.pinDir,
        `a=${a.ipv4}`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    child.kill('SIGKILL');
    await once(child, 'exit');
    return line.toString().trim();
  }

  it('leaves its programs at work, and what it pinned goes without loading anything', async () => {
    assert.equal(await serveAndDie(), 'a on a');
    assert.equal(network.attachedTo('a', 'ingress'), 1);
    assert.ok(network.ping(network.pod('a'), '192.168.5.2'));
    const pins = network.pins('links').length + network.pins('maps').length;
    assert.equal(removePins(network.pinDir), pins);
    assert.equal(network.attachedTo('a', 'ingress'), 0);
    assert.equal(network.attachedTo('dev0', 'egress'), 0);
    assert.equal(existsSync(network.pinDir), false);
    assert.equal(removePins(network.pinDir), 0);
  });

  it('is followed by another as if it had closed', async () => {
    await serveAndDie();
    await serveAndDie();
    assert.equal(network.attachedTo('a', 'ingress'), 1);
    assert.equal(network.attachedTo('dev0', 'ingress'), 1);
    assert.equal(network.pins('links').length, 4);
  });
});
