import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  ALL_TRAFFIC,
  broader,
  keysOfRange,
  l4Key,
  portOf,
  prefixLengthOf,
  protocolOf,
} from '../../../policy/compile/l4-key.ts';

const text = (key: number): string => `${protocolOf(key)}:${portOf(key)}/${prefixLengthOf(key)}`;

describe('keysOfRange()', () => {
  it('covers a range with aligned prefixes', () => {
    assert.deepEqual(keysOfRange(6, 80, 90).map(text), ['6:80/13', '6:88/15', '6:90/16']);
    assert.deepEqual(keysOfRange(6, 80, 80).map(text), ['6:80/16']);
    assert.deepEqual(keysOfRange(17, 0, 65_535).map(text), ['17:0/0']);
    assert.equal(keysOfRange(6, 1, 65_534).length, 30);
  });

  it('covers each port of a range once, and no other', () => {
    const range = fc.tuple(fc.nat(65_535), fc.nat(65_535)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
    fc.assert(
      fc.property(range, ([first, last]) => {
        let next = first;
        for (const key of keysOfRange(132, first, last)) {
          assert.equal(protocolOf(key), 132);
          assert.equal(portOf(key), next);
          const size = 2 ** (16 - prefixLengthOf(key));
          assert.equal(portOf(key) % size, 0, 'aligned');
          next += size;
        }
        assert.equal(next, last + 1);
      }),
    );
  });
});

describe('broader()', () => {
  it('goes from a port through its prefixes to the protocol, then to all traffic, then ends', () => {
    const chain: string[] = [];
    let key = l4Key(255, 65_535, 16);
    for (; key !== -1; key = broader(key)) chain.push(text(key));
    assert.equal(chain.length, 18);
    assert.deepEqual(chain.slice(0, 3), ['255:65535/16', '255:65534/15', '255:65532/14']);
    assert.deepEqual(chain.slice(-3), ['255:32768/1', '255:0/0', '0:0/0']);
    assert.equal(broader(ALL_TRAFFIC), -1);
  });
});
