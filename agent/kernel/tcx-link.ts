import { existsSync, rmSync } from 'node:fs';
import { bpf, c } from './ffi.ts';
import { KernelError } from './kernel-error.ts';

/** enum bpf_attach_type: BPF_TCX_INGRESS, BPF_TCX_EGRESS (Linux 6.6). */
const ATTACH_TYPES = { ingress: 46, egress: 47 } as const;

export type TcxDirection = keyof typeof ATTACH_TYPES;

/**
 * Attaches a program to an interface by a pinned link, so that it stays when the process goes. A link that is pinned there already gets the program
 * instead, in one atomic step: no packet passes without one. A pin whose interface is gone is made anew. Throws KernelError.
 */
export function attachTcx(
  programFd: number,
  ifindex: number,
  direction: TcxDirection,
  pinPath: string,
): 'attached' | 'replaced' {
  if (existsSync(pinPath)) {
    const fd = bpf.objectGet(pinPath) as number;
    if (fd >= 0) {
      const result = bpf.linkUpdate(fd, programFd, null) as number;
      c.close(fd);
      if (result >= 0) return 'replaced';
    }
    rmSync(pinPath); // defunct: its interface went away
  }
  const fd = bpf.linkCreate(programFd, ifindex, ATTACH_TYPES[direction], null) as number;
  if (fd < 0) {
    throw KernelError.fromErrno(
      `cannot attach to ${direction} of interface ${ifindex}`,
      -fd,
      fd === -22 ? 'tcx needs Linux 6.6 or newer' : '',
    );
  }
  const pinned = bpf.objectPin(fd, pinPath) as number;
  c.close(fd);
  if (pinned < 0) throw KernelError.fromErrno(`cannot pin the link ${pinPath}`, -pinned);
  return 'attached';
}

/** Detaches by removing the pin, the last thing that holds the link. Nothing happens when it is not there. */
export function detachTcx(pinPath: string): void {
  rmSync(pinPath, { force: true });
}
