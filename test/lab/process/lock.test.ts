import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { takeLock } from '../../../lab/process/lock.ts';

describe('takeLock()', () => {
  it('is held by one, tells who it is, and is free again after its release', async () => {
    const name = `t${process.pid}`;
    const lock = await takeLock(name);
    await assert.rejects(
      takeLock(name),
      new RegExp(`^Error: a lab is running already \\(process ${process.pid}, since 20.*Z\\): end it first`),
    );
    lock.release();
    (await takeLock(name)).release();
  });

  it('waits for a holder that is ending', async () => {
    const name = `u${process.pid}`;
    const first = await takeLock(name);
    first.announceEnd();
    let isTaken = false;
    const second = takeLock(name).then((lock) => {
      isTaken = true;
      return lock;
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(isTaken, false);
    first.release();
    (await second).release();
  });
});
