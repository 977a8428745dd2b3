import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Handover } from '../../../relay/policy/handover.ts';

describe('a handover', () => {
  it('gives everything, and holds each giver until his was taken', async () => {
    const handover = new Handover<number>();
    let waiting = 0;
    const give = async (from: number): Promise<void> => {
      for (let i = 0; i < 5; i++) {
        waiting++;
        await handover.give(from + i);
        waiting--;
      }
    };
    handover.follow(Promise.all([give(0), give(10)]).then(() => undefined));
    const taken: number[] = [];
    for await (const item of handover.take()) {
      assert.ok(waiting <= 2);
      taken.push(item);
    }
    assert.deepEqual(
      taken.toSorted((a, b) => a - b),
      [0, 1, 2, 3, 4, 10, 11, 12, 13, 14],
    );
  });

  it('fails with the work that gives, after what was given', async () => {
    const handover = new Handover<string>();
    const work = async (): Promise<void> => {
      await handover.give('one');
      throw new Error('broken');
    };
    handover.follow(work());
    const taken: string[] = [];
    await assert.rejects(
      async () => {
        for await (const item of handover.take()) taken.push(item);
      },
      { message: 'broken' },
    );
    assert.deepEqual(taken, ['one']);
  });

  it('lets givers go when nobody takes any more', async () => {
    const handover = new Handover<number>();
    let given = 0;
    const work = (async (): Promise<void> => {
      for (; given < 100; given++) await handover.give(given);
    })();
    handover.follow(work);
    for await (const item of handover.take()) if (item === 3) break;
    await work;
    assert.equal(given, 100);
  });
});
