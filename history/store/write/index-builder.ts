import {
  type ColumnName,
  columnNames,
  type ColumnPlace,
  type ColumnValues,
  encodeColumn,
  narrowed,
} from '../format/columns.ts';
import { classHigh, classLow } from '../format/flow-class.ts';
import {
  columnGroups,
  encodeGroupSummary,
  encodeIndexHeader,
  GROUP_ROWS,
  type GroupSummary,
  type SetName,
  setNames,
} from '../format/group.ts';
import { type IdSet, idSetOf } from '../format/id-set.ts';
import { Dictionaries } from './dictionaries.ts';
import type { FrameFacts } from './frame-facts.ts';
import type { Interner } from './interner.ts';
import { RowReader } from './row-reader.ts';

/** Sets of more bytes cost more to keep than they save. */
const MAX_SET_BYTES = 8192;
/** Ports that many clients use as their own cannot tell groups apart. */
const PORT_LIMIT = 32_768;
const MAX_PORTS = 2048;

/** Addresses for which the end that goes with them is remembered. A power of two. */
const GUESSES = 65_536;

/** The number of an end. An address nearly always has the same, which saves looking for it. */
function internEnd(
  ends: Interner,
  guesses: Uint32Array,
  ipId: number,
  { bytes, start, end }: { readonly bytes: Uint8Array; readonly start: number; readonly end: number },
): number {
  const slot = ipId & (GUESSES - 1);
  const id = ends.internLike(guesses[slot], bytes, start, end);
  guesses[slot] = id;
  return id;
}

type NumberColumn = Exclude<ColumnName, 'time'>;
const numberColumns = columnNames.filter((name): name is NumberColumn => name !== 'time');

/** A finished group, as records for its files. */
export interface FinishedGroup {
  readonly summary: GroupSummary;
  /** Record of `.dict`; null when the group needs no new entries. */
  readonly dictionary: Buffer | null;
  /** Record of `.col`. */
  readonly columns: readonly Uint8Array[];
  /** The summary as it stands in that record, for `.sum`. */
  readonly summaryBytes: Buffer;
}

/** Makes the columns of a segment, block by block; a group of them is finished at `GROUP_ROWS` rows or when the segment ends. */
export class IndexBuilder {
  private readonly reader = new RowReader();
  private readonly dictionaries = new Dictionaries();
  private readonly classBytes = Buffer.alloc(8);
  /** By address, the end that was last seen with it. */
  private readonly sourceOfIp = new Uint32Array(GUESSES);
  private readonly destinationOfIp = new Uint32Array(GUESSES);
  private capacity = GROUP_ROWS + 4096;
  private times = new Float64Array(this.capacity);
  private columns = this.allocate();
  private used = 0;
  private rawStart = 0;
  private rawEnd = 0;
  private endSeq = 0;
  private blocks: { offset: number; firstSeq: number; entries: number }[] = [];

  /** Rows of the open group. */
  get rows(): number {
    return this.used;
  }

  get isFull(): boolean {
    return this.used >= GROUP_ROWS;
  }

  /** Adds the rows of a block that stands at `[offset, end)` in the log. */
  add(frames: Uint8Array, facts: FrameFacts, place: { offset: number; end: number; firstSeq: number }): void {
    if (this.used + facts.count > this.capacity) this.grow(this.used + facts.count);
    if (this.blocks.length === 0) this.rawStart = place.offset;
    this.rawEnd = place.end;
    this.endSeq = place.firstSeq + facts.count;
    this.blocks.push({ offset: place.offset, firstSeq: place.firstSeq, entries: facts.count });
    for (let i = 0; i < facts.count; i++) this.addRow(frames, facts, i);
  }

  private addRow(frames: Uint8Array, facts: FrameFacts, i: number): void {
    const row = this.used++;
    const { columns, reader } = this;
    this.times[row] = facts.timesUs[i];
    columns.length[row] = facts.offsets[i + 1] - facts.offsets[i];
    const from = facts.flowStarts[i];
    const to = facts.flowEnds[i];
    const classId = to > 0 && reader.read(frames, from, to) ? this.internClass() : 0;
    if (classId === 0) {
      this.addOddRow(row);
      return;
    }
    const { source, destination, ip, node } = this.dictionaries;
    const sourceIp = ip.intern(reader.sourceIp.bytes, reader.sourceIp.start, reader.sourceIp.end);
    const destinationIp = ip.intern(
      reader.destinationIp.bytes,
      reader.destinationIp.start,
      reader.destinationIp.end,
    );
    columns.class[row] = classId;
    columns.sourceIp[row] = sourceIp;
    columns.destinationIp[row] = destinationIp;
    columns.source[row] = internEnd(source, this.sourceOfIp, sourceIp, reader.source);
    columns.destination[row] = internEnd(
      destination,
      this.destinationOfIp,
      destinationIp,
      reader.destination,
    );
    columns.node[row] = node.intern(reader.node.bytes, reader.node.start, reader.node.end);
    columns.sourcePort[row] = reader.sourcePort;
    columns.destinationPort[row] = reader.destinationPort;
  }

  private internClass(): number {
    const low = classLow(this.reader.flowClass);
    const high = classHigh(this.reader.flowClass);
    if (low < 0 || high < 0) return 0;
    this.classBytes.writeUInt32LE(low, 0);
    this.classBytes.writeUInt32LE(high, 4);
    return this.dictionaries.class.intern(this.classBytes, 0, 8);
  }

  /** A notice of loss, or a flow in an unusual layout. */
  private addOddRow(row: number): void {
    for (const name of numberColumns) if (name !== 'length') this.columns[name][row] = 0;
  }

  /** Finishes the open group, which must have rows. */
  finish(): FinishedGroup {
    const rows = this.used;
    const values = this.takeColumns(rows);
    const places: Partial<Record<ColumnName, ColumnPlace>> = {};
    const pieces: Uint8Array[] = [];
    let offset = 0;
    for (const name of columnNames) {
      const { bytes, place } = encodeColumn(values.columns[name], offset);
      places[name] = place;
      pieces.push(bytes);
      offset += bytes.length;
    }
    const summary: GroupSummary = {
      rows,
      firstSeq: this.blocks[0].firstSeq,
      endSeq: this.endSeq,
      minTimeUs: values.minTimeUs,
      maxTimeUs: values.maxTimeUs,
      rawStart: this.rawStart,
      rawEnd: this.rawEnd,
      blocks: {
        offsets: Float64Array.from(this.blocks, (block) => block.offset),
        firstSeqs: Float64Array.from(this.blocks, (block) => block.firstSeq),
        entries: Uint32Array.from(this.blocks, (block) => block.entries),
      },
      columns: places as Record<ColumnName, ColumnPlace>,
      sets: this.sets(rows),
      sourcePorts: portsOf(this.columns.sourcePort, rows),
      destinationPorts: portsOf(this.columns.destinationPort, rows),
    };
    const summaryBytes = encodeGroupSummary(summary);
    const header = encodeIndexHeader(columnGroups.magic, summaryBytes, summaryBytes.length + offset);
    this.used = 0;
    this.blocks = [];
    return {
      summary,
      dictionary: this.dictionaries.save(),
      columns: [header, summaryBytes, ...pieces],
      summaryBytes,
    };
  }

  private takeColumns(rows: number): {
    minTimeUs: number;
    maxTimeUs: number;
    columns: Record<ColumnName, ColumnValues>;
  } {
    const { times } = this;
    let minTimeUs = times[0];
    let maxTimeUs = times[0];
    for (let i = 1; i < rows; i++) {
      if (times[i] < minTimeUs) minTimeUs = times[i];
      else if (times[i] > maxTimeUs) maxTimeUs = times[i];
    }
    const offsets = new Float64Array(rows);
    for (let i = 0; i < rows; i++) offsets[i] = times[i] - minTimeUs;
    const columns = { time: narrowed(offsets, rows) } as Record<ColumnName, ColumnValues>;
    for (const name of numberColumns) columns[name] = narrowed(this.columns[name], rows);
    return { minTimeUs, maxTimeUs, columns };
  }

  private sets(rows: number): Partial<Record<SetName, IdSet>> {
    const sets: Partial<Record<SetName, IdSet>> = {};
    for (const name of setNames) {
      const set = idSetOf(this.columns[name], rows);
      if (set.length <= MAX_SET_BYTES) sets[name] = set;
    }
    return sets;
  }

  private allocate(): Record<NumberColumn, Uint32Array> {
    return Object.fromEntries(numberColumns.map((name) => [name, new Uint32Array(this.capacity)])) as Record<
      NumberColumn,
      Uint32Array
    >;
  }

  private grow(rows: number): void {
    this.capacity = rows * 2;
    const { times, columns } = this;
    this.times = new Float64Array(this.capacity);
    this.times.set(times);
    this.columns = this.allocate();
    for (const name of numberColumns) this.columns[name].set(columns[name]);
  }
}

/** The lower ports that occur, ascending; null when there are too many to be worth it. */
function portsOf(values: Uint32Array, rows: number): Uint16Array | null {
  const seen = new Uint8Array(PORT_LIMIT);
  let count = 0;
  for (let i = 0; i < rows; i++) {
    const port = values[i];
    if (port >= PORT_LIMIT || seen[port] !== 0) continue;
    seen[port] = 1;
    count++;
  }
  if (count > MAX_PORTS) return null;
  const ports = new Uint16Array(count);
  for (let port = 0, at = 0; port < PORT_LIMIT; port++) if (seen[port] !== 0) ports[at++] = port;
  return ports;
}
