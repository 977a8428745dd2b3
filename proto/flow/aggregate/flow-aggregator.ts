import { FlowEnd, type GroupKey, GroupField } from '../../gen/sluice/v1/aggregation_pb.ts';
import { fieldPath } from '../field-path.ts';
import { FlowIndex } from '../flow-index.ts';
import { ENVELOPE_FLOW, timeUsOf } from '../peek-flow.ts';
import { compileEndKey, endMasks, type KeyReader } from './end-keys.ts';
import { compileFlowKey, flowMasks } from './flow-keys.ts';
import type { RowTable } from './row-table.ts';
import type { TextTable } from './text-table.ts';

/** A key that does not exist. */
export class GroupKeyError extends Error {
  override readonly name = 'GroupKeyError';
}

/** What tells a group from others, of the API. */
export type KeyOfGroup = Pick<GroupKey, 'field' | 'end'> & Partial<Pick<GroupKey, 'bucketMs'>>;

/** Width of the buckets of a TIME key that names none. */
export const DEFAULT_BUCKET_MS = 60_000;
export const MIN_BUCKET_MS = 100;
export const MAX_BUCKET_MS = 86_400_000;

const verdict = fieldPath('verdict');

/** Counts encoded flows in a table, by keys that are read where they stand. Throws GroupKeyError for keys that do not exist. */
export class FlowAggregator {
  readonly table: RowTable;
  private readonly index = new FlowIndex();
  private readonly readers: readonly KeyReader[];

  constructor(keys: readonly KeyOfGroup[], table: RowTable) {
    this.table = table;
    this.readers = keys.map((key) => compileKey(key, table.texts));
  }

  /** Counts the flow in the GetFlowsResponse at `bytes[start, end)`; anything else in one is passed over. Throws WireError, and counts nothing then. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const { index, table, readers } = this;
    index.reset(bytes, start, end);
    if (index.kind !== ENVELOPE_FLOW) return;
    table.makeRoom();
    const { key } = table;
    for (let i = 0; i < readers.length; i++) key[i] = readers[i](index);
    const { seconds, nanos } = index.envelope;
    table.countFlow(index.int32(verdict), timeUsOf(seconds, nanos));
  }

  /** Adds the measures at `from[at, …)` of flows that have the keys of the one at `bytes[start, end)`. Throws WireError, and adds nothing then. */
  addLike(bytes: Uint8Array, start: number, end: number, from: Float64Array, at: number): void {
    const { index, table, readers } = this;
    index.reset(bytes, start, end);
    if (index.kind !== ENVELOPE_FLOW) return;
    table.makeRoom();
    const { key } = table;
    for (let i = 0; i < readers.length; i++) key[i] = readers[i](index);
    table.addMeasures(from, at);
  }
}

function compileKey({ field, end, bucketMs = 0 }: KeyOfGroup, texts: TextTable): KeyReader {
  checkBucket(field, bucketMs);
  const isWhole = end === FlowEnd.FLOW_END_UNSPECIFIED;
  const reader = isWhole
    ? compileFlowKey(field, texts, bucketMs || DEFAULT_BUCKET_MS)
    : compileEndKey(field, end, texts);
  if (reader !== null) return reader;
  const name = Object.entries(GroupField).find(([, number]) => number === field)?.[0] ?? String(field);
  if (endMasks[field] !== undefined)
    throw new GroupKeyError(`key ${name} with end ${end}: expected one of 1 to 4`);
  const isKnown = flowMasks[field] !== undefined;
  throw new GroupKeyError(
    isKnown ? `key ${name} with end ${end}: it concerns no end` : `key ${name} does not exist`,
  );
}

function checkBucket(field: GroupField, bucketMs: number): void {
  if (bucketMs === 0) return;
  if (field !== GroupField.TIME) {
    throw new GroupKeyError(`bucket_ms ${bucketMs} of key ${field}: only TIME has buckets`);
  }
  if (bucketMs < MIN_BUCKET_MS || bucketMs > MAX_BUCKET_MS) {
    throw new GroupKeyError(`bucket_ms ${bucketMs}: expected ${MIN_BUCKET_MS} to ${MAX_BUCKET_MS}`);
  }
}

/** The fields of a flow that an aggregator of these keys looks at, as a field mask has them. */
export function maskOfKeys(keys: readonly KeyOfGroup[]): string[] {
  const paths = new Set(['time', 'verdict']);
  for (const { field, end } of keys) {
    for (const path of flowMasks[field] ?? []) paths.add(path);
    const ofEnd = endMasks[field];
    if (ofEnd === undefined) continue;
    const isByReply = end === FlowEnd.CLIENT || end === FlowEnd.SERVER;
    if (isByReply) paths.add('is_reply');
    if (end !== FlowEnd.DESTINATION) for (const path of ofEnd('source')) paths.add(path);
    if (end !== FlowEnd.SOURCE) for (const path of ofEnd('destination')) paths.add(path);
  }
  return [...paths];
}
