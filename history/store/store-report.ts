import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type FlowStoreReport, FlowStoreReportSchema } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import type { FlowStore } from './flow-store.ts';
import type { StoreBounds } from './write/store-writer.ts';

/** What a process tells of its store. */
export function storeReport(
  store: FlowStore,
  { directory, maxBytes, maxAgeMs }: StoreBounds,
): FlowStoreReport {
  const { bytes, oldestTimeUs, expired, writeErrors } = store.state;
  return create(FlowStoreReportSchema, {
    directory,
    ...(oldestTimeUs > 0 && { oldest: timestampFromMs(Math.floor(oldestTimeUs / 1000)) }),
    bytes: BigInt(bytes),
    maxBytes: BigInt(maxBytes),
    expired: BigInt(expired),
    writeErrors: BigInt(writeErrors),
    ...(maxAgeMs > 0 && { maxAge: durationFromMs(maxAgeMs) }),
  });
}
