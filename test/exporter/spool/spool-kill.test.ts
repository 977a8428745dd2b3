import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Spool } from '../../../exporter/spool/spool.ts';
import { drain, range, spoolOptions } from '../support/spool.ts';

const writer = join(import.meta.dirname, 'spool-writer.ts');

/** The last number that was printed behind a word; 0 when none was. */
const last = (word: string, text: string): number =>
  Number(text.match(new RegExp(`.*${word} (\\d+)\\n`, 's'))?.[1] ?? 0);

describe('a spool whose process is killed with -9', () => {
  it('has every frame that it took, and sends again what was not acknowledged', async () => {
    const options = spoolOptions({ maxBytes: 4 * 1024 * 1024 });
    for (let round = 0; round < 5; round++) {
      const child = spawn(process.execPath, [writer, options.directory], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let printed = '';
      child.stdout.on('data', (data: Buffer) => {
        printed += data.toString();
      });
      while (last('acked', printed) === 0) await once(child.stdout, 'data');
      await sleep(50 + round * 60);
      child.kill('SIGKILL');
      await once(child, 'close');

      const written = last('written', printed);
      const acked = last('acked', printed);
      const spool = await Spool.open(options);
      const reader = spool.reader('a');
      // One append, or one acknowledgement, may have happened that could not be printed any more.
      assert.ok(spool.end >= written, `${spool.end} frames found, ${written} written`);
      assert.ok(reader.acked <= acked + 97, `position ${reader.acked}, ${acked} acknowledged`);
      const from = reader.acked;
      assert.equal(reader.counts['delivered'] ?? 0, from);
      assert.deepEqual(await drain(reader, false), range(from, spool.end));
      assert.deepEqual(reader.lost, { spool_full: 0, spool_damaged: 0 });
      await spool.close();
    }
  });
});
