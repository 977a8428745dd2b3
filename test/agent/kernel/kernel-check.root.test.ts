import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { checkKernel } from '../../../agent/kernel/kernel-check.ts';

const root = `${import.meta.dirname}/../../..`;

/** Runs a module's code in a child that has lost capabilities. */
function run(args: readonly string[], code: string): string {
  const child = spawnSync('setpriv', [...args, process.execPath, '--input-type=module', '-e', code], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NODE_COMPILE_CACHE: '' },
  });
  assert.equal(child.status, 0, child.stderr);
  return child.stdout.trim();
}

const check = `const { checkKernel } = await import('${root}/agent/kernel/kernel-check.ts');
console.log(checkKernel().map(({ feature }) => feature).join(' '));`;

describe('checkKernel() on this machine', () => {
  it('finds nothing missing for root', () => {
    assert.deepEqual(checkKernel(undefined, 4 << 20), []);
  });

  it('names the capabilities that another user lacks', () => {
    // Able to read files all the same: the checkout may stand in a directory of root's own.
    const reader = ['--inh-caps=-all,+dac_read_search', '--ambient-caps=-all,+dac_read_search'];
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', ...reader];
    assert.equal(run(nobody, check), 'CAP_BPF CAP_PERFMON CAP_NET_ADMIN');
  });

  it('names the one capability that root was left without', () => {
    assert.equal(run(['--bounding-set=-net_admin'], check), 'CAP_NET_ADMIN');
  });
});

describe('a call without the capability for it', () => {
  it('says what to run as', () => {
    const code = `const { BpfObject } = await import('${root}/agent/kernel/bpf-object.ts');
try {
  BpfObject.load({ path: '${root}/build/bpf/datapath.bpf.o' });
} catch (error) {
  console.log(error.kind, error.message);
}`;
    const told = run(['--bounding-set=-bpf,-sys_admin'], code);
    assert.match(
      told,
      /^permission cannot load .*datapath\.bpf\.o: EPERM; run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN$/,
    );
  });
});
