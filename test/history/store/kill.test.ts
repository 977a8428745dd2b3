import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { StoreReader } from '../../../history/store/query/store-reader.ts';
import { maintainAll, openWriter, queryOf, scanTexts, storeDirectory } from './support/store-files.ts';

/** Times that the writer is killed; `npm run test:history-kill` does it a hundred times. */
const ROUNDS = Number(process.env['SLUICE_KILL_ROUNDS'] ?? 3);
const script = new URL('./support/append-forever.ts', import.meta.url).pathname;

const { directory, remove } = storeDirectory();
after(remove);

/** Starts the writer, kills it at some time after it has begun, and returns how many entries it said were on disk. */
async function writeAndKill(afterMs: number): Promise<number> {
  const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  await new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (more: string) => {
      text = (text + more).slice(-200);
      resolve();
    });
    child.once('exit', () => resolve());
  });
  await pause(afterMs);
  const ended = new Promise((resolve) => child.stdout.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
  const told = text.split('\n').filter((line) => line !== '');
  // The last line may have been cut off.
  return Number(text.endsWith('\n') ? told.at(-1) : told.at(-2));
}

describe('a store whose writer is killed', () => {
  it('has everything that was written, in order, and goes on behind it', async () => {
    let slowestMs = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const written = await writeAndKill((round * 37) % 150);
      const startMs = performance.now();
      const { writer } = openWriter(directory);
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
      assert.ok(writer.state.endSeq >= written, `${writer.state.endSeq} of ${written}`);
      writer.close();
    }
    if (ROUNDS > 10) console.log(`opened in ${slowestMs.toFixed(0)} ms at most`);
    const { writer } = openWriter(directory);
    maintainAll(writer);
    const { endSeq } = writer.state;
    writer.close();
    const query = queryOf();
    const found = scanTexts(new StoreReader(directory), query);
    assert.deepEqual(query.damage, []);
    assert.equal(found.length, endSeq);
    assert.ok(found.every((text, i) => text === String(i)));
  });
});
