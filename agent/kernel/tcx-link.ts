import { existsSync, readFileSync, rmSync } from 'node:fs';
import {
  BPF_LINK_CREATE,
  BPF_LINK_DETACH,
  BPF_LINK_UPDATE,
  BPF_PROG_QUERY,
  bpfSyscall,
  programId,
  readObjectInfo,
} from './bpf-syscall.ts';
import { addressOf, bpf, c } from './ffi.ts';
import { KernelError } from './kernel-error.ts';

/** enum bpf_attach_type: BPF_TCX_INGRESS, BPF_TCX_EGRESS (Linux 6.6). */
const ATTACH_TYPES = { ingress: 46, egress: 47 } as const;
/** More programs than this on one side of an interface are not looked at; the kernel's own limit (BPF_MPROG_MAX). */
const MAX_ATTACHED = 64;
const EEXIST = 17;
const EINVAL = 22;
const ENOENT = 2;

export type TcxDirection = keyof typeof ATTACH_TYPES;

/** A program on an interface. */
export interface TcxAttachment {
  readonly programId: number;
  /** 0 = attached without a link, by somebody else. */
  readonly linkId: number;
}

/** What `attachTcx` did: `kept` when the very program was there already. */
export type TcxOutcome = 'attached' | 'replaced' | 'kept';

/** Programs at one side of an interface of this thread's network namespace, in the order in which they run. Throws KernelError. */
export function queryTcx(ifindex: number, direction: TcxDirection): TcxAttachment[] {
  const programIds = new Uint32Array(MAX_ATTACHED);
  const linkIds = new Uint32Array(MAX_ATTACHED);
  // union bpf_attr, member `query`
  const attr = Buffer.alloc(64);
  attr.writeUInt32LE(ifindex, 0);
  attr.writeUInt32LE(ATTACH_TYPES[direction], 4);
  attr.writeBigUInt64LE(addressOf(new Uint8Array(programIds.buffer)), 16);
  attr.writeUInt32LE(MAX_ATTACHED, 24);
  attr.writeBigUInt64LE(addressOf(new Uint8Array(linkIds.buffer)), 40);
  const result = bpfSyscall(BPF_PROG_QUERY, attr);
  if ('errno' in result) {
    if (result.errno === ENOENT) return []; // nothing was ever attached there
    throw tcxError(`cannot ask for the ${direction} programs of interface ${ifindex}`, result.errno);
  }
  const count = Math.min(attr.readUInt32LE(24), MAX_ATTACHED);
  return Array.from({ length: count }, (_, i) => ({ programId: programIds[i], linkId: linkIds[i] }));
}

/**
 * Attaches a program to an interface by a pinned link, so that it stays when the process goes. If the link pinned there is at work on this very interface it gets the
 * program instead, in one atomic step: no packet passes without one. A pin that leads elsewhere (its interface was deleted, its index given to another) is made anew.
 * The interface is one of this thread's network namespace. Throws KernelError: `unsupported` before Linux 6.6.
 */
export function attachTcx(
  programFd: number,
  ifindex: number,
  direction: TcxDirection,
  pinPath: string,
): TcxOutcome {
  const updated = updatePinned(programFd, ifindex, direction, pinPath);
  if (updated !== null) return updated;
  const attr = Buffer.alloc(64);
  attr.writeUInt32LE(programFd, 0);
  attr.writeUInt32LE(ifindex, 4);
  attr.writeUInt32LE(ATTACH_TYPES[direction], 8);
  const result = bpfSyscall(BPF_LINK_CREATE, attr);
  if ('errno' in result)
    throw tcxError(`cannot attach to ${direction} of interface ${ifindex}`, result.errno);
  const pinned = bpf.objectPin(result.value, pinPath) as number;
  if (pinned < 0) detachNow(result.value);
  c.close(result.value);
  if (pinned < 0) throw KernelError.fromErrno(`cannot pin the link ${pinPath}`, -pinned);
  return 'attached';
}

/** Detaches and removes the pin. When it returns the program has run for the last time. Nothing happens when the pin is not there. */
export function detachTcx(pinPath: string): void {
  const fd = bpf.objectGet(pinPath) as number;
  if (fd >= 0) {
    detachNow(fd);
    c.close(fd);
  }
  rmSync(pinPath, { force: true });
}

/** Without this, a link goes with its last holder, but only when the kernel's work queue comes to it. One whose interface is gone is detached already. */
function detachNow(linkFd: number): void {
  const attr = Buffer.alloc(4);
  attr.writeUInt32LE(linkFd, 0);
  bpfSyscall(BPF_LINK_DETACH, attr);
}

/** Gives the pinned link the program; null when there is no pin, or none of use (it is removed then). */
function updatePinned(
  programFd: number,
  ifindex: number,
  direction: TcxDirection,
  pinPath: string,
): TcxOutcome | null {
  if (!existsSync(pinPath)) return null;
  const fd = bpf.objectGet(pinPath) as number;
  if (fd < 0) throw KernelError.fromErrno(`cannot open the pinned link ${pinPath}`, -fd);
  try {
    // struct bpf_link_info: type, id, prog_id
    const linkId = readObjectInfo(fd, 24, `the pinned link ${pinPath}`).readUInt32LE(4);
    const present = queryTcx(ifindex, direction).find((attachment) => attachment.linkId === linkId);
    if (present === undefined) {
      if (!isLink(fd))
        throw new KernelError('exists', EEXIST, `${pinPath} is no link; something else was pinned there`);
      detachTcx(pinPath);
      return null;
    }
    if (present.programId === programId(programFd)) return 'kept';
    const attr = Buffer.alloc(16);
    attr.writeUInt32LE(fd, 0);
    attr.writeUInt32LE(programFd, 4);
    const result = bpfSyscall(BPF_LINK_UPDATE, attr);
    if ('errno' in result)
      throw KernelError.fromErrno(`cannot replace the program of ${pinPath}`, result.errno);
    return 'replaced';
  } finally {
    c.close(fd);
  }
}

/** Numbers that read like a link's may be those of a map: only the descriptor's own description tells. */
function isLink(fd: number): boolean {
  return readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').includes('link_id:');
}

/** A kernel without tcx does not know the attach type and says EINVAL. */
function tcxError(what: string, error: number): KernelError {
  if (error !== EINVAL) return KernelError.fromErrno(what, error);
  return new KernelError(
    'unsupported',
    error,
    `${what}: EINVAL; this kernel has no tcx, which is part of Linux 6.6 and newer`,
  );
}
