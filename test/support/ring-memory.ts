/** A perf ring in plain memory, written as the kernel writes one: for reading tests and benchmarks without a kernel. */
export class RingMemory {
  readonly memory: ArrayBuffer;
  readonly dataBytes: number;
  private readonly positions: BigUint64Array;
  private readonly data: Uint8Array;
  private head: number;
  /** Records that did not fit since the last LOST record. */
  private unreported = 0;

  constructor(dataBytes: number, startAt = 0) {
    this.dataBytes = dataBytes;
    this.memory = new ArrayBuffer(4096 + dataBytes);
    this.positions = new BigUint64Array(this.memory, 1024, 2);
    this.data = new Uint8Array(this.memory, 4096, dataBytes);
    this.head = startAt;
    this.positions[0] = BigInt(startAt);
    this.positions[1] = BigInt(startAt);
  }

  /** Writes a sample, or counts it as lost when the ring is full. Returns whether it fitted. */
  write(payload: Uint8Array): boolean {
    const size = (12 + payload.length + 7) & ~7;
    const record = Buffer.alloc(size);
    record.writeUInt32LE(9, 0);
    record.writeUInt16LE(size, 6);
    record.writeUInt32LE(size - 12, 8);
    record.set(payload, 12);
    const lost = this.unreported > 0 ? this.lostRecord() : Buffer.alloc(0);
    if (!this.put(Buffer.concat([lost, record]))) {
      this.unreported++;
      return false;
    }
    this.unreported = 0;
    return true;
  }

  /** Writes raw bytes as a record, whatever they say. */
  writeRaw(record: Uint8Array): void {
    this.put(record);
  }

  private lostRecord(): Buffer {
    const record = Buffer.alloc(24);
    record.writeUInt32LE(2, 0);
    record.writeUInt16LE(24, 6);
    record.writeBigUInt64LE(BigInt(this.unreported), 16);
    return record;
  }

  private put(bytes: Uint8Array): boolean {
    if (this.head + bytes.length - Number(this.positions[1]) > this.dataBytes) return false;
    for (let i = 0; i < bytes.length; i++) this.data[(this.head + i) % this.dataBytes] = bytes[i];
    this.head += bytes.length;
    this.positions[0] = BigInt(this.head);
    return true;
  }
}
