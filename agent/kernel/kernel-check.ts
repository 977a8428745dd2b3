import { readFileSync } from 'node:fs';
import { release } from 'node:os';

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
}

const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;
const CAP_PERFMON = 38n;
const CAP_BPF = 39n;

/** Reads this process's facts. */
export function readKernelFacts(): KernelFacts {
  const status = readFileSync('/proc/self/status', 'utf8');
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return { release: release(), capabilities: BigInt(`0x${capabilities}`) };
}

/** The first kernel with tcx links, which keep programs attached while the agent is away. */
const MIN_MAJOR = 6;
const MIN_MINOR = 6;

/** Everything that is missing, most basic first; empty when the agent can run. */
export function checkKernel(facts: KernelFacts = readKernelFacts()): MissingFeature[] {
  const missing: MissingFeature[] = [];
  const has = (capability: bigint): boolean =>
    ((facts.capabilities >> capability) & 1n) === 1n || ((facts.capabilities >> CAP_SYS_ADMIN) & 1n) === 1n;
  const capabilities: readonly [bigint, string, string][] = [
    [CAP_BPF, 'CAP_BPF', 'to load BPF programs and maps'],
    [CAP_PERFMON, 'CAP_PERFMON', "to read the kernel's perf rings"],
    [CAP_NET_ADMIN, 'CAP_NET_ADMIN', 'to attach programs to network interfaces'],
  ];
  for (const [bit, feature, why] of capabilities) {
    const granted = bit === CAP_NET_ADMIN ? ((facts.capabilities >> bit) & 1n) === 1n : has(bit);
    if (granted) continue;
    missing.push({
      feature,
      why,
      remedy: 'run as root (sudo), or grant the container CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN',
    });
  }
  const version = /^(\d+)\.(\d+)/.exec(facts.release);
  const [major, minor] = [Number(version?.[1] ?? 0), Number(version?.[2] ?? 0)];
  if (major < MIN_MAJOR || (major === MIN_MAJOR && minor < MIN_MINOR)) {
    missing.push({
      feature: `Linux ${MIN_MAJOR}.${MIN_MINOR} (this is ${facts.release})`,
      why: 'tcx links keep the programs attached while the agent restarts',
      remedy: 'boot a newer kernel',
    });
  }
  return missing;
}

/** The list as text for a person. */
export function describeMissing(missing: readonly MissingFeature[]): string {
  return missing.map(({ feature, why, remedy }) => `missing ${feature}, needed ${why}: ${remedy}`).join('\n');
}
