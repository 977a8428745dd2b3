import { ByteWriter } from '../format/byte-io.ts';
import { compress } from '../format/block.ts';
import { dictionaryRecords, encodeIndexHeader } from '../format/group.ts';
import { Interner } from './interner.ts';

const MiB = 1024 * 1024;

/** The kinds of a segment's dictionary, in the order in which they stand in a record. */
export const dictionaryNames = ['class', 'source', 'destination', 'ip', 'node'] as const;

/** What flows of a segment have in common, each once: the writer's side. Bounded: what has no room is asked of the flow itself. */
export class Dictionaries {
  readonly class = new Interner({ maxEntries: 65_000, maxBytes: 8 * 65_000 });
  readonly source = new Interner({ maxEntries: 262_144, maxBytes: 32 * MiB });
  readonly destination = new Interner({ maxEntries: 262_144, maxBytes: 32 * MiB });
  readonly ip = new Interner({ maxEntries: 524_288, maxBytes: 16 * MiB });
  readonly node = new Interner({ maxEntries: 65_000, maxBytes: 8 * MiB });

  /** A record with what is new since the last one, or null when nothing is. */
  save(): Buffer | null {
    if (!dictionaryNames.some((name) => this[name].hasUnsaved)) return null;
    const out = new ByteWriter();
    for (const name of dictionaryNames) this[name].save(out);
    const plain = out.finish();
    const packed = compress(plain);
    const record = new ByteWriter();
    record.u32(plain.length);
    record.block(packed);
    const payload = record.finish();
    return Buffer.concat([encodeIndexHeader(dictionaryRecords.magic, payload, payload.length), payload]);
  }
}
