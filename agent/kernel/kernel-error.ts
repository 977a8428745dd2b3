import { getSystemErrorName } from 'node:util';

/** What stands in the way, as far as a caller can do something about it. */
export type KernelErrorKind = 'permission' | 'unsupported' | 'missing' | 'exists' | 'verifier' | 'other';

const kinds: Readonly<Record<string, KernelErrorKind>> = {
  EPERM: 'permission',
  EACCES: 'permission',
  ENOENT: 'missing',
  ENODEV: 'missing',
  EEXIST: 'exists',
  EINVAL: 'unsupported',
  EOPNOTSUPP: 'unsupported',
};

/** A call to the kernel or to libbpf that failed. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  readonly kind: KernelErrorKind;
  /** Positive errno. */
  readonly errno: number;

  constructor(kind: KernelErrorKind, errno: number, message: string) {
    super(message);
    this.kind = kind;
    this.errno = errno;
  }

  /** The error for `what` having failed with a positive errno. `hint` says what to do about it. */
  static fromErrno(what: string, errno: number, hint = ''): KernelError {
    // 524 is the kernel's internal ENOTSUPP, for which user space has no name.
    const name = errno === 524 ? 'ENOTSUPP' : getSystemErrorName(-errno);
    const kind = errno === 524 ? 'unsupported' : (kinds[name] ?? 'other');
    return new KernelError(kind, errno, `${what}: ${name}${hint === '' ? '' : `; ${hint}`}`);
  }
}
