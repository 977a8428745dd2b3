import { fromBinary } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { compileFieldMask, FieldMaskError } from '../proto/flow/field-mask.ts';
import type { CelFailure } from '../proto/flow/filter/cel/cel-match.ts';
import { compileFlowFilters } from '../proto/flow/filter/compile-filter.ts';
import { FilterError } from '../proto/flow/filter/filter-error.ts';
import { FlowIndex } from '../proto/flow/flow-index.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema } from '../proto/gen/observer/observer_pb.ts';
import { RpcCode, RpcError } from '../rpc/index.ts';
import type { FlowSelection, TimePoint } from './flow-reader.ts';

/** Filters of one request are bounded, so that a request cannot make every flow arbitrarily dear. */
const MAX_FILTERS = 1000;

/**
 * A GetFlows request, understood: throws RpcError INVALID_ARGUMENT, the first fault found, in Hubble's order. `onCelFailure` is told of flows on which a CEL expression of it
 * fails, when flows are tested.
 */
export function parseFlowsRequest(
  bytes: Uint8Array,
  onCelFailure?: CelFailure,
): { request: GetFlowsRequest; selection: FlowSelection } {
  let request: GetFlowsRequest;
  try {
    request = fromBinary(GetFlowsRequestSchema, bytes);
  } catch (error) {
    throw new RpcError(RpcCode.InvalidArgument, `request does not decode: ${(error as Error).message}`);
  }
  if (request.first && request.follow) {
    throw new RpcError(RpcCode.InvalidArgument, 'first and follow cannot be used together');
  }
  const filters = request.whitelist.length + request.blacklist.length;
  if (filters > MAX_FILTERS) {
    throw new RpcError(
      RpcCode.InvalidArgument,
      `${filters} filters in one request, at most ${MAX_FILTERS} allowed`,
    );
  }
  return { request, selection: compileSelection(request, onCelFailure) };
}

function compileSelection(request: GetFlowsRequest, onCelFailure?: CelFailure): FlowSelection {
  try {
    const match = compileFlowFilters(request.whitelist, request.blacklist, onCelFailure);
    const index = new FlowIndex();
    return {
      number: Number(request.number),
      first: request.first,
      follow: request.follow,
      since: timePoint('since', request.since),
      until: timePoint('until', request.until),
      matches:
        match === null
          ? null
          : (bytes, start, end) => {
              index.reset(bytes, start, end);
              return match(index);
            },
      transform: compileFieldMask(request.fieldMask?.paths ?? []),
    };
  } catch (error) {
    if (error instanceof FilterError || error instanceof FieldMaskError) {
      throw new RpcError(RpcCode.InvalidArgument, error.message, { cause: error });
    }
    throw error;
  }
}

/** Years 1 to 9999, as google.protobuf.Timestamp allows. */
const MIN_SECONDS = -62_135_596_800n;
const MAX_SECONDS = 253_402_300_799n;

/** A time out of a request. Throws RpcError INVALID_ARGUMENT for one that is none. */
export function timePoint(name: string, time: Timestamp | undefined): TimePoint | null {
  if (time === undefined) return null;
  if (
    time.seconds < MIN_SECONDS ||
    time.seconds > MAX_SECONDS ||
    time.nanos < 0 ||
    time.nanos > 999_999_999
  ) {
    throw new RpcError(
      RpcCode.InvalidArgument,
      `invalid ${name}: ${time.seconds} s ${time.nanos} ns is no time between the years 1 and 9999`,
    );
  }
  return { seconds: Number(time.seconds), nanos: time.nanos };
}
