import { c, errno } from './ffi.ts';
import { KernelError } from './kernel-error.ts';

const CLONE_NEWNET = 0x40000000;
const O_RDONLY_CLOEXEC = 0o2000000;

function openNetns(path: string): number {
  const fd = c.open(path, O_RDONLY_CLOEXEC) as number;
  if (fd < 0) throw KernelError.fromErrno(`cannot open network namespace ${path}`, errno());
  return fd;
}

function enter(fd: number, path: string): void {
  if ((c.setns(fd, CLONE_NEWNET) as number) < 0) {
    throw KernelError.fromErrno(`cannot enter network namespace ${path}`, errno());
  }
}

/** Puts this thread, and what it starts, into a network namespace for good. Throws KernelError. */
export function enterNetns(path: string): void {
  const fd = openNetns(path);
  try {
    enter(fd, path);
  } finally {
    c.close(fd);
  }
}

/**
 * Runs `work` with this thread in another network namespace. A namespace belongs to a thread and not to a chain of promises, so `work` must be done when it returns: a promise is a TypeError.
 * @param path such as /run/netns/NAME or /proc/PID/ns/net
 */
export function inNetns<T>(path: string, work: () => T): T {
  const own = openNetns('/proc/thread-self/ns/net');
  try {
    enterNetns(path);
    let result: T;
    try {
      result = work();
    } finally {
      enter(own, 'of this process');
    }
    if (result instanceof Promise) throw new TypeError('work in another network namespace must not wait');
    return result;
  } finally {
    c.close(own);
  }
}
