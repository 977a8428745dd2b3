import { addressOf, c, errno } from './ffi.ts';
import { KernelError } from './kernel-error.ts';

const SYS_BPF = process.arch === 'arm64' ? 280 : 321;

/** Commands of bpf(2) that libbpf 1.1 does not offer in the form that is needed here (enum bpf_cmd). */
export const BPF_PROG_TEST_RUN = 10;
export const BPF_OBJ_GET_INFO_BY_FD = 15;
export const BPF_PROG_QUERY = 16;
export const BPF_LINK_CREATE = 28;
export const BPF_LINK_UPDATE = 29;
export const BPF_LINK_DETACH = 34;

/** Result of a call: what the system call gave, or the errno of its failure. */
export type SyscallResult = { readonly value: number } | { readonly errno: number };

/**
 * bpf(2) itself. Buffers whose addresses stand in `attr` have to be reachable until it returns.
 * @param attr union bpf_attr as far as the command needs it; the kernel writes results into it
 */
export function bpfSyscall(command: number, attr: Uint8Array): SyscallResult {
  const value = Number(c.syscall(SYS_BPF, command, attr, attr.length));
  return value < 0 ? { errno: errno() } : { value };
}

/** struct bpf_link_info or bpf_prog_info, its first `bytes`. Throws KernelError. */
export function readObjectInfo(fd: number, bytes: number, what: string): Buffer {
  const info = Buffer.alloc(bytes);
  const attr = Buffer.alloc(16);
  attr.writeUInt32LE(fd, 0);
  attr.writeUInt32LE(bytes, 4);
  attr.writeBigUInt64LE(addressOf(info), 8);
  const result = bpfSyscall(BPF_OBJ_GET_INFO_BY_FD, attr);
  if ('errno' in result) throw KernelError.fromErrno(`cannot read about ${what}`, result.errno);
  return info;
}

/** The kernel's number of a program, the same for every descriptor of it. Throws KernelError. */
export function programId(programFd: number): number {
  return readObjectInfo(programFd, 8, `program descriptor ${programFd}`).readUInt32LE(4);
}
