import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { IpcacheSync } from '../../../agent/datapath/ipcache-sync.ts';
import { decodeAddressKey, encodeAddressKey, encodeIpcacheInfo } from '../../../agent/datapath/map-layout.ts';
import type { ClusterChange, ClusterNode } from '../../../cluster/model.ts';
import { parseIp } from '../../../proto/flow/ip.ts';
import { FakeAddressMap } from './support/fake-address-map.ts';
import { pod } from './support/pod.ts';

const own = { clusterName: 'east', nodeName: 'n1' };

function node(name: string, addresses: readonly string[], cluster = 'east'): ClusterNode {
  return { name, cluster, addresses, podCidrs: [], labels: [] };
}

const upsert = (...args: Parameters<typeof pod>): ClusterChange => ({
  kind: 'endpoint-upsert',
  endpoint: pod(...args),
});
const remove = (...args: Parameters<typeof pod>): ClusterChange => ({
  kind: 'endpoint-delete',
  endpoint: pod(...args),
});

/** What the datapath sees: identity by address. */
function seen(map: FakeAddressMap): Record<string, number> {
  return Object.fromEntries(
    [...map.content].map(([key, value]) => [
      [...decodeAddressKey(Buffer.from(key, 'hex'))].join('.'),
      value[0] | (value[1] << 8),
    ]),
  );
}

function started(...changes: readonly ClusterChange[]): { map: FakeAddressMap; sync: IpcacheSync } {
  const map = new FakeAddressMap();
  const sync = new IpcacheSync(map, own);
  sync.apply(changes);
  sync.finishInitial();
  return { map, sync };
}

describe('IpcacheSync', () => {
  it('gives pods of all clusters their identities, the own node host, and all others remote-node', () => {
    const { map } = started(
      upsert('a', ['10.0.0.1'], 1001),
      upsert('far', ['10.9.0.1'], 2001, { cluster: 'west' }),
      { kind: 'node-upsert', node: node('n1', ['192.168.0.1']) },
      { kind: 'node-upsert', node: node('n2', ['192.168.0.2']) },
      { kind: 'node-upsert', node: node('n1', ['192.168.9.1'], 'west') },
    );
    assert.deepEqual(seen(map), {
      '10.0.0.1': 1001,
      '10.9.0.1': 2001,
      '192.168.0.1': 1,
      '192.168.0.2': 6,
      '192.168.9.1': 6,
    });
    assert.equal(map.calls, 1, 'in one system call');
  });

  it('leaves the map as an earlier agent left it until the first state is whole', () => {
    const map = new FakeAddressMap();
    map.update(encodeAddressKey(parseIp('10.0.0.1')!), encodeIpcacheInfo(1001));
    map.update(encodeAddressKey(parseIp('10.0.0.7')!), encodeIpcacheInfo(1007));
    map.calls = 0;
    const sync = new IpcacheSync(map, own);
    sync.apply([upsert('a', ['10.0.0.1'], 1001)]);
    assert.equal(map.calls, 0);
    sync.finishInitial();
    assert.deepEqual(seen(map), { '10.0.0.1': 1001 });
    assert.equal(map.calls, 1, 'what is right already is not written again');
  });

  it('tells what became of an address, once', () => {
    const { sync } = started(upsert('a', ['10.0.0.1'], 1001));
    const names = { namespace: 'shop', podName: 'a' };
    assert.deepEqual(sync.apply([upsert('a', ['10.0.0.1'], 1002, {})]), [
      { address: '10.0.0.1', identity: 1002, oldIdentity: 1001, ...names },
    ]);
    assert.deepEqual(sync.apply([upsert('a', ['10.0.0.1'], 1002)]), []);
    assert.deepEqual(sync.apply([remove('a', ['10.0.0.1'], 1002)]), [
      { address: '10.0.0.1', identity: 0, oldIdentity: 1002, ...names },
    ]);
    assert.equal(sync.size, 0);
  });

  it('tells nodes apart once asked to, one applied again by what it is then', () => {
    const map = new FakeAddressMap();
    const sync = new IpcacheSync(map, own);
    let identity = 6;
    sync.useNodeIdentities(() => identity);
    const nodes = ['n1', 'n2'].map((name, i) => node(name, [`192.168.0.${i + 1}`]));
    sync.apply(nodes.map((one) => ({ kind: 'node-upsert', node: one })));
    sync.finishInitial();
    assert.deepEqual(seen(map), { '192.168.0.1': 1, '192.168.0.2': 6 });
    identity = 777;
    const done = sync.apply(nodes.map((one) => ({ kind: 'node-upsert', node: one, old: one })));
    assert.deepEqual(seen(map), { '192.168.0.1': 1, '192.168.0.2': 777 });
    assert.deepEqual(
      done.map(({ address, oldIdentity }) => [address, oldIdentity]),
      [['192.168.0.2', 6]],
    );
  });

  it('keeps what it has while the cluster has not agreed on a new identity', () => {
    const { map, sync } = started(upsert('a', ['10.0.0.1'], 1001));
    sync.apply([upsert('a', ['10.0.0.1'], 0)]);
    assert.deepEqual(seen(map), { '10.0.0.1': 1001 });
    sync.apply([upsert('a', ['10.0.0.1'], 1005)]);
    assert.deepEqual(seen(map), { '10.0.0.1': 1005 });
  });

  it('does not give a pod without identity that of the address’s earlier owner', () => {
    const { map, sync } = started(upsert('a', ['10.0.0.1'], 1001));
    sync.apply([remove('a', ['10.0.0.1'], 1001), upsert('b', ['10.0.0.1'], 0)]);
    assert.deepEqual(seen(map), {});
  });

  it('gives an address that several have to the own cluster’s first, and to the next when he goes', () => {
    const far = upsert('a', ['10.0.0.1'], 2001, { cluster: 'west' });
    const { map, sync } = started(far, upsert('b', ['10.0.0.1'], 1002), upsert('c', ['10.0.0.1'], 1003));
    assert.deepEqual(seen(map), { '10.0.0.1': 1002 });
    assert.deepEqual(sync.problems, [
      {
        where: 'address 10.0.0.1',
        message: 'taken for pod east/shop/b, but pod east/shop/c, pod west/shop/a has it too',
      },
    ]);
    sync.apply([remove('b', ['10.0.0.1'], 1002)]);
    assert.deepEqual(seen(map), { '10.0.0.1': 1003 });
    sync.apply([remove('c', ['10.0.0.1'], 1003)]);
    assert.deepEqual(seen(map), { '10.0.0.1': 2001 });
    assert.deepEqual(sync.problems, []);
  });

  it('writes as much as fits, tells the rest, and writes it when there is room', () => {
    const map = new FakeAddressMap();
    map.maxEntries = 2;
    const sync = new IpcacheSync(map, own);
    sync.apply([1, 2, 3].map((i) => upsert(`p${i}`, [`10.0.0.${i}`], 1000 + i)));
    sync.finishInitial();
    assert.equal(map.content.size, 2);
    assert.deepEqual(sync.problems, [
      {
        where: 'ipcache',
        message: 'map fake: update: E2BIG; the map is full: 1 of 3 addresses are not written',
      },
    ]);
    sync.apply([remove('p1', ['10.0.0.1'], 1001)]);
    assert.deepEqual(seen(map), { '10.0.0.2': 1002, '10.0.0.3': 1003 });
    assert.deepEqual(sync.problems, []);
  });

  it('never lets an address be missing for a moment that is known before and after', () => {
    const addresses = fc.uniqueArray(
      fc.nat(5).map((i) => `10.0.0.${i}`),
      { minLength: 1, maxLength: 3 },
    );
    const states = fc.array(
      fc.uniqueArray(
        fc.record({
          name: fc.constantFrom('a', 'b', 'c', 'd'),
          addresses,
          identity: fc.integer({ min: 300, max: 303 }),
        }),
        { selector: ({ name }) => name },
      ),
      { minLength: 2, maxLength: 6 },
    );
    fc.assert(
      fc.property(states, (steps) => {
        const { map, sync } = started();
        let before: (typeof steps)[number] = [];
        for (const now of steps) {
          // As cluster sources tell it: deletes first; what has other addresses than before is deleted and comes again.
          const gone = before.filter(({ name, addresses }) => {
            const same = now.find((other) => other.name === name);
            return same === undefined || same.addresses.join() !== addresses.join();
          });
          const kept = new Set(
            [...map.content.keys()].filter((key) => {
              const bytes = decodeAddressKey(Buffer.from(key, 'hex')).join('.');
              return now.some(({ addresses }) => addresses.includes(bytes));
            }),
          );
          map.onChange = () => {
            for (const key of kept) assert.ok(map.content.has(key));
          };
          sync.apply([
            ...gone.map(({ name, addresses, identity }) => remove(name, addresses, identity)),
            ...now.map(({ name, addresses, identity }) => upsert(name, addresses, identity)),
          ]);
          map.onChange = () => {};
          const owners = now.flatMap(({ name, addresses, identity }) =>
            addresses.map((address) => [address, name, identity] as const),
          );
          const first = owners.filter(([address, name]) =>
            owners.every(([other, owner]) => other !== address || owner >= name),
          );
          assert.deepEqual(
            seen(map),
            Object.fromEntries(first.map(([address, , identity]) => [address, identity])),
          );
          before = now;
        }
      }),
    );
  });
});
