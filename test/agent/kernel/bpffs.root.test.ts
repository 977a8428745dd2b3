import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const module = `${import.meta.dirname}/../../../agent/kernel/bpffs.ts`;

/** Mounts of this process (proc_pid_mountinfo(5)). */
const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
/** In a chroot / is no mount, and its propagation cannot be changed. */
const isChroot = !mounts.some((mount) => mount.split(' ')[4] === '/');
/** What a test unmounts there would be unmounted for everybody. */
const sharesMounts = isChroot && mounts.some((mount) => / \/sys(\/\S*)? .* shared:/.test(mount));
const lacking = sharesMounts ? 'a chroot whose /sys is a shared mount: needs mounts of its own' : false;

/** Runs a shell in a mount namespace of its own whose /sys/fs/bpf is not mounted; this machine's is left alone. */
function unmounted(script: string): { status: number | null; stdout: string; stderr: string } {
  const propagation = isChroot ? 'unchanged' : 'private';
  const setUp = 'while umount /sys/fs/bpf 2>/dev/null; do :; done';
  return spawnSync('unshare', ['--mount', '--propagation', propagation, 'sh', '-c', `${setUp}; ${script}`], {
    encoding: 'utf8',
    env: { ...process.env, NODE: process.execPath },
  });
}

const prepare = (dir: string): string =>
  `"$NODE" -e 'import("${module}").then((m) => console.log(JSON.stringify(m.preparePinDir("${dir}"))))'`;

describe('preparePinDir()', { skip: lacking }, () => {
  it('mounts the BPF file system where it is missing, and says so', () => {
    const { stdout, stderr } = unmounted(
      `${prepare('/sys/fs/bpf/a/b')}; ${prepare('/sys/fs/bpf/a')}; ls /sys/fs/bpf/a`,
    );
    assert.equal(stdout, '{"mounted":true}\n{"mounted":false}\nb\n', stderr);
  });

  it('mounts once when many agents start at the same time', () => {
    const starts = Array.from({ length: 6 }, (_, i) => `${prepare(`/sys/fs/bpf/n${i}`)} &`).join('\n');
    const { stdout, stderr } = unmounted(
      `${starts}\nwait; ls /sys/fs/bpf; grep -c ' /sys/fs/bpf ' /proc/self/mounts`,
    );
    const lines = stdout.trim().split('\n');
    assert.equal(lines.at(-1), '1', `mounts; ${stderr}`);
    assert.equal(lines.filter((line) => line === '{"mounted":true}').length, 1);
    for (let i = 0; i < 6; i++)
      assert.ok(lines.includes(`n${i}`), `pins of node ${i} are to be seen: ${stdout}`);
  });

  it('refuses places where pins cannot be, before it mounts anything', () => {
    const { stderr, stdout } = unmounted(
      `${prepare('/tmp/pins')}; ${prepare('/sys/fs/bpf/my.node')}; grep -c ' /sys/fs/bpf ' /proc/self/mounts`,
    );
    for (const dir of ['/tmp/pins', '/sys/fs/bpf/my.node']) {
      assert.ok(
        stderr.includes(
          `pin directory "${dir}": expected a path below /sys/fs/bpf without dots, which a BPF file system does not take`,
        ),
        stderr,
      );
    }
    assert.equal(stdout, '0\n');
  });
});
