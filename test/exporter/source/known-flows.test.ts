import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FlowKey } from '../../../exporter/flow-key.ts';
import { KnownFlows } from '../../../exporter/source/known-flows.ts';
import { podFrame } from '../../support/build-frames.ts';
import { lostFrame } from '../../relay/support/flow-bytes.ts';

const words = fc.uint32Array({ minLength: 4, maxLength: 4 }).filter((key) => key.some((word) => word !== 0));

describe('known flows', () => {
  it('are found like those of a set of texts', () => {
    fc.assert(
      fc.property(fc.array(words, { maxLength: 3000 }), fc.array(words), (keys, others) => {
        const known = new KnownFlows();
        const plain = new Set<string>();
        for (const key of keys) {
          assert.equal(known.add(key), !plain.has(key.join()));
          plain.add(key.join());
        }
        assert.equal(known.size, plain.size);
        for (const key of [...keys, ...others]) assert.equal(known.has(key), plain.has(key.join()));
      }),
      { numRuns: 30 },
    );
  });
});

describe('the key of a flow', () => {
  const keyOf = (frame: Uint8Array): string => {
    const key = new FlowKey();
    key.read(frame, 5, frame.length);
    return key.hex;
  };

  it('is its uuid', () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        assert.equal(keyOf(podFrame('cart-1', 80, 1, 0, { uuid })), uuid.replaceAll('-', ''));
      }),
    );
  });

  it('is made of all its bytes where it has none, or one that is no uuid', () => {
    const frames = [
      podFrame('cart-1', 80),
      podFrame('cart-2', 80),
      podFrame('cart-1', 80, 1, 0, { uuid: 'b9fab269-04ae-495c-9d12-00000000000g' }),
      podFrame('cart-1', 80, 1, 0, { uuid: 'b9fab269' }),
      lostFrame('n1', 1n, 3),
    ];
    const keys = frames.map(keyOf);
    assert.equal(new Set(keys).size, frames.length);
    assert.deepEqual(frames.map(keyOf), keys);
    for (const key of keys) assert.match(key, /^[0-9a-f]{32}$/);
  });
});
