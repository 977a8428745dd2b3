import { Code } from '@connectrpc/connect';
import { RpcCode } from './rpc-error.ts';

/** Connect's names for the statuses other than OK; the numbers are the same. */
const codes: Readonly<Record<Exclude<RpcCode, typeof RpcCode.Ok>, Code>> = {
  [RpcCode.Cancelled]: Code.Canceled,
  [RpcCode.Unknown]: Code.Unknown,
  [RpcCode.InvalidArgument]: Code.InvalidArgument,
  [RpcCode.DeadlineExceeded]: Code.DeadlineExceeded,
  [RpcCode.NotFound]: Code.NotFound,
  [RpcCode.AlreadyExists]: Code.AlreadyExists,
  [RpcCode.PermissionDenied]: Code.PermissionDenied,
  [RpcCode.ResourceExhausted]: Code.ResourceExhausted,
  [RpcCode.FailedPrecondition]: Code.FailedPrecondition,
  [RpcCode.Aborted]: Code.Aborted,
  [RpcCode.OutOfRange]: Code.OutOfRange,
  [RpcCode.Unimplemented]: Code.Unimplemented,
  [RpcCode.Internal]: Code.Internal,
  [RpcCode.Unavailable]: Code.Unavailable,
  [RpcCode.DataLoss]: Code.DataLoss,
  [RpcCode.Unauthenticated]: Code.Unauthenticated,
};

/** A status as connect knows it. An error that claims to be OK is UNKNOWN. */
export function connectCode(code: RpcCode): Code {
  return code === RpcCode.Ok ? Code.Unknown : codes[code];
}
