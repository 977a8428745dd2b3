import { existsSync, readFileSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { c } from './ffi.ts';

/** Something the agent needs and this machine does not give. */
export interface MissingFeature {
  readonly feature: string;
  readonly why: string;
  readonly remedy: string;
}

/** Where the facts come from; tests give their own. */
export interface KernelFacts {
  /** `uname -r`. */
  readonly release: string;
  /** Effective capabilities of this process, a bit each (linux/capability.h). */
  readonly capabilities: bigint;
  readonly pageBytes: number;
  /** Whether the kernel was built with perf events. */
  readonly perfEvents: boolean;
  /** Whether a directory for the BPF file system exists, which only a kernel with BPF makes. */
  readonly bpfFsDir: boolean;
  /** Soft RLIMIT_MEMLOCK; infinite when there is none. */
  readonly lockedBytes: number;
  /** What the kernel lets any user lock for perf rings beyond that limit, per CPU (kernel.perf_event_mlock_kb). */
  readonly perfLockedBytesPerCpu: number;
}

const CAP_NET_ADMIN = 12n;
const CAP_IPC_LOCK = 14n;
const CAP_SYS_ADMIN = 21n;
const CAP_PERFMON = 38n;
const CAP_BPF = 39n;
/** The first kernel with tcx links, which keep programs attached while the agent is away. */
const MIN_MAJOR = 6;
const MIN_MINOR = 6;
const PAGE_BYTES = 4096;
const GRANT = 'run as root (sudo), or grant the container CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN';

/** Reads this process's facts. */
export function readKernelFacts(): KernelFacts {
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(readText('/proc/self/status'))?.[1] ?? '0';
  const locked = /^Max locked memory\s+(\S+)/m.exec(readText('/proc/self/limits'))?.[1] ?? 'unlimited';
  return {
    release: release(),
    capabilities: BigInt(`0x${capabilities}`),
    pageBytes: c.getpagesize() as number,
    perfEvents: existsSync('/proc/sys/kernel/perf_event_paranoid'),
    bpfFsDir: statSync('/sys/fs/bpf', { throwIfNoEntry: false })?.isDirectory() === true,
    lockedBytes: locked === 'unlimited' ? Number.POSITIVE_INFINITY : Number(locked),
    perfLockedBytesPerCpu: Number(readText('/proc/sys/kernel/perf_event_mlock_kb')) * 1024,
  };
}

/**
 * Everything that is missing, most basic first; empty when the agent can run.
 * @param ringBytesPerCpu perf rings that are going to be opened; 0 leaves their memory unchecked
 */
export function checkKernel(facts: KernelFacts = readKernelFacts(), ringBytesPerCpu = 0): MissingFeature[] {
  return [
    ...missingVersion(facts.release),
    ...missingConfiguration(facts),
    ...missingCapabilities(facts.capabilities),
    ...missingMemory(facts, ringBytesPerCpu),
  ];
}

/** The list as text for a person. */
export function describeMissing(missing: readonly MissingFeature[]): string {
  return missing.map(({ feature, why, remedy }) => `missing ${feature}, needed ${why}: ${remedy}`).join('\n');
}

function missingVersion(release: string): MissingFeature[] {
  const version = /^(\d+)\.(\d+)/.exec(release);
  const [major, minor] = [Number(version?.[1] ?? 0), Number(version?.[2] ?? 0)];
  if (major > MIN_MAJOR || (major === MIN_MAJOR && minor >= MIN_MINOR)) return [];
  return [
    {
      feature: `Linux ${MIN_MAJOR}.${MIN_MINOR} (this is ${release})`,
      why: 'for tcx links, which keep the programs attached while the agent restarts',
      remedy: 'boot a newer kernel',
    },
  ];
}

function missingConfiguration(facts: KernelFacts): MissingFeature[] {
  const missing: MissingFeature[] = [];
  if (!facts.bpfFsDir) {
    missing.push({
      feature: '/sys/fs/bpf',
      why: 'to pin programs and maps',
      remedy: 'mount sysfs on /sys, or boot a kernel with CONFIG_BPF_SYSCALL',
    });
  }
  if (!facts.perfEvents) {
    missing.push({
      feature: 'perf events',
      why: 'to carry events out of the kernel',
      remedy: 'boot a kernel with CONFIG_PERF_EVENTS',
    });
  }
  if (facts.pageBytes !== PAGE_BYTES) {
    missing.push({
      feature: `pages of ${PAGE_BYTES} bytes (this kernel has ${facts.pageBytes})`,
      why: "to read the kernel's perf rings",
      remedy: 'boot a kernel built for 4 KiB pages',
    });
  }
  return missing;
}

function missingCapabilities(capabilities: bigint): MissingFeature[] {
  const has = (bit: bigint): boolean => ((capabilities >> bit) & 1n) === 1n;
  const missing: MissingFeature[] = [];
  // CAP_SYS_ADMIN stands for the two that were split from it.
  if (!has(CAP_BPF) && !has(CAP_SYS_ADMIN))
    missing.push({ feature: 'CAP_BPF', why: 'to load BPF programs and maps', remedy: GRANT });
  if (!has(CAP_PERFMON) && !has(CAP_SYS_ADMIN))
    missing.push({ feature: 'CAP_PERFMON', why: "to read the kernel's perf rings", remedy: GRANT });
  if (!has(CAP_NET_ADMIN))
    missing.push({
      feature: 'CAP_NET_ADMIN',
      why: 'to attach programs to network interfaces',
      remedy: GRANT,
    });
  return missing;
}

function missingMemory(facts: KernelFacts, ringBytesPerCpu: number): MissingFeature[] {
  const mayLock = ((facts.capabilities >> CAP_IPC_LOCK) & 1n) === 1n;
  // Counted per ring, which is right for one CPU and generous for more: the kernel adds up both sides over all CPUs.
  const needed = ringBytesPerCpu + PAGE_BYTES;
  if (ringBytesPerCpu === 0 || mayLock || needed <= facts.perfLockedBytesPerCpu + facts.lockedBytes)
    return [];
  return [
    {
      feature: `locked memory (${needed} bytes per CPU, the limit is ${facts.lockedBytes})`,
      why: 'for the perf rings',
      remedy: 'grant CAP_IPC_LOCK, raise RLIMIT_MEMLOCK, or ask for smaller rings',
    },
  ];
}

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
