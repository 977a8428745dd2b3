import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkKernel, describeMissing, type KernelFacts } from '../../../agent/kernel/kernel-check.ts';

const bits = (...capabilities: readonly bigint[]): bigint =>
  capabilities.reduce((all, bit) => all | (1n << bit), 0n);
const [NET_ADMIN, IPC_LOCK, SYS_ADMIN, PERFMON, BPF] = [12n, 14n, 21n, 38n, 39n];

const able: KernelFacts = {
  release: '6.12.4-amd64',
  capabilities: bits(NET_ADMIN, PERFMON, BPF),
  pageBytes: 4096,
  perfEvents: true,
  bpfFsDir: true,
  lockedBytes: 8 << 20,
  perfLockedBytesPerCpu: 516 << 10,
};
const features = (facts: Partial<KernelFacts>, ringBytes = 0): string[] =>
  checkKernel({ ...able, ...facts }, ringBytes).map(({ feature }) => feature);

describe('checkKernel()', () => {
  it('finds nothing missing with three capabilities on a kernel with tcx', () => {
    assert.deepEqual(features({}), []);
    assert.deepEqual(features({ release: '6.6' }), []);
    assert.deepEqual(features({ release: '7.0.0-rc1' }), []);
  });

  it('names each capability that is lacking', () => {
    assert.deepEqual(features({ capabilities: 0n }), ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN']);
    assert.deepEqual(features({ capabilities: bits(NET_ADMIN, BPF) }), ['CAP_PERFMON']);
  });

  it('takes CAP_SYS_ADMIN for the two that came out of it, but not for CAP_NET_ADMIN', () => {
    assert.deepEqual(features({ capabilities: bits(SYS_ADMIN, NET_ADMIN) }), []);
    assert.deepEqual(features({ capabilities: bits(SYS_ADMIN) }), ['CAP_NET_ADMIN']);
  });

  it('names the version of a kernel that is too old, or says none', () => {
    assert.deepEqual(features({ release: '6.5.13' }), ['Linux 6.6 (this is 6.5.13)']);
    assert.deepEqual(features({ release: '5.10.0-28-amd64' }), ['Linux 6.6 (this is 5.10.0-28-amd64)']);
    assert.deepEqual(features({ release: 'odd' }), ['Linux 6.6 (this is odd)']);
  });

  it('names what a kernel was built without', () => {
    assert.deepEqual(features({ bpfFsDir: false }), ['/sys/fs/bpf']);
    assert.deepEqual(features({ perfEvents: false }), ['perf events']);
    assert.deepEqual(features({ pageBytes: 65536 }), ['pages of 4096 bytes (this kernel has 65536)']);
  });

  it('weighs the rings against the memory that may be locked', () => {
    assert.deepEqual(features({}, 4 << 20), []);
    assert.deepEqual(features({ lockedBytes: 0 }, 4 << 20), [
      'locked memory (4198400 bytes per CPU, the limit is 0)',
    ]);
    assert.deepEqual(
      features({ lockedBytes: 0, capabilities: able.capabilities | bits(IPC_LOCK) }, 4 << 20),
      [],
    );
    assert.deepEqual(features({ lockedBytes: Number.POSITIVE_INFINITY }, 64 << 20), []);
  });

  it('tells a person what to do, a line each', () => {
    assert.equal(
      describeMissing(checkKernel({ ...able, release: '6.1.0', capabilities: bits(PERFMON, BPF) })),
      'missing Linux 6.6 (this is 6.1.0), needed for tcx links, which keep the programs attached while the agent restarts: boot a newer kernel\n' +
        'missing CAP_NET_ADMIN, needed to attach programs to network interfaces: run as root (sudo), or grant the container CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN',
    );
  });
});
