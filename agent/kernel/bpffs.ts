import { existsSync, lstatSync, mkdirSync, readdirSync, rmdirSync, rmSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { c, errno } from './ffi.ts';
import { KernelError } from './kernel-error.ts';
import { detachTcx } from './tcx-link.ts';

const BPF_FS_PATH = '/sys/fs/bpf';
const BPF_FS_MAGIC = 0xcafe4a11;
const O_RDONLY_CLOEXEC = 0o2000000;
const LOCK_EX = 2;

const isMounted = (): boolean => existsSync(BPF_FS_PATH) && statfsSync(BPF_FS_PATH).type === BPF_FS_MAGIC;

/** A name under which the BPF file system takes a file: it refuses dots, which names of nodes and interfaces may have. Different names stay different. */
export function pinName(name: string): string {
  return name.replace(/[^A-Za-z0-9-]/g, (char) =>
    char === '_' ? '__' : `_${char.codePointAt(0)!.toString(16)}_`,
  );
}

/** The pin directory of a node unless the user names another. */
export function defaultPinDir(nodeName: string): string {
  return `${BPF_FS_PATH}/sluice/${pinName(nodeName)}`;
}

/**
 * Makes a directory for pins, mounting the BPF file system where it is missing (containers, minimal systems). Returns whether it had to mount.
 * Throws KernelError when it may not, or when `dir` is not below /sys/fs/bpf or has a dot.
 */
export function preparePinDir(dir: string): { mounted: boolean } {
  checkPinDir(dir);
  const mounted = !isMounted() && mountOnce();
  mkdirSync(dir, { recursive: true });
  return { mounted };
}

/**
 * Removes all pins under a directory and the directory, links first, so that programs are detached before their maps go. What holds a map open keeps it. Loads
 * nothing: for what a killed agent left behind. Returns how many pins there were. Throws KernelError when `dir` is not below /sys/fs/bpf.
 */
export function removePinDir(dir: string): number {
  checkPinDir(dir);
  if (!isMounted() || !existsSync(dir)) return 0;
  let removed = 0;
  const names = readdirSync(dir).sort(
    (a, b) => Number(b.startsWith('link_')) - Number(a.startsWith('link_')),
  );
  for (const name of names) {
    const path = `${dir}/${name}`;
    if (lstatSync(path).isDirectory()) {
      removed += removePinDir(path);
    } else {
      if (name.startsWith('link_')) detachTcx(path);
      else rmSync(path);
      removed++;
    }
  }
  rmdirSync(dir);
  return removed;
}

function checkPinDir(dir: string): void {
  if (!dir.startsWith(`${BPF_FS_PATH}/`) || dir.includes('.') || dir.endsWith('/')) {
    throw new KernelError(
      'invalid',
      22,
      `pin directory ${JSON.stringify(dir)}: expected a path below ${BPF_FS_PATH} without dots, which a BPF file system does not take`,
    );
  }
}

/** Two agents that start at once must not mount twice: the second mount would hide the first one's pins. */
function mountOnce(): boolean {
  const at = existsSync(BPF_FS_PATH) ? BPF_FS_PATH : dirname(BPF_FS_PATH);
  const lock = c.open(at, O_RDONLY_CLOEXEC) as number;
  if (lock < 0) throw KernelError.fromErrno(`cannot open ${at}`, errno());
  try {
    // Whoever had to wait finds it mounted. The lock is on the directory below the mount, which `lock` still leads to.
    if ((c.flock(lock, LOCK_EX) as number) < 0) throw KernelError.fromErrno(`cannot lock ${at}`, errno());
    if (isMounted()) return false;
    if ((c.mount('bpf', BPF_FS_PATH, 'bpf', 0, null) as number) < 0) {
      throw KernelError.fromErrno(
        `cannot mount the BPF file system on ${BPF_FS_PATH}`,
        errno(),
        'mount it by hand: mount -t bpf bpf /sys/fs/bpf',
      );
    }
    return true;
  } finally {
    c.close(lock);
  }
}
