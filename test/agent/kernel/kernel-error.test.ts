import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KernelError } from '../../../agent/kernel/kernel-error.ts';

describe('KernelError', () => {
  const cases: readonly [number, string, KernelError['kind'], string][] = [
    [1, '', 'permission', 'load: EPERM; run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN'],
    [2, '', 'missing', 'load: ENOENT'],
    [7, 'the map is full', 'full', 'load: E2BIG; the map is full'],
    [17, '', 'exists', 'load: EEXIST'],
    [22, '', 'invalid', 'load: EINVAL'],
    [38, '', 'unsupported', 'load: ENOSYS'],
    [67, '', 'missing', 'load: ENOLINK'],
    [524, '', 'unsupported', 'load: ENOTSUPP'],
    [4000, '', 'other', 'load: errno 4000'],
  ];
  for (const [errno, hint, kind, text] of cases) {
    it(`says "${text}"`, () => {
      const error = KernelError.fromErrno('load', errno, hint);
      assert.deepEqual([error.message, error.kind, error.errno], [text, kind, errno]);
    });
  }
});
