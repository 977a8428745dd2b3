import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { defaultPinDir, pinName } from '../../../agent/kernel/bpffs.ts';

describe('pinName()', () => {
  it('keeps what a BPF file system takes and spells out what it does not', () => {
    assert.equal(pinName('node-1'), 'node-1');
    assert.equal(pinName('eth0.100'), 'eth0_2e_100');
    assert.equal(pinName('a_b'), 'a__b');
    assert.equal(
      defaultPinDir('ip-10-0-0-1.ec2.internal'),
      '/sys/fs/bpf/sluice/ip-10-0-0-1_2e_ec2_2e_internal',
    );
  });

  it('gives different names to different nodes, without dots and slashes', () => {
    const name = fc.string({ unit: fc.constantFrom('a', '2', 'e', '_', '.', '-', '/', 'ß'), minLength: 1 });
    fc.assert(
      fc.property(name, name, (one, other) => {
        assert.match(pinName(one), /^[A-Za-z0-9_-]+$/);
        assert.equal(pinName(one) === pinName(other), one === other);
      }),
      { numRuns: 2000 },
    );
  });
});
