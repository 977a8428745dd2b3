/** A process that stores numbered flows as fast as the disk takes them, and tells how many are on disk: for being killed. Arguments: directory. */
import { writeSync } from 'node:fs';
import { StoreWriter } from '../../../../history/store/write/store-writer.ts';
import { flows } from '../../support/flow-frames.ts';

const writer = StoreWriter.open({ directory: process.argv[2], maxBytes: 2 ** 30, maxAgeMs: 0 }, () => {});
for (;;) {
  const from = writer.state.endSeq;
  // A block of some dozens, so that there are many of them to be killed in.
  if (!writer.append(flows(from, 40).bytes, from)) process.exit(1);
  writeSync(1, `${writer.state.endSeq}\n`);
}
