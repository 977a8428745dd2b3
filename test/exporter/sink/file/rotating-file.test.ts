import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { RotatingFile, type RotatingFileOptions } from '../../../../exporter/sink/file/rotating-file.ts';
import { scratchDirectory } from '../../support/scratch-directory.ts';

function options(change: Partial<RotatingFileOptions> = {}): RotatingFileOptions {
  const directory = scratchDirectory();
  const path = join(directory, 'flows.jsonl');
  return { path, maxBytes: 100, maxAgeMs: 0, maxBackups: 0, compress: 'none', ...change };
}

const files = ({ path }: RotatingFileOptions): string[] => readdirSync(join(path, '..')).sort();
const fail = (error: Error): void => assert.fail(error.message);
const lines = (from: number, to: number): Buffer =>
  Buffer.from(Array.from({ length: to - from }, (_, i) => `line ${from + i}\n`).join(''));

/** What all files of a path hold, the oldest first. */
function content(given: RotatingFileOptions): string {
  const [active, ...backups] = files(given).sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  return [...backups, active]
    .map((name) => {
      const bytes = readFileSync(join(given.path, '..', name));
      if (name.endsWith('.gz')) return gunzipSync(bytes).toString();
      return name.endsWith('.zst') ? zstdDecompressSync(bytes).toString() : bytes.toString();
    })
    .join('');
}

describe('a rotating file', () => {
  for (const compress of ['none', 'gzip', 'zstd'] as const) {
    it(`is rotated before it grows beyond its size, compressed with ${compress}; no line is lost or torn`, async () => {
      const given = options({ compress });
      const file = new RotatingFile(given, fail);
      await file.open();
      for (let i = 0; i < 100; i += 5) await file.write(lines(i, i + 5), false);
      await file.close();
      assert.equal(content(given), lines(0, 100).toString());
      const backups = files(given).slice(0, -1);
      const suffix = { none: '', gzip: '\\.gz', zstd: '\\.zst' }[compress];
      assert.ok(backups.length >= 5);
      for (const name of backups) {
        assert.match(
          name,
          new RegExp(`^flows-\\d{4}-\\d\\d-\\d\\dT\\d\\d-\\d\\d-\\d\\d\\.\\d{3}\\.jsonl${suffix}$`),
        );
      }
    });
  }

  it('keeps so many rotated files, the newest', async () => {
    const given = options({ maxBackups: 2 });
    const file = new RotatingFile(given, fail);
    await file.open();
    for (let i = 0; i < 100; i += 10) await file.write(lines(i, i + 10), false);
    await file.close();
    assert.equal(files(given).length, 3);
    assert.equal(content(given), lines(70, 100).toString());
  });

  it('is rotated by age', async () => {
    const given = options({ maxBytes: 1e6, maxAgeMs: 20 });
    const file = new RotatingFile(given, fail);
    await file.open();
    await file.write(lines(0, 1), false);
    await sleep(40);
    await file.write(lines(1, 2), false);
    await file.close();
    assert.equal(files(given).length, 2);
    assert.equal(readFileSync(given.path, 'utf8'), 'line 1\n');
  });

  it('cuts off a line that a process did not finish, however long', async () => {
    for (const torn of ['{"flow', 'x'.repeat(200_000)]) {
      const given = options({ maxBytes: 1e6 });
      writeFileSync(given.path, `line 0\n${torn}`);
      const file = new RotatingFile(given, fail);
      await file.open();
      await file.write(lines(1, 2), true);
      await file.close();
      assert.equal(readFileSync(given.path, 'utf8'), 'line 0\nline 1\n');
    }
    const given = options();
    writeFileSync(given.path, 'no line at all');
    const file = new RotatingFile(given, fail);
    await file.open();
    await file.close();
    assert.equal(readFileSync(given.path, 'utf8'), '');
  });

  it('is made anew when someone moved it away', async () => {
    const given = options({ maxBytes: 1e6 });
    const file = new RotatingFile(given, fail);
    await file.open();
    await file.write(lines(0, 1), false);
    renameSync(given.path, `${given.path}.1`);
    await file.write(lines(1, 2), false);
    await file.close();
    assert.equal(readFileSync(given.path, 'utf8'), 'line 1\n');
  });

  it('compresses at the next start what a process that died had not compressed yet', async () => {
    const given = options({ compress: 'gzip' });
    const left = 'flows-2026-03-04T09-15-22.118.jsonl';
    writeFileSync(join(given.path, '..', left), 'line 0\n');
    writeFileSync(join(given.path, '..', `${left}.gz.tmp`), 'half');
    const file = new RotatingFile(given, fail);
    await file.open();
    await file.close();
    assert.deepEqual(files(given), [`${left}.gz`, 'flows.jsonl']);
    assert.equal(content(given), 'line 0\n');
  });
});
