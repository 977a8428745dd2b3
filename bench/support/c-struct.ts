import type { CField, CHeader, CStruct } from './c-header.ts';

/** Values of a C struct by member name: numbers, or the bytes of an array of bytes. */
export type StructValues = Readonly<Record<string, number | Uint8Array>>;

function structOf(header: CHeader, name: string): CStruct {
  const struct = header.structs.get(name);
  if (struct === undefined) throw new Error(`no struct ${name} in the header`);
  return struct;
}

/** The struct's bytes, little-endian; members not given are zero. Throws for a member that the struct does not have. */
export function packStruct(header: CHeader, name: string, values: StructValues): Uint8Array {
  const struct = structOf(header, name);
  const bytes = Buffer.alloc(struct.size);
  for (const [member, value] of Object.entries(values)) {
    const field = struct.fields.get(member);
    if (field === undefined) throw new Error(`no member ${member} in struct ${name}`);
    if (typeof value === 'number') bytes.writeUIntLE(value, field.offset, Math.min(field.size, 6));
    else if (field.size !== 1 || value.length > field.count)
      throw new Error(`${value.length} bytes for ${name}.${member}`);
    else bytes.set(value, field.offset);
  }
  return bytes;
}

function readElement(bytes: Buffer, field: CField, index: number): number {
  const at = field.offset + index * field.size;
  return field.size === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUIntLE(at, field.size);
}

/** Reads `name.member` out of a struct's bytes; of an array, the element at `index`. 64-bit members lose what a double cannot hold. */
export function readMember(
  header: CHeader,
  name: string,
  bytes: Uint8Array,
  member: string,
  index = 0,
): number {
  const field = structOf(header, name).fields.get(member);
  if (field === undefined || index >= field.count)
    throw new Error(`no member ${member}[${index}] in struct ${name}`);
  return readElement(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), field, index);
}
