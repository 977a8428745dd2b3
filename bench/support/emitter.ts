/**
 * A program that makes events on the CPU it is started on: `emitter.ts PIN EVENTS_PER_SECOND SECONDS` runs the pinned program on a packet (BPF_PROG_TEST_RUN), paced in steps of
 * a millisecond. Each run is one event; how many there were, the program's own counters tell, since a call that a signal interrupts does not say how far it came.
 */
import { bpf } from '../../agent/kernel/ffi.ts';
import { KernelError } from '../../agent/kernel/kernel-error.ts';
import { runProgram } from '../../agent/kernel/prog-test-run.ts';
import { ethernet, ETHERTYPE, ipv4, PROTO, udp } from '../../test/bpf/support/build-packet.ts';

const [pin, rateText, secondsText] = process.argv.slice(2);
const rate = Number(rateText);
const wanted = rate * Number(secondsText);
const programFd = bpf.objectGet(pin) as number;
if (programFd < 0) throw new Error(`no program pinned at ${pin}`);

const packet = ethernet(
  ETHERTYPE.ipv4,
  ipv4({ protocol: PROTO.udp, source: '10.0.0.1', destination: '10.0.0.2' }, udp({}, new Uint8Array(0))),
);
const EINTR = 4;
/** What was missed while this process had to wait is made up for at twice the rate, not in one burst that no ring could take. */
const maxPerStep = Math.ceil((2 * rate) / 1000);
const never = new Int32Array(new SharedArrayBuffer(4));

let sent = 0;
const start = performance.now();
while (sent < wanted) {
  const due = Math.floor(((performance.now() - start) * rate) / 1000) - sent;
  const count = Math.min(due, maxPerStep, wanted - sent);
  if (count > 0) {
    try {
      runProgram(programFd, { packet, repeat: count });
    } catch (error) {
      if (!(error instanceof KernelError) || error.errno !== EINTR) throw error;
    }
    sent += count;
  }
  Atomics.wait(never, 0, 0, 1);
}
