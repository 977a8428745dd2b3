import { readAt, readPayload } from '../../log/block-log.ts';
import { ByteReader } from '../format/byte-io.ts';
import { decompress } from '../format/block.ts';
import { classOf, type FlowClass } from '../format/flow-class.ts';
import { dictionaryRecords } from '../format/group.ts';

/** The kinds of entries, in the order in which they stand in a record. */
const kinds = ['class', 'source', 'destination', 'ip', 'node'] as const;
export type EntryKind = (typeof kinds)[number];

const MAX_RECORD_BYTES = 128 * 1024 * 1024;

/** A segment's dictionary, as far as it has been read. Entries have numbers from 1 on. */
export class Dictionary {
  private readonly entries: Record<EntryKind, Uint8Array[]> = {
    class: [],
    source: [],
    destination: [],
    ip: [],
    node: [],
  };
  private readonly classes: FlowClass[] = [];
  private pos = 0;

  /** Numbers of a kind, 0 included. */
  count(kind: EntryKind): number {
    return this.entries[kind].length + 1;
  }

  /** The bytes of an entry: fields of a Flow with their tags; text for `ip`. */
  entry(kind: EntryKind, id: number): Uint8Array {
    return this.entries[kind][id - 1];
  }

  classOf(id: number): FlowClass {
    return this.classes[id - 1];
  }

  /** Reads what was added to the file since the last call; stops before what is damaged or not written whole. */
  read(file: number): void {
    for (;;) {
      const header = dictionaryRecords.decode(readAt(file, this.pos, dictionaryRecords.headerBytes), 0);
      if (header === null || header.payloadBytes > MAX_RECORD_BYTES) return;
      const payload = readPayload(file, this.pos, header, dictionaryRecords);
      if (payload === null || !this.add(payload)) return;
      this.pos += dictionaryRecords.headerBytes + header.payloadBytes;
    }
  }

  private add(payload: Buffer): boolean {
    const record = new ByteReader(payload);
    const plainBytes = record.u32();
    if (plainBytes > MAX_RECORD_BYTES) return false;
    const plain = decompress(record.block(), plainBytes);
    if (plain === null) return false;
    const from = new ByteReader(plain);
    for (const kind of kinds) {
      const first = from.u32();
      const lengths = new Uint32Array(new Uint8Array(from.block()).buffer);
      const bytes = from.block();
      if (first !== this.count(kind)) return false;
      let pos = 0;
      for (const length of lengths) {
        this.entries[kind].push(bytes.subarray(pos, pos + length));
        pos += length;
      }
    }
    for (const entry of this.entries.class.slice(this.classes.length)) {
      const view = new DataView(entry.buffer, entry.byteOffset, 8);
      this.classes.push(classOf(view.getUint32(0, true), view.getUint32(4, true)));
    }
    return true;
  }
}
