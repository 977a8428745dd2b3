import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { EndpointIds } from '../../../agent/datapath/endpoint-ids.ts';

const address = (last: number): Uint8Array => Uint8Array.of(10, 0, last >> 8, last & 255);

describe('EndpointIds', () => {
  it('gives a pod one number, and pods different ones', () => {
    const ids = new EndpointIds();
    assert.equal(ids.idOf('a', [address(1)]), 1);
    assert.equal(ids.idOf('b', [address(2)]), 2);
    assert.equal(ids.idOf('a', [address(3)]), 1, 'whatever its addresses');
  });

  it('finds the numbers of an earlier agent by address', () => {
    const ids = new EndpointIds([
      { id: 40, addresses: [address(1), address(2)] },
      { id: 41, addresses: [address(3)] },
    ]);
    assert.equal(ids.idOf('new', [address(9)]), 42, 'not one that another may still claim');
    assert.equal(ids.idOf('b', [address(3)]), 41);
    assert.equal(ids.idOf('a', [address(2)]), 40);
  });

  it('gives an inherited number to the first that has the address', () => {
    const ids = new EndpointIds([{ id: 40, addresses: [address(1), address(2)] }]);
    assert.equal(ids.idOf('a', [address(1)]), 40);
    assert.equal(ids.idOf('b', [address(2)]), 41);
  });

  it('passes over numbers that no endpoint can have', () => {
    const ids = new EndpointIds([{ id: 0, addresses: [address(1)] }]);
    assert.equal(ids.idOf('a', [address(1)]), 1);
  });

  it('does not give a freed number before the others had their turn', () => {
    const ids = new EndpointIds();
    ids.idOf('a', []);
    ids.keepOnly(new Set());
    assert.equal(ids.idOf('b', []), 2);
    for (let i = 3; i <= 65535; i++) ids.idOf(`pod ${i}`, []);
    assert.equal(ids.idOf('c', []), 1);
    assert.throws(() => ids.idOf('d', []), new RangeError('more than 65535 endpoints on one node'));
  });

  it('never gives two pods of one time the same number', () => {
    const step = fc.record({ pod: fc.nat(20).map(String), keep: fc.boolean() });
    const inherited = fc.array(
      fc.record({ id: fc.nat(65535), addresses: fc.array(fc.nat(20).map(address), { maxLength: 2 }) }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(inherited, fc.array(step), (earlier, steps) => {
        const ids = new EndpointIds(earlier);
        const live = new Map<string, number>();
        for (const { pod, keep } of steps) {
          if (keep) live.set(pod, ids.idOf(pod, [address(Number(pod))]));
          else {
            live.delete(pod);
            ids.keepOnly(new Set(live.keys()));
          }
          assert.equal(new Set(live.values()).size, live.size);
          for (const [name, id] of live) assert.equal(ids.idOf(name, []), id);
        }
      }),
    );
  });
});
