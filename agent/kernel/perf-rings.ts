import { readFileSync } from 'node:fs';
import type { BpfMap } from './bpf-map.ts';
import { bpf, c, errno, type Pointer } from './ffi.ts';
import { KernelError } from './kernel-error.ts';

const PAGE_BYTES = 4096;
const EPERM = 1;
const F_DUPFD_CLOEXEC = 1030;

/** One CPU's ring in memory. */
export interface PerfRing {
  readonly cpu: number;
  /** Start of the control page; the data follow behind it. */
  readonly pointer: Pointer;
  /** Data bytes, a power of two, without the control page. */
  readonly dataBytes: number;
}

/** The rings of a perf event array. */
export interface PerfRings {
  readonly rings: readonly PerfRing[];
  /** Readable when a ring has passed its watermark. Being polled uses that up: on each wake all rings have to be drained to their heads. */
  readonly epollFd: number;
  /** Unmaps the rings and empties the map: no view of them may be touched afterwards, or the process dies. */
  close(): void;
}

/** CPUs in the kernel's list format: `0-3,5`. */
export function parseCpuList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}

/**
 * Opens a ring on each online CPU and puts it into the map. Wakeups come by watermark only: one per event, libbpf's usual way, costs the packet path
 * twenty times the event itself. So a reader needs a timer beside the epoll descriptor. The rings live until `close`, also when the object that the map came from is
 * closed before. A CPU that comes online later has no ring: its events are counted as failed output. Throws KernelError.
 * @param bytesPerCpu data bytes of each ring, a power of two of at least a page
 * @param watermarkBytes bytes that must have come together for a wakeup, less than a ring holds
 */
export function openPerfRings(map: BpfMap, bytesPerCpu: number, watermarkBytes: number): PerfRings {
  const pages = bytesPerCpu / PAGE_BYTES;
  if (!Number.isInteger(pages) || pages < 1 || (pages & (pages - 1)) !== 0) {
    throw new RangeError(
      `perf ring of ${bytesPerCpu} bytes, expected a power of two of at least ${PAGE_BYTES}`,
    );
  }
  if (!(watermarkBytes >= 1 && watermarkBytes < bytesPerCpu)) {
    throw new RangeError(`watermark of ${watermarkBytes} bytes, expected 1 to ${bytesPerCpu - 1}`);
  }
  // The kernel takes rings out of the map when the descriptor closes through which they were put in: so a descriptor of our own.
  const mapFd = c.fcntl(map.fd, F_DUPFD_CLOEXEC, 0) as number;
  if (mapFd < 0) throw KernelError.fromErrno(`cannot keep map ${map.name} open`, errno());
  const buffer: unknown = bpf.perfBufferNew(mapFd, pages, perfEventAttr(watermarkBytes), null, null, null);
  if (buffer === null) {
    const error = errno();
    c.close(mapFd);
    throw KernelError.fromErrno(
      `cannot open perf rings of ${bytesPerCpu} bytes for map ${map.name}`,
      error,
      error === EPERM
        ? 'either CAP_PERFMON is lacking, or the rings are larger than RLIMIT_MEMLOCK allows without CAP_IPC_LOCK'
        : '',
    );
  }
  const close = (): void => {
    bpf.perfBufferFree(buffer);
    c.close(mapFd);
  };
  try {
    return { rings: ringsOf(buffer), epollFd: bpf.perfBufferEpollFd(buffer) as number, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** libbpf has a buffer for each CPU that is online, in the order of their numbers. */
function ringsOf(buffer: unknown): PerfRing[] {
  const cpus = parseCpuList(readFileSync('/sys/devices/system/cpu/online', 'utf8'));
  const count = Number(bpf.perfBufferCount(buffer));
  return Array.from({ length: count }, (_, index) => {
    const address: [Pointer | null] = [null];
    const size = [0];
    const result = bpf.perfBufferBuffer(buffer, index, address, size) as number;
    const cpu = cpus[index] ?? index;
    if (result < 0 || address[0] === null) throw KernelError.fromErrno(`perf ring of CPU ${cpu}`, -result);
    return { cpu, pointer: address[0], dataBytes: size[0] };
  });
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
