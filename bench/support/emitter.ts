/**
 * A program that makes events: `emitter.ts PIN EVENTS_PER_SECOND SECONDS` runs the pinned program on a packet (BPF_PROG_TEST_RUN), paced in millisecond steps over all CPUs of
 * the machine in turn. Each run is one event; how many there were, the program's own counters tell, since a call that a signal interrupts does not say how far it came.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { bpf } from '../../agent/kernel/ffi.ts';
import { KernelError } from '../../agent/kernel/kernel-error.ts';
import { runProgram } from '../../agent/kernel/prog-test-run.ts';
import { ethernet, ETHERTYPE, ipv4, PROTO, udp } from '../../test/bpf/support/build-packet.ts';

const [pin, rateText, secondsText] = process.argv.slice(2);
const rate = Number(rateText);
const seconds = Number(secondsText);
const programFd = bpf.objectGet(pin) as number;
if (programFd < 0) throw new Error(`no program pinned at ${pin}`);

const packet = ethernet(
  ETHERTYPE.ipv4,
  ipv4({ protocol: PROTO.udp, source: '10.0.0.1', destination: '10.0.0.2' }, udp({}, new Uint8Array(0))),
);
const cpus = availableParallelism();
const EINTR = 4;
/** Time on one CPU before the next gets its turn. */
const TURN_MS = 100;

function emit(count: number): void {
  try {
    runProgram(programFd, { packet, repeat: count });
  } catch (error) {
    if (!(error instanceof KernelError) || error.errno !== EINTR) throw error;
  }
}

let sent = 0;
let cpu = -1;
const start = performance.now();
for (;;) {
  const elapsedMs = performance.now() - start;
  if (elapsedMs >= seconds * 1000) break;
  const wantedCpu = Math.floor(elapsedMs / TURN_MS) % cpus;
  if (wantedCpu !== cpu) {
    cpu = wantedCpu;
    spawnSync('taskset', ['-acp', String(cpu), String(process.pid)]);
  }
  const due = Math.min(Math.floor((elapsedMs * rate) / 1000), rate * seconds) - sent;
  if (due > 0) {
    emit(due);
    sent += due;
  }
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}
if (rate * seconds > sent) emit(rate * seconds - sent);
