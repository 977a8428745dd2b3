import { BPF_PROG_TEST_RUN, bpfSyscall } from './bpf-syscall.ts';
import { addressOf } from './ffi.ts';
import { KernelError } from './kernel-error.ts';

/** sizeof(struct __sk_buff) and the members that may be given (linux/bpf.h). */
const SKB_BYTES = 192;
const SKB_MARK = 8;
const SKB_IFINDEX = 40;
const SKB_GSO_SIZE = 176;

/**
 * Kept for good: the system call gets mere addresses, and what only an address leads to may be collected before the kernel reads it.
 * Test runs are synchronous, so one pair is enough.
 */
const contextIn = Buffer.alloc(SKB_BYTES);
const contextOut = Buffer.alloc(SKB_BYTES);

/** A packet for a tc program. */
export interface TestRunInput {
  /** From the Ethernet header on, 14 bytes at least. */
  readonly packet: Uint8Array;
  readonly ifindex?: number;
  readonly mark?: number;
  /** Segment size of a packet that is yet to be segmented, 0 = none. */
  readonly gsoSize?: number;
  readonly repeat?: number;
}

/** What came of it. */
export interface TestRunResult {
  /** What the program returned: a TC_ACT_*. */
  readonly verdict: number;
  readonly packet: Uint8Array;
  readonly mark: number;
  /** Mean of one run. */
  readonly durationNs: number;
}

/** Runs a loaded tc program on a packet without a network (BPF_PROG_TEST_RUN). Maps and events are the real ones. Throws KernelError. */
export function runProgram(programFd: number, input: TestRunInput): TestRunResult {
  const dataOut = new Uint8Array(input.packet.length + 256);
  contextIn.writeUInt32LE(input.mark ?? 0, SKB_MARK);
  contextIn.writeUInt32LE(input.ifindex ?? 0, SKB_IFINDEX);
  contextIn.writeUInt32LE(input.gsoSize ?? 0, SKB_GSO_SIZE);
  // union bpf_attr, member `test`
  const attr = Buffer.alloc(80);
  attr.writeUInt32LE(programFd, 0);
  attr.writeUInt32LE(input.packet.length, 8);
  attr.writeUInt32LE(dataOut.length, 12);
  attr.writeBigUInt64LE(addressOf(input.packet), 16);
  attr.writeBigUInt64LE(addressOf(dataOut), 24);
  attr.writeUInt32LE(input.repeat ?? 1, 32);
  attr.writeUInt32LE(SKB_BYTES, 40);
  attr.writeUInt32LE(SKB_BYTES, 44);
  attr.writeBigUInt64LE(addressOf(contextIn), 48);
  attr.writeBigUInt64LE(addressOf(contextOut), 56);
  const result = bpfSyscall(BPF_PROG_TEST_RUN, attr);
  if ('errno' in result) {
    throw KernelError.fromErrno(`test run on a packet of ${input.packet.length} bytes`, result.errno);
  }
  return {
    verdict: attr.readInt32LE(4),
    packet: dataOut.subarray(0, attr.readUInt32LE(12)),
    mark: contextOut.readUInt32LE(SKB_MARK),
    durationNs: attr.readUInt32LE(36),
  };
}
