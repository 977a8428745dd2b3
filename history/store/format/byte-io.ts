/** Writes the small structures of the store: little-endian, growing as needed. */
export class ByteWriter {
  private bytes = Buffer.alloc(1024);
  private used = 0;

  private room(bytes: number): number {
    const at = this.used;
    this.used += bytes;
    if (this.used > this.bytes.length) {
      const grown = Buffer.alloc(this.used * 2);
      this.bytes.copy(grown, 0, 0, at);
      this.bytes = grown;
    }
    return at;
  }

  u32(value: number): void {
    const at = this.room(4);
    this.bytes.writeUInt32LE(value, at);
  }

  f64(value: number): void {
    const at = this.room(8);
    this.bytes.writeDoubleLE(value, at);
  }

  /** Bytes behind their length. */
  block(bytes: Uint8Array): void {
    this.u32(bytes.length);
    const at = this.room(bytes.length);
    this.bytes.set(bytes, at);
  }

  finish(): Buffer {
    return this.bytes.subarray(0, this.used);
  }
}

/** Reads them back. Throws RangeError where bytes are missing: those of a checked record never are. */
export class ByteReader {
  private readonly bytes: Buffer;
  private pos = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  u32(): number {
    this.pos += 4;
    return this.bytes.readUInt32LE(this.pos - 4);
  }

  f64(): number {
    this.pos += 8;
    return this.bytes.readDoubleLE(this.pos - 8);
  }

  block(): Buffer {
    const length = this.u32();
    if (length > this.bytes.length - this.pos) {
      throw new RangeError(`${length} bytes announced, ${this.bytes.length - this.pos} there`);
    }
    this.pos += length;
    return this.bytes.subarray(this.pos - length, this.pos);
  }

  get isAtEnd(): boolean {
    return this.pos >= this.bytes.length;
  }
}
