import { getSystemErrorName } from 'node:util';

/** What stands in the way, as far as a caller can do something about it. */
export type KernelErrorKind =
  | 'permission' // a capability is lacking
  | 'unsupported' // this kernel does not have it
  | 'missing' // a file, an interface or an object that is not there, or is gone
  | 'exists' // something else is there already
  | 'full' // no room: a map's entries, memory, descriptors
  | 'invalid' // the kernel does not accept what it was given
  | 'verifier' // the kernel's verifier refused a program
  | 'other';

const kinds: Readonly<Record<string, KernelErrorKind>> = {
  EPERM: 'permission',
  EACCES: 'permission',
  ENOENT: 'missing',
  ENODEV: 'missing',
  ENXIO: 'missing',
  ENOLINK: 'missing',
  EEXIST: 'exists',
  EBUSY: 'exists',
  E2BIG: 'full',
  ENOSPC: 'full',
  ENOMEM: 'full',
  EMFILE: 'full',
  ENFILE: 'full',
  EINVAL: 'invalid',
  ERANGE: 'invalid',
  ENOSYS: 'unsupported',
  EOPNOTSUPP: 'unsupported',
  ENOTSUPP: 'unsupported',
};

/** What helps when the caller knows nothing better. */
const hints: Partial<Record<KernelErrorKind, string>> = {
  permission: 'run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN',
};

/** The kernel's internal "not supported", for which user space has no name. */
const ENOTSUPP = 524;

function nameOf(errno: number): string {
  if (errno === ENOTSUPP) return 'ENOTSUPP';
  try {
    return getSystemErrorName(-errno);
  } catch {
    return `errno ${errno}`; // a number that libuv does not know either
  }
}

/** A call to the kernel or to libbpf that failed. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  readonly kind: KernelErrorKind;
  /** Positive errno. */
  readonly errno: number;
  /** Everything there is to know, when the message is only its end: the verifier's whole log. */
  readonly detail: string;

  constructor(kind: KernelErrorKind, errno: number, message: string, detail = '') {
    super(message);
    this.kind = kind;
    this.errno = errno;
    this.detail = detail;
  }

  /** The error for `what` having failed with a positive errno: `<what>: <errno name>; <hint>`. `hint` says what to do about it. */
  static fromErrno(what: string, errno: number, hint = ''): KernelError {
    const name = nameOf(errno);
    const kind = kinds[name] ?? 'other';
    const advice = hint === '' ? (hints[kind] ?? '') : hint;
    return new KernelError(kind, errno, `${what}: ${name}${advice === '' ? '' : `; ${advice}`}`);
  }
}
