import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Spool } from '../../../exporter/spool/spool.ts';
import { drain, never, numbers, range, spoolOptions } from '../support/spool.ts';

const SMALL = 16 * 1024;

describe('a full spool', () => {
  it('gives up the oldest frames, counted for each reader that had not read them', async () => {
    const options = spoolOptions({ maxBytes: SMALL, whenFull: 'drop-oldest' });
    let spool = await Spool.open(options);
    const fast = spool.reader('fast');
    let slow = spool.reader('slow');
    const foundFast: number[] = [];
    for (let i = 0; i < 100; i++) {
      assert.equal(await spool.append(numbers(i * 10, 10), never), true);
      foundFast.push(...(await drain(fast)));
      assert.ok(spool.bytes <= SMALL);
    }
    assert.deepEqual(foundFast, range(0, 1000));
    assert.deepEqual(fast.lost, { spool_full: 0, spool_damaged: 0 });
    // A restart in between counts the same frames, not twice.
    assert.ok(slow.lost.spool_full > 0);
    await spool.close();
    spool = await Spool.open(options);
    spool.reader('fast');
    slow = spool.reader('slow');
    const found = await drain(slow);
    assert.equal(slow.lost.spool_full, found[0]);
    assert.deepEqual(found, range(found[0], 1000));
    assert.equal(slow.counts['delivered'] + slow.counts['spool_full'], 1000);
    await spool.close();
  });

  it('counts nothing as lost that was read before, and is acknowledged later', async () => {
    const options = spoolOptions({ maxBytes: SMALL, whenFull: 'drop-oldest' });
    const spool = await Spool.open(options);
    const reader = spool.reader('a');
    await spool.append(numbers(0, 10), never);
    const inFlight = await reader.next(never);
    assert.ok(inFlight !== null);
    for (let i = 1; i < 100; i++) await spool.append(numbers(i * 10, 10), never);
    reader.ack(inFlight, { delivered: 10 });
    const found = await drain(reader);
    assert.equal(reader.lost.spool_full, found[0] - 10);
    assert.equal(reader.counts['delivered'] + reader.counts['spool_full'], 1000);
    await spool.close();
  });

  it('gives up what comes, counted over restarts', async () => {
    const options = spoolOptions({ maxBytes: SMALL, whenFull: 'drop-newest' });
    let spool = await Spool.open(options);
    spool.reader('a');
    let taken = 0;
    for (let i = 0; i < 100; i++) {
      if (await spool.append(numbers(i * 10, 10), never)) taken += 10;
    }
    assert.equal(taken + spool.droppedNewest, 1000);
    assert.ok(spool.droppedNewest > 0);
    const { droppedNewest } = spool;
    await spool.close();
    spool = await Spool.open(options);
    assert.equal(spool.droppedNewest, droppedNewest);
    const reader = spool.reader('a');
    assert.deepEqual(await drain(reader), range(0, taken));
    assert.equal(await spool.append(numbers(taken, 10), never), true);
    await spool.close();
  });

  it('holds the source back until there is room, and loses nothing', async () => {
    const spool = await Spool.open(spoolOptions({ maxBytes: SMALL, whenFull: 'stop' }));
    const reader = spool.reader('a');
    let appended = 0;
    const writing = (async () => {
      for (; appended < 1000; appended += 10) await spool.append(numbers(appended, 10), never);
    })();
    const found: number[] = [];
    while (!spool.isHeld) await new Promise(setImmediate);
    const before = appended;
    assert.ok(before < 1000);
    while (found.length < 1000) {
      found.push(...(await drain(reader)));
      await new Promise(setImmediate);
    }
    await writing;
    assert.deepEqual(found, range(0, 1000));
    assert.equal(spool.isHeld, false);
    await spool.close();
  });

  it('ends a wait for room when the process ends, and counts nothing: the flows come again', async () => {
    const spool = await Spool.open(spoolOptions({ maxBytes: SMALL, whenFull: 'stop' }));
    spool.reader('a');
    const stop = new AbortController();
    let result = true;
    const writing = (async () => {
      for (let i = 0; result; i++) result = await spool.append(numbers(i * 10, 10), stop.signal);
    })();
    while (!spool.isHeld) await new Promise(setImmediate);
    stop.abort();
    await writing;
    assert.equal(result, false);
    assert.equal(spool.droppedNewest, 0);
    await spool.close();
  });
});
