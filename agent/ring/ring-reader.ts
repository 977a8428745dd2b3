/**
 * Reading one CPU's perf ring (linux/perf_event.h, struct perf_event_mmap_page) through memory shared with the kernel.
 *
 *     memory:  [ control page: data_head @1024, data_tail @1032 | data: records, wrapping around ]
 *     record:  u32 type | u16 misc | u16 size | …                          (size counts the header, multiples of 8)
 *              SAMPLE (9): u32 raw_size | raw bytes                        payload at +12: 4-aligned, not 8-aligned
 *              LOST   (2): u64 id | u64 count                              count at +16
 *
 * The kernel only moves the head, the reader only the tail; both grow for ever and are taken modulo the data size.
 */

export const CONTROL_PAGE_BYTES = 4096;
const DATA_HEAD = 1024;
const RECORD_LOST = 2;
const RECORD_SAMPLE = 9;
const HEADER_BYTES = 8;
const SAMPLE_PAYLOAD = 12;
/** Longest record: its size is a u16. */
const MAX_RECORD_BYTES = 65536;

/** Gets one sample's raw bytes: `u8[offset, offset + length)`, 4-aligned, so that `u32[offset >> 2]` is their first word. Valid only during the call. */
export type SampleListener = (u8: Uint8Array, u32: Uint32Array, offset: number, length: number) => void;

/** Drains a ring given as memory; knows nothing of where the memory comes from. */
export class RingReader {
  private readonly head: BigUint64Array;
  private readonly u8: Uint8Array;
  private readonly u32: Uint32Array;
  private readonly mask: number;
  private readonly size: number;
  /** Where a record that wraps around the end is put together. */
  private readonly scratch8 = new Uint8Array(MAX_RECORD_BYTES);
  private readonly scratch32 = new Uint32Array(this.scratch8.buffer);
  /** Up to where records were taken, what was handed back to the kernel, and up to where it had written. */
  private tail: number;
  private released: number;
  private end: number;
  /** Size of the record that `peek` shows; 0 = it has not looked. */
  private sampleSize = 0;
  /** The sample that `peek` shows: `sampleLength` bytes at `sampleOffset`, which is 4-aligned. Either the ring's memory or, for one that wraps, a copy. */
  sampleU8: Uint8Array;
  sampleU32: Uint32Array;
  sampleOffset = 0;
  sampleLength = 0;
  private lost = 0;
  private corrupt = 0;

  /**
   * @param memory control page and data, `4096 + dataBytes` bytes; it must stay mapped for as long as the reader is used
   * @param dataBytes a power of two
   */
  constructor(memory: ArrayBuffer, dataBytes: number) {
    if (memory.byteLength < CONTROL_PAGE_BYTES + dataBytes || (dataBytes & (dataBytes - 1)) !== 0) {
      throw new RangeError(`ring of ${dataBytes} data bytes in ${memory.byteLength} bytes of memory`);
    }
    this.head = new BigUint64Array(memory, DATA_HEAD, 2);
    this.u8 = new Uint8Array(memory, CONTROL_PAGE_BYTES, dataBytes);
    this.u32 = new Uint32Array(memory, CONTROL_PAGE_BYTES, dataBytes >> 2);
    this.size = dataBytes;
    this.mask = dataBytes - 1;
    this.sampleU8 = this.u8;
    this.sampleU32 = this.u32;
    this.tail = Number(Atomics.load(this.head, 1));
    this.released = this.tail;
    this.end = this.tail;
  }

  /** Records that the kernel could not write, summed from its LOST records: told when a later event fits. */
  get lostRecords(): number {
    return this.lost;
  }

  /** Times the ring held something that is no record; what was unread then is given up. */
  get corruptions(): number {
    return this.corrupt;
  }

  /** Learns how far the kernel has written. What it writes later is not seen before the next call. */
  open(): void {
    // An atomic load orders the reads of the data behind it (the kernel's rb->user_page->data_head barrier).
    this.end = Number(Atomics.load(this.head, 0));
  }

  /** Whether there is a sample: `sampleU8` and so on then show the first that was not taken. */
  peek(): boolean {
    if (this.sampleSize > 0) return true;
    while (this.tail < this.end) {
      const at = this.tail & this.mask;
      const type = this.u32[at >> 2];
      const size = this.u32[(at >> 2) + 1] >>> 16;
      if (size < HEADER_BYTES || (size & 7) !== 0 || this.tail + size > this.end) {
        this.corrupt++;
        this.tail = this.end;
        return false;
      }
      if (type === RECORD_SAMPLE && size > SAMPLE_PAYLOAD) {
        this.showSample(at, size);
        return true;
      }
      if (type === RECORD_LOST && size >= 24) {
        const count = (at + 16) & this.mask;
        this.lost += this.u32[count >> 2] + this.u32[((count + 4) & this.mask) >> 2] * 2 ** 32;
      }
      this.tail += size;
    }
    return false;
  }

  /** Takes the sample that `peek` showed; its bytes stay valid until `release`. */
  take(): void {
    this.tail += this.sampleSize;
    this.sampleSize = 0;
  }

  /** Hands the space of everything taken back to the kernel. Nothing may keep a reference to it afterwards. */
  release(): void {
    if (this.tail === this.released) return;
    this.released = this.tail;
    Atomics.store(this.head, 1, BigInt(this.tail));
  }

  /** Gives every record to `onSample`, up to `maxRecords`, then hands their space back to the kernel. Returns the number of samples. */
  drain(onSample: SampleListener, maxRecords: number): number {
    this.open();
    let samples = 0;
    while (samples < maxRecords && this.peek()) {
      onSample(this.sampleU8, this.sampleU32, this.sampleOffset, this.sampleLength);
      this.take();
      samples++;
    }
    this.release();
    return samples;
  }

  private showSample(at: number, size: number): void {
    this.sampleSize = size;
    if (at + size <= this.size) {
      this.sampleU8 = this.u8;
      this.sampleU32 = this.u32;
      this.sampleOffset = at + SAMPLE_PAYLOAD;
    } else {
      const first = this.size - at;
      this.scratch8.set(this.u8.subarray(at));
      this.scratch8.set(this.u8.subarray(0, size - first), first);
      this.sampleU8 = this.scratch8;
      this.sampleU32 = this.scratch32;
      this.sampleOffset = SAMPLE_PAYLOAD;
    }
    this.sampleLength = Math.min(this.sampleU32[(this.sampleOffset - 4) >> 2], size - SAMPLE_PAYLOAD);
  }
}
