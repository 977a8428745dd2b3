/** A process that writes a spool until it is killed: `spool-writer.ts DIRECTORY`. After each append it prints `written END`, after each acknowledgement `acked FRAME`. */
import { writeSync } from 'node:fs';
import { Spool } from '../../../exporter/spool/spool.ts';
import { never, numbers, spoolOptions } from '../support/spool.ts';

const spool = await Spool.open(spoolOptions({ directory: process.argv[2], maxBytes: 4 * 1024 * 1024 }));
const reader = spool.reader('a');
const say = (text: string): void => void writeSync(1, `${text}\n`);

const write = async (): Promise<void> => {
  for (;;) {
    await spool.append(numbers(spool.end, 1 + (spool.end % 97), 300), never);
    say(`written ${spool.end}`);
  }
};
const read = async (): Promise<void> => {
  for (;;) {
    const record = await reader.next(never);
    reader.ack(record!, { delivered: record!.frames.count });
    say(`acked ${reader.acked}`);
  }
};
await Promise.all([write(), read()]);
