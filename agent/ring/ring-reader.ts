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
  private tail: number;
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
    this.tail = Number(Atomics.load(this.head, 1));
  }

  /** Records that the kernel could not write, summed from its LOST records: told when a later event fits. */
  get lostRecords(): number {
    return this.lost;
  }

  /** Times the ring held something that is no record; what was unread then is given up. */
  get corruptions(): number {
    return this.corrupt;
  }

  /**
   * Gives every record to `onSample`, up to about `maxRecords`, then hands their space back to the kernel. Returns the number of samples. Nothing may keep
   * a reference into the ring afterwards.
   */
  drain(onSample: SampleListener, maxRecords: number): number {
    // An atomic load orders the reads of the data behind it (the kernel's rb->user_page->data_head barrier).
    const head = Number(Atomics.load(this.head, 0));
    if (head === this.tail) return 0;
    let tail = this.tail;
    let samples = 0;
    while (tail < head && samples < maxRecords) {
      const at = tail & this.mask;
      const type = this.u32[at >> 2];
      const size = this.u32[(at >> 2) + 1] >>> 16;
      if (size < HEADER_BYTES || (size & 7) !== 0 || tail + size > head) {
        this.corrupt++;
        tail = head;
        break;
      }
      if (type === RECORD_SAMPLE && size > 12) {
        this.giveSample(onSample, at, size);
        samples++;
      } else if (type === RECORD_LOST && size >= 24) {
        const count = (at + 16) & this.mask;
        this.lost += this.u32[count >> 2] + this.u32[((count + 4) & this.mask) >> 2] * 2 ** 32;
      }
      tail += size;
    }
    this.tail = tail;
    Atomics.store(this.head, 1, BigInt(tail));
    return samples;
  }

  private giveSample(onSample: SampleListener, at: number, size: number): void {
    if (at + size <= this.size) {
      const length = Math.min(this.u32[(at + 8) >> 2], size - 12);
      onSample(this.u8, this.u32, at + 12, length);
      return;
    }
    const first = this.size - at;
    this.scratch8.set(this.u8.subarray(at));
    this.scratch8.set(this.u8.subarray(0, size - first), first);
    const length = Math.min(this.scratch32[2], size - 12);
    onSample(this.scratch8, this.scratch32, 12, length);
  }
}
