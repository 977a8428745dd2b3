/** A struct as the compiler laid it out. */
export interface BtfStruct {
  readonly size: number;
  /** Byte offset by member name. */
  readonly offsets: ReadonlyMap<string, number>;
}

/** Bytes of a section of a little-endian ELF64 file. Throws if there is none of that name. */
export function elfSection(elf: Uint8Array, name: string): Uint8Array {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const headers = Number(view.getBigUint64(0x28, true));
  const headerBytes = view.getUint16(0x3a, true);
  const count = view.getUint16(0x3c, true);
  const locate = (index: number): { name: number; bytes: Uint8Array } => {
    const at = headers + index * headerBytes;
    const offset = Number(view.getBigUint64(at + 0x18, true));
    const size = Number(view.getBigUint64(at + 0x20, true));
    return { name: view.getUint32(at, true), bytes: elf.subarray(offset, offset + size) };
  };
  const names = locate(view.getUint16(0x3e, true)).bytes;
  for (let index = 0; index < count; index++) {
    const section = locate(index);
    if (cString(names, section.name) === name) return section.bytes;
  }
  throw new Error(`no section ${name} in the object`);
}

function cString(bytes: Uint8Array, start: number): string {
  return Buffer.from(bytes.subarray(start, bytes.indexOf(0, start))).toString('latin1');
}

/** Bytes that follow a type's twelve common ones, by kind (linux/btf.h, BTF_KIND_*); `each` times the number of members. */
const trailers: Readonly<Record<number, { fixed?: number; each?: number }>> = {
  1: { fixed: 4 },
  3: { fixed: 12 },
  4: { each: 12 },
  5: { each: 12 },
  6: { each: 8 },
  13: { each: 8 },
  14: { fixed: 4 },
  15: { each: 12 },
  17: { fixed: 4 },
  19: { each: 12 },
};
const KIND_STRUCT = 4;

/** Every named struct in section .BTF of an object (linux/btf.h: struct btf_header, btf_type, btf_member). */
export function readBtfStructs(elf: Uint8Array): ReadonlyMap<string, BtfStruct> {
  const btf = elfSection(elf, '.BTF');
  const view = new DataView(btf.buffer, btf.byteOffset, btf.byteLength);
  const headerBytes = view.getUint32(4, true);
  const types = headerBytes + view.getUint32(8, true);
  const typesEnd = types + view.getUint32(12, true);
  const strings = btf.subarray(headerBytes + view.getUint32(16, true));
  const structs = new Map<string, BtfStruct>();
  for (let at = types; at < typesEnd;) {
    const info = view.getUint32(at + 4, true);
    const kind = (info >>> 24) & 0x1f;
    const members = info & 0xffff;
    const trailer = trailers[kind] ?? {};
    if (kind === KIND_STRUCT) {
      const offsets = new Map<string, number>();
      for (let index = 0; index < members; index++) {
        const memberAt = at + 12 + index * 12;
        offsets.set(
          cString(strings, view.getUint32(memberAt, true)),
          (view.getUint32(memberAt + 8, true) & 0xffffff) / 8,
        );
      }
      structs.set(cString(strings, view.getUint32(at, true)), {
        size: view.getUint32(at + 8, true),
        offsets,
      });
    }
    at += 12 + (trailer.fixed ?? 0) + (trailer.each ?? 0) * members;
  }
  return structs;
}
