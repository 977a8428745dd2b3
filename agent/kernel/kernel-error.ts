import { constants } from 'node:os';

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
  ENOTSUP: 'unsupported',
  ENOTSUPP: 'unsupported',
};

/** What helps when the caller knows nothing better. */
const hints: Partial<Record<KernelErrorKind, string>> = {
  permission: 'run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN',
};

/** Not `util.getSystemErrorName`: libuv lacks some that the kernel gives here, such as ENOLINK. The first of two names for a number is the usual one. */
const names = new Map(
  Object.entries(constants.errno)
    .reverse()
    .map(([name, errno]) => [errno, name] as const),
);
// The kernel's internal "not supported", for which user space has no name.
names.set(524, 'ENOTSUPP');

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
    const name = names.get(errno) ?? `errno ${errno}`;
    const kind = kinds[name] ?? 'other';
    const advice = hint === '' ? (hints[kind] ?? '') : hint;
    return new KernelError(kind, errno, `${what}: ${name}${advice === '' ? '' : `; ${advice}`}`);
  }
}
