import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AnswerClock } from '../../../relay/aggregate/answer-clock.ts';

describe('AnswerClock', () => {
  it('waits a whole interval where there is nobody to wait for', () => {
    const clock = new AnswerClock(1000, 0);
    assert.equal(clock.waitMs(0), 1000);
    assert.equal(clock.waitMs(1200), -200);
  });

  it('answers as soon as everybody has, after half an interval at the earliest', () => {
    const clock = new AnswerClock(1000, 0);
    clock.add('a');
    clock.add('b');
    assert.equal(clock.waitMs(900), 1100);
    clock.answered('a');
    assert.equal(clock.waitMs(900), 1100);
    clock.answered('b');
    assert.equal(clock.waitMs(900), -400);
    assert.equal(clock.waitMs(100), 400);
  });

  it('waits for a silent peer once, and again when it has answered', () => {
    const clock = new AnswerClock(400, 0);
    clock.add('a');
    clock.add('mute');
    clock.answered('a');
    assert.equal(clock.waitMs(400), 400, 'one more interval for the silent one');
    clock.restart(800);
    clock.answered('a');
    assert.equal(clock.waitMs(1200), -200, 'not held up any more');
    clock.restart(1200);
    clock.answered('mute');
    assert.equal(clock.waitMs(1600), 400, 'waits for both');
  });

  it('is patient for a second at most, however long the interval', () => {
    const clock = new AnswerClock(60_000, 0);
    clock.add('a');
    assert.equal(clock.waitMs(0), 61_000);
  });

  it('forgets peers that are gone', () => {
    const clock = new AnswerClock(1000, 0);
    clock.add('a');
    clock.add('b');
    clock.answered('a');
    clock.remove('b');
    assert.equal(clock.waitMs(600), -100);
  });
});
