import assert from 'node:assert/strict';
import {
  appendFileSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Spool } from '../../../exporter/spool/spool.ts';
import { drain, never, numbers, range, spoolOptions } from '../support/spool.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

const segments = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.segment'))
    .sort()
    .map((name) => join(directory, name));

describe('a spool', () => {
  it('gives back what was appended, in order, however it is cut into records, segments and restarts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ count: fc.integer({ min: 1, max: 40 }), restart: fc.boolean(), read: fc.boolean() }),
          {
            minLength: 1,
            maxLength: 25,
          },
        ),
        async (steps) => {
          const options = spoolOptions({ maxBytes: 64 * 1024 });
          let spool = await Spool.open(options);
          let reader = spool.reader('a');
          const found: number[] = [];
          let next = 0;
          for (const { count, restart, read } of steps) {
            assert.equal(await spool.append(numbers(next, count), never), true);
            next += count;
            if (read) found.push(...(await drain(reader)));
            if (restart) {
              await spool.close();
              spool = await Spool.open(options);
              reader = spool.reader('a');
            }
          }
          found.push(...(await drain(reader)));
          assert.deepEqual(found, range(0, next));
          assert.equal(reader.counts['delivered'], next);
          await spool.close();
          rmSync(options.directory, { recursive: true });
        },
      ),
      { numRuns: 25 },
    );
  });

  it('sends again after a restart what was read and not acknowledged', async () => {
    const options = spoolOptions();
    let spool = await Spool.open(options);
    let reader = spool.reader('a');
    await spool.append(numbers(0, 10), never);
    await drain(reader);
    await spool.append(numbers(10, 5), never);
    assert.deepEqual(await drain(reader, false), range(10, 15));
    await spool.close();
    spool = await Spool.open(options);
    reader = spool.reader('a');
    assert.deepEqual(await drain(reader), range(10, 15));
    await spool.close();
  });

  it('cuts off a record of which any number of bytes is missing, and goes on behind the one before', async () => {
    const options = spoolOptions();
    const spool = await Spool.open(options);
    spool.reader('a');
    await spool.append(numbers(0, 3), never);
    const [path] = segments(options.directory);
    const whole = readFileSync(path).length;
    await spool.append(numbers(3, 2), never);
    await spool.close();
    const bytes = readFileSync(path);
    for (let length = whole; length < bytes.length; length += 3) {
      writeFileSync(path, bytes.subarray(0, length));
      const again = await Spool.open(options);
      const reader = again.reader('a');
      assert.equal(again.end, 3, `cut at ${length}`);
      await again.append(numbers(3, 1), never);
      assert.deepEqual(await drain(reader, false), range(0, 4));
      await again.close();
    }
  });

  it('counts the frames of a record that was damaged, and reads on behind it', async () => {
    const options = spoolOptions();
    const spool = await Spool.open(options);
    spool.reader('a');
    const [path] = segments(options.directory);
    const ends: number[] = [];
    for (let i = 0; i < 3; i++) {
      await spool.append(numbers(i * 10, 10), never);
      ends.push(readFileSync(path).length);
    }
    await spool.close();
    const good = readFileSync(path);
    // The payload, the header's checksum, the magic, the length.
    for (const at of [ends[0] + 60, ends[0] + 45, ends[0], ends[0] + 5]) {
      const bytes = Buffer.from(good);
      bytes[at] ^= 0x55;
      writeFileSync(path, bytes);
      const again = await Spool.open(options);
      const reader = again.reader('a');
      assert.deepEqual(await drain(reader, false), [...range(0, 10), ...range(20, 30)], `damage at ${at}`);
      assert.deepEqual(reader.lost, { spool_full: 0, spool_damaged: 10 });
      await again.close();
    }
  });

  it('counts what a damaged end of a closed segment held', async () => {
    const options = spoolOptions({ maxBytes: 10 * 1024 });
    const spool = await Spool.open(options);
    spool.reader('a');
    for (let i = 0; i < 4; i++) await spool.append(numbers(i * 20, 20), never); // two in a segment
    await spool.close();
    const [first] = segments(options.directory);
    assert.ok(segments(options.directory).length > 1);
    truncateSync(first, readFileSync(first).length - 7);
    const again = await Spool.open(options);
    const reader = again.reader('a');
    const found = await drain(reader);
    assert.equal(found.length + reader.lost.spool_damaged, 80);
    assert.ok(reader.lost.spool_damaged > 0);
    assert.equal(reader.counts['spool_damaged'], reader.lost.spool_damaged);
    await again.close();
  });

  it('does not take rubbish at its end for a record', async () => {
    const options = spoolOptions();
    const spool = await Spool.open(options);
    spool.reader('a');
    await spool.append(numbers(0, 3), never);
    await spool.close();
    appendFileSync(segments(options.directory)[0], Buffer.alloc(5000, 'SLRC'));
    const again = await Spool.open(options);
    assert.deepEqual(await drain(again.reader('a')), range(0, 3));
    await again.close();
  });

  it('starts a new reader at the end, and one whose position is damaged at the beginning', async () => {
    const told: string[] = [];
    const options = spoolOptions({ log: (_level, message) => told.push(message) });
    const spool = await Spool.open(options);
    spool.reader('a');
    await spool.append(numbers(0, 3), never);
    const late = spool.reader('b');
    await spool.append(numbers(3, 2), never);
    assert.deepEqual(await drain(late), range(3, 5));
    await spool.close();
    writeFileSync(join(options.directory, 'b.position.json'), '{"segment":');
    const again = await Spool.open(options);
    assert.deepEqual(await drain(again.reader('b')), range(0, 5));
    assert.match(told.join('\n'), /position .*b\.position\.json is damaged: expected \{"segment"/);
    await again.close();
  });

  it('takes a position beyond its end, after the machine died, for its end', async () => {
    const options = spoolOptions();
    const spool = await Spool.open(options);
    const reader = spool.reader('a');
    await spool.append(numbers(0, 3), never);
    const [path] = segments(options.directory);
    const kept = join(scratchDirectory(), 'kept');
    copyFileSync(path, kept);
    await spool.append(numbers(3, 3), never);
    await drain(reader);
    await spool.close();
    copyFileSync(kept, path);
    const again = await Spool.open(options);
    const resumed = again.reader('a');
    await again.append(numbers(3, 4), never);
    assert.deepEqual(await drain(resumed), range(3, 7));
    await again.close();
  });

  it('keeps for one reader what another is through with, also while it closes', async () => {
    const options = spoolOptions({ maxBytes: 16 * 1024 });
    const spool = await Spool.open(options);
    spool.reader('slow');
    const fast = spool.reader('fast');
    for (let i = 0; i < 10; i++) await spool.append(numbers(i * 20, 20), never);
    await drain(fast);
    await spool.close();
    const again = await Spool.open(options);
    assert.deepEqual(await drain(again.reader('slow')), range(0, 200));
    await again.close();
  });

  it('is refused to a second process', async () => {
    const options = spoolOptions();
    const spool = await Spool.open(options);
    await assert.rejects(Spool.open(options), {
      message: `another exporter uses the spool ${options.directory}: stop it first, or give this one another directory`,
    });
    await spool.close();
    await (await Spool.open(options)).close();
  });

  it('deletes segments that every reader is through with, and not before', async () => {
    const options = spoolOptions({ maxBytes: 16 * 1024 });
    const spool = await Spool.open(options);
    const fast = spool.reader('fast');
    const slow = spool.reader('slow');
    for (let i = 0; i < 10; i++) await spool.append(numbers(i * 20, 20), never);
    const before = segments(options.directory).length;
    await drain(fast);
    assert.equal(segments(options.directory).length, before);
    await drain(slow);
    assert.equal(segments(options.directory).length, 1);
    await spool.close();
  });

  it('keeps what is young enough to come again, although everyone has it', async () => {
    const options = spoolOptions({ maxBytes: 16 * 1024, retainUs: 1e6 });
    const spool = await Spool.open(options);
    const reader = spool.reader('a');
    for (let i = 0; i < 10; i++) await spool.append(numbers(i * 20, 20), never);
    const before = segments(options.directory).length;
    await drain(reader);
    assert.equal(segments(options.directory).length, before);
    assert.equal(spool.newestTimeUs, 199);
    await spool.close();
  });
});
