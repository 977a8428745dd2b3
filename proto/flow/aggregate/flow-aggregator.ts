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
export type KeyOfGroup = Pick<GroupKey, 'field' | 'end'>;

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
}

function compileKey({ field, end }: KeyOfGroup, texts: TextTable): KeyReader {
  const isWhole = end === FlowEnd.FLOW_END_UNSPECIFIED;
  const reader = isWhole ? compileFlowKey(field, texts) : compileEndKey(field, end, texts);
  if (reader !== null) return reader;
  const name = Object.entries(GroupField).find(([, number]) => number === field)?.[0] ?? String(field);
  if (endMasks[field] !== undefined)
    throw new GroupKeyError(`key ${name} with end ${end}: expected one of 1 to 4`);
  const isKnown = flowMasks[field] !== undefined;
  throw new GroupKeyError(
    isKnown ? `key ${name} with end ${end}: it concerns no end` : `key ${name} does not exist`,
  );
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
