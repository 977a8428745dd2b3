import { mkdirSync, statfsSync } from 'node:fs';
import { c, errno } from './ffi.ts';
import { KernelError } from './kernel-error.ts';

const BPF_FS_PATH = '/sys/fs/bpf';
const BPF_FS_MAGIC = 0xcafe4a11;

/**
 * Makes a directory for pins, mounting the BPF file system where it is missing (containers, minimal systems). Returns whether it had to mount.
 * Throws KernelError when it may not, or when `dir` is not below /sys/fs/bpf.
 */
export function preparePinDir(dir: string): { mounted: boolean } {
  if (!dir.startsWith(`${BPF_FS_PATH}/`)) {
    throw new KernelError('other', 22, `pin directory ${dir}: expected a path below ${BPF_FS_PATH}`);
  }
  let mounted = false;
  if (statfsSync(BPF_FS_PATH).type !== BPF_FS_MAGIC) {
    if ((c.mount('bpf', BPF_FS_PATH, 'bpf', 0, null) as number) < 0) {
      throw KernelError.fromErrno(
        `cannot mount the BPF file system on ${BPF_FS_PATH}`,
        errno(),
        'mount it by hand: mount -t bpf bpf /sys/fs/bpf',
      );
    }
    mounted = true;
  }
  mkdirSync(dir, { recursive: true });
  return { mounted };
}
