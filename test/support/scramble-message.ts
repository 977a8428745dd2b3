import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Chance in the making of scrambled bytes. */
export interface Chance {
  /** A random number below a bound. */
  readonly pick: (below: number) => number;
  /** How often something odd happens: one time in so many. */
  readonly rarity: number;
}

const happens = ({ pick, rarity }: Chance): boolean => pick(rarity) === 0;

interface RawField {
  readonly number: number;
  readonly type: WireType;
  /** The value as it stands on the wire, with its length if it has one. */
  readonly value: Uint8Array;
}

function readFields(bytes: Uint8Array): RawField[] {
  const reader = new BinaryReader(bytes);
  const fields: RawField[] = [];
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    fields.push({ number, type, value: reader.skip(type, number) });
  }
  return fields;
}

function writeFields(fields: readonly RawField[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const { number, type, value } of fields) writer.tag(number, type).raw(value);
  return writer.finish();
}

const content = (field: RawField): Uint8Array => new BinaryReader(field.value).bytes();
const withContent = (field: RawField, bytes: Uint8Array): RawField => ({
  ...field,
  value: new BinaryWriter().bytes(bytes).finish(),
});

/** A field that no schema of ours knows, of any wire type. */
function unknownField({ pick }: Chance): RawField {
  const number = [1700, 2047, 2048, 99_999, 536_870_911][pick(5)];
  const writer = new BinaryWriter();
  switch (pick(5)) {
    case 0:
      return { number, type: WireType.Varint, value: writer.uint64(2n ** BigInt(pick(64))).finish() };
    case 1:
      return { number, type: WireType.Bit64, value: writer.fixed64(123n).finish() };
    case 2:
      return { number, type: WireType.Bit32, value: writer.fixed32(123).finish() };
    case 3:
      return { number, type: WireType.LengthDelimited, value: writer.string('x'.repeat(pick(200))).finish() };
    default: {
      writer.tag(1, WireType.Varint).uint32(5).tag(2, WireType.StartGroup).tag(2, WireType.EndGroup);
      return { number, type: WireType.StartGroup, value: writer.tag(number, WireType.EndGroup).finish() };
    }
  }
}

/** Other bytes with the same meaning, or nearly: what the decoder makes of them is the measure. */
function scrambleField(field: RawField, desc: DescField | undefined, chance: Chance): RawField[] {
  if (desc?.fieldKind === 'message') {
    const inner = scrambleMessage(content(field), desc.message, chance);
    if (!happens(chance)) return [withContent(field, inner)];
    // In two pieces, to be merged.
    const parts = readFields(inner);
    const cut = chance.pick(parts.length + 1);
    return [parts.slice(0, cut), parts.slice(cut)].map((piece) => withContent(field, writeFields(piece)));
  }
  if (desc?.fieldKind === 'list' && desc.listKind === 'message') {
    return [withContent(field, scrambleMessage(content(field), desc.message, chance))];
  }
  if (desc?.fieldKind === 'scalar' && field.type === WireType.Varint && happens(chance)) {
    // The value that does not count, and the one that does, longer than it need be.
    const padded = [...field.value.map((byte) => byte | 128), 0];
    const fits = padded.length <= 10 ? Uint8Array.from(padded) : field.value;
    return [
      { ...field, value: Uint8Array.of(1) },
      { ...field, value: fits },
    ];
  }
  return [field];
}

/**
 * Rewrites an encoded message as no encoder would, but as decoders have to read it: fields in any order, scalars more than once, messages in pieces, members of
 * a oneof one after the other, unknown fields between them.
 */
export function scrambleMessage(bytes: Uint8Array, schema: DescMessage, chance: Chance): Uint8Array {
  const fields: RawField[] = [];
  for (const field of readFields(bytes)) {
    const desc = schema.fields.find(({ number }) => number === field.number);
    fields.push(...scrambleField(field, desc, chance));
    if (happens(chance)) fields.push(unknownField(chance));
  }
  const members = schema.oneofs.flatMap((oneof) => oneof.fields);
  if (members.length > 0 && happens(chance)) {
    const { number } = members[chance.pick(members.length)];
    fields.push({ number, type: WireType.LengthDelimited, value: Uint8Array.of(0) });
  }
  if (happens(chance)) {
    for (let i = fields.length - 1; i > 0; i--) {
      const j = chance.pick(i + 1);
      [fields[i], fields[j]] = [fields[j], fields[i]];
    }
  }
  return writeFields(fields);
}
