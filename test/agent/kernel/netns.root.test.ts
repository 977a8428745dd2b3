import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { inNetns } from '../../../agent/kernel/netns.ts';
import { TestNetns } from './support/test-netns.ts';

const here = (): string => readlinkSync('/proc/thread-self/ns/net');

describe('inNetns()', () => {
  const netns = new TestNetns('kern-netns');
  after(() => netns.remove());

  it('works in the other namespace and comes back', () => {
    const own = here();
    const there = inNetns(netns.path, here);
    assert.notEqual(there, own);
    assert.equal(here(), own);
  });

  it('comes back after a throw', () => {
    const own = here();
    assert.throws(
      () =>
        inNetns(netns.path, () => {
          throw new RangeError('inside');
        }),
      new RangeError('inside'),
    );
    assert.equal(here(), own);
  });

  it('refuses work that would go on after it came back', () => {
    assert.throws(
      () => inNetns(netns.path, async () => {}),
      new TypeError('work in another network namespace must not wait'),
    );
  });

  it('says which namespace is not there', () => {
    assert.throws(() => inNetns('/run/netns/kern-none', here), {
      message: 'cannot open network namespace /run/netns/kern-none: ENOENT',
    });
    assert.throws(() => inNetns('/etc/hostname', here), {
      message: 'cannot enter network namespace /etc/hostname: EINVAL',
    });
  });
});
