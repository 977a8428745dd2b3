import { type BpfMap } from './bpf-map.ts';
import { bpf, errno, type Pointer } from './ffi.ts';
import { KernelError } from './kernel-error.ts';

const PAGE_BYTES = 4096;

/** One CPU's ring in memory. */
export interface PerfRing {
  /** Index of the buffer; the CPU on a machine whose CPUs are all online. */
  readonly cpu: number;
  /** Start of the control page; the data follow behind it. */
  readonly pointer: Pointer;
  /** Data bytes, a power of two, without the control page. */
  readonly dataBytes: number;
}

/** The rings of a perf event array. */
export interface PerfRings {
  readonly rings: readonly PerfRing[];
  /** Readable when a ring has passed its watermark. */
  readonly epollFd: number;
  /** Unmaps the rings: no view of them may be touched afterwards, or the process dies. */
  close(): void;
}

/**
 * Opens a ring on each online CPU and puts it into the map. Wakeups come by watermark only: one per event, libbpf's usual way, costs the packet path
 * twenty times the event itself. So a reader needs a timer beside the epoll descriptor. Throws KernelError.
 * @param bytesPerCpu data bytes of each ring, a power of two of at least a page
 * @param watermarkBytes bytes that must have come together for a wakeup
 */
export function openPerfRings(map: BpfMap, bytesPerCpu: number, watermarkBytes: number): PerfRings {
  const pages = bytesPerCpu / PAGE_BYTES;
  if (!Number.isInteger(pages) || pages < 1 || (pages & (pages - 1)) !== 0) {
    throw new RangeError(
      `perf ring of ${bytesPerCpu} bytes, expected a power of two of at least ${PAGE_BYTES}`,
    );
  }
  const buffer: unknown = bpf.perfBufferNew(map.fd, pages, perfEventAttr(watermarkBytes), null, null, null);
  if (buffer === null) {
    throw KernelError.fromErrno(
      `cannot open perf rings of ${bytesPerCpu} bytes for map ${map.name}`,
      errno(),
    );
  }
  const count = Number(bpf.perfBufferCount(buffer));
  const rings = Array.from({ length: count }, (_, cpu) => {
    const address: [Pointer | null] = [null];
    const size = [0];
    const result = bpf.perfBufferBuffer(buffer, cpu, address, size) as number;
    if (result < 0 || address[0] === null) throw KernelError.fromErrno(`perf ring of CPU ${cpu}`, -result);
    return { cpu, pointer: address[0], dataBytes: size[0] };
  });
  return {
    rings,
    epollFd: bpf.perfBufferEpollFd(buffer) as number,
    close: () => bpf.perfBufferFree(buffer),
  };
}

/** struct perf_event_attr (linux/perf_event.h) for BPF output with raw samples and a watermark. */
function perfEventAttr(watermarkBytes: number): Buffer {
  const attr = Buffer.alloc(112);
  attr.writeUInt32LE(1, 0); // type = PERF_TYPE_SOFTWARE
  attr.writeUInt32LE(attr.length, 4); // size
  attr.writeUInt32LE(10, 8); // config = PERF_COUNT_SW_BPF_OUTPUT
  attr.writeUInt32LE(1, 16); // sample_period
  attr.writeUInt32LE(1 << 10, 24); // sample_type = PERF_SAMPLE_RAW
  attr.writeUInt32LE(1 << 14, 40); // watermark: wakeup_watermark counts, not wakeup_events
  attr.writeUInt32LE(watermarkBytes, 48);
  return attr;
}
