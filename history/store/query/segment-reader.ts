import { closeSync, fstatSync, openSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { findHeader, readAt, readPayload } from '../../log/block-log.ts';
import { BLOCK_HEADER_BYTES, decompress, type FlowBlockHeader, flowBlocks } from '../format/block.ts';
import { type ColumnName, type ColumnValues, decodeColumn } from '../format/columns.ts';
import {
  columnGroups,
  decodeGroupSummary,
  type GroupSummary,
  INDEX_HEADER_BYTES,
  setNames,
} from '../format/group.ts';
import { type SegmentName, segmentPath } from '../format/segment-name.ts';
import {
  type PlacedGroup,
  readPlacedGroups,
  readSegmentTotals,
  type SegmentTotals,
} from '../format/segment-summary.ts';
import { Dictionary } from './dictionary.ts';

/** A block that no group covers. */
export interface LooseBlock {
  readonly offset: number;
  readonly header: FlowBlockHeader;
}

const MAX_SUMMARY_BYTES = 64 * 1024 * 1024;
/** Behind a damaged header the next one is looked for piece by piece. */
const SEARCH_BYTES = 1024 * 1024;

/** Opens a file for reading; -1 when there is none. Throws what else the file system throws. */
function openIfThere(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return -1;
    throw error;
  }
}

/**
 * A segment as readers see it, also while another process writes to it: what is complete on disk counts, the rest does not exist yet. `visit` opens its files; between visits it
 * holds none.
 */
export class SegmentReader {
  readonly name: SegmentName;
  /** Of a segment that is closed and has its index; null for others. */
  totals: SegmentTotals | null = null;
  /** Groups of rows that have columns, in order. */
  groups: PlacedGroup[] = [];
  /** What follows them in the log. */
  loose: LooseBlock[] = [];
  /** Whether a part of the index was found damaged: it is not used any more. */
  isIndexDamaged = false;
  dictionary = new Dictionary();
  /** Parts of the log whose headers are damaged, and the entries that they cost. */
  holes: { readonly offset: number; readonly firstSeq: number; readonly events: number }[] = [];
  /** Whether all was read of a segment that does not change any more. */
  private isComplete = false;
  private colPos = 0;
  private rawPos = 0;
  private raw = -1;
  private col = -1;
  private visits = 0;

  constructor(name: SegmentName) {
    this.name = name;
  }

  /** Whether the segment may hold entries of this time range and number range, by what is known so far. */
  mayHold(sinceUs: number, untilUs: number, fromSeq: number, toSeq: number): boolean {
    this.totals ??= readSegmentTotals(segmentPath(this.name, 'sum'));
    if (this.name.firstSeq >= toSeq) return false;
    if (this.totals === null) return true;
    const { minTimeUs, maxTimeUs, endSeq } = this.totals;
    return maxTimeUs >= sinceUs && minTimeUs <= untilUs && endSeq > fromSeq;
  }

  /** Opens the files and reads what is new of the index. False when the segment is gone. Each call that returned true needs one of `leave`. */
  enter(): boolean {
    if (this.visits === 0) {
      this.raw = openIfThere(segmentPath(this.name, 'raw'));
      if (this.raw < 0) return false;
      this.col = openIfThere(segmentPath(this.name, 'col'));
    }
    this.visits++;
    this.refresh();
    return true;
  }

  leave(): void {
    if (--this.visits > 0) return;
    closeSync(this.raw);
    if (this.col >= 0) closeSync(this.col);
  }

  /** Forgets what it takes to query; it is read again when needed. */
  forget(): void {
    if (this.visits > 0) return;
    this.groups = [];
    this.loose = [];
    this.holes = [];
    this.dictionary = new Dictionary();
    this.isComplete = false;
    this.colPos = 0;
    this.rawPos = 0;
  }

  private refresh(): void {
    if (this.isComplete) return;
    this.totals ??= readSegmentTotals(segmentPath(this.name, 'sum'));
    const placed =
      this.totals === null || this.col < 0 ? null : readPlacedGroups(segmentPath(this.name, 'sum'));
    if (placed === null) {
      this.readGroups();
    } else {
      // The files may be others than those of which parts were read before.
      this.groups = placed;
      this.loose = [];
      this.holes = [];
      this.dictionary = new Dictionary();
      this.rawPos = placed.at(-1)?.summary.rawEnd ?? 0;
    }
    this.readDictionary();
    this.readLoose();
    this.isComplete = placed !== null;
    const isWhole = placed !== null && placed.every(({ summary }) => this.knowsEntriesOf(summary));
    // Of a closed segment everything should be there. What is missing is asked of the log.
    if (this.totals !== null && !isWhole) this.isIndexDamaged = true;
  }

  private knowsEntriesOf({ sets }: GroupSummary): boolean {
    return setNames.every((name) => {
      const set = sets[name];
      if (set === undefined) return true;
      const highest = set.length * 8 - 1 - (Math.clz32(set[set.length - 1]) - 24);
      return highest < this.dictionary.count(name === 'sourceIp' || name === 'destinationIp' ? 'ip' : name);
    });
  }

  /** Hops over the groups of a segment that has no summary yet. */
  private readGroups(): void {
    for (;;) {
      if (this.col < 0) return;
      const header = columnGroups.decode(readAt(this.col, this.colPos, INDEX_HEADER_BYTES), 0);
      if (header === null || header.summaryBytes > MAX_SUMMARY_BYTES) return;
      const end = this.colPos + INDEX_HEADER_BYTES + header.payloadBytes;
      if (end > fstatSync(this.col).size) return; // not written whole yet
      const bytes = readAt(this.col, this.colPos + INDEX_HEADER_BYTES, header.summaryBytes);
      if (bytes.length < header.summaryBytes || crc32(bytes) !== header.payloadCrc) return;
      const summary = decodeGroupSummary(bytes);
      this.groups.push({ offset: this.colPos, summary });
      this.colPos = end;
      this.loose = this.loose.filter(({ offset }) => offset >= summary.rawEnd);
      this.rawPos = Math.max(this.rawPos, summary.rawEnd);
    }
  }

  private readDictionary(): void {
    const file = openIfThere(segmentPath(this.name, 'dict'));
    if (file < 0) return;
    try {
      this.dictionary.read(file);
    } finally {
      closeSync(file);
    }
  }

  /** Hops over the blocks behind the last group. */
  private readLoose(): void {
    const { size } = fstatSync(this.raw);
    while (this.rawPos + BLOCK_HEADER_BYTES <= size) {
      const header = flowBlocks.decode(readAt(this.raw, this.rawPos, BLOCK_HEADER_BYTES), 0);
      if (header === null) {
        const next = this.nextHeader(this.rawPos + 1, size);
        if (next < 0) return; // the end, as far as it is written
        this.noteHole(this.rawPos, next);
        this.rawPos = next;
        continue;
      }
      const end = this.rawPos + BLOCK_HEADER_BYTES + header.payloadBytes;
      if (end > size) return;
      this.loose.push({ offset: this.rawPos, header });
      this.rawPos = end;
    }
  }

  private noteHole(offset: number, next: number): void {
    const before = this.loose.at(-1)?.header;
    const firstSeq =
      before === undefined
        ? (this.groups.at(-1)?.summary.endSeq ?? this.name.firstSeq)
        : before.firstSeq + before.entries;
    const header = flowBlocks.decode(readAt(this.raw, next, BLOCK_HEADER_BYTES), 0)!;
    this.holes.push({ offset, firstSeq, events: Math.max(0, header.firstSeq - firstSeq) });
  }

  private nextHeader(pos: number, size: number): number {
    for (let at = pos; at < size; at += SEARCH_BYTES) {
      const piece = readAt(this.raw, at, Math.min(SEARCH_BYTES + BLOCK_HEADER_BYTES, size - at));
      const found = findHeader(piece, 0, flowBlocks);
      if (found >= 0) return at + found;
    }
    return -1;
  }

  /** A column of a group; null when it is damaged, in which case no column of this segment is to be trusted. */
  column({ offset, summary }: PlacedGroup, name: ColumnName): ColumnValues | null {
    const place = summary.columns[name];
    const header = columnGroups.decode(readAt(this.col, offset, INDEX_HEADER_BYTES), 0);
    if (header !== null) {
      const start = offset + INDEX_HEADER_BYTES + header.summaryBytes + place.offset;
      const values = decodeColumn(readAt(this.col, start, place.bytes), place, summary.rows);
      if (values !== null) return values;
    }
    this.isIndexDamaged = true;
    return null;
  }

  /** The frames of the block at an offset of the log, or null when it is damaged. */
  frames(offset: number): Buffer | null {
    const header = flowBlocks.decode(readAt(this.raw, offset, BLOCK_HEADER_BYTES), 0);
    const payload = header === null ? null : readPayload(this.raw, offset, header, flowBlocks);
    return payload === null ? null : decompress(payload, header!.frameBytes);
  }
}
