import type { FuzzResult } from './run-fuzz.ts';

/** Memory that may come and go with how garbage lies; a leak passes it sooner or later. */
const SLACK_BYTES = 16 * 1024 * 1024;

/** What a server has not given back, or null. */
export function leakOf({ connectionsLeft, descriptors, heapBytes, stderr }: FuzzResult): string | null {
  if (stderr !== '') return `the server complained: ${stderr}`;
  if (connectionsLeft > 0) return `${connectionsLeft} connections are left, expected none`;
  if (descriptors.after > descriptors.before) {
    return `${descriptors.after} descriptors are open, expected ${descriptors.before}`;
  }
  const grownBytes = heapBytes.after - heapBytes.before;
  if (grownBytes > SLACK_BYTES)
    return `${grownBytes} bytes of heap more than before, expected at most ${SLACK_BYTES}`;
  return null;
}
