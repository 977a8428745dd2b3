import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OpenQuestions } from '../../../agent/dns/open-questions.ts';

const MS = 1e6;

describe('questions that wait for answers', () => {
  it('tell how long it took', () => {
    const questions = new OpenQuestions(10);
    questions.ask('a', 'x.', 5 * MS);
    assert.equal(questions.answer('a', 'x.', 7 * MS), 2 * MS);
    assert.equal(questions.answer('a', 'x.', 8 * MS), -1, 'the second answer has no question');
  });

  it('are answered by those who were asked, about what was asked', () => {
    const questions = new OpenQuestions(10);
    questions.ask('a', 'x.', 0);
    assert.equal(questions.answer('b', 'x.', 1), -1);
    assert.equal(questions.answer('a', 'y.', 1), -1);
    assert.equal(questions.answer('a', 'x.', 1), 1);
    assert.equal(questions.unanswered, 0);
  });

  it('asked again have been waiting since the first time', () => {
    const questions = new OpenQuestions(10);
    questions.ask('a', 'x.', 0);
    questions.ask('a', 'x.', 5_000 * MS);
    assert.equal(questions.answer('a', 'x.', 5_001 * MS), 5_001 * MS);
    questions.ask('a', 'x.', 6_000 * MS);
    questions.ask('a', 'y.', 6_001 * MS);
    assert.equal(questions.answer('a', 'y.', 6_002 * MS), MS);
    assert.equal(questions.unanswered, 1);
  });

  it('are given up after half a minute', () => {
    const questions = new OpenQuestions(10);
    questions.ask('a', 'x.', 0);
    questions.ask('b', 'x.', 10_000 * MS);
    assert.equal(questions.answer('a', 'x.', 30_000 * MS), -1);
    assert.equal(questions.answer('b', 'x.', 30_000 * MS), 20_000 * MS);
    assert.equal(questions.unanswered, 1);
  });

  it('are as many as there is room for', () => {
    const questions = new OpenQuestions(3);
    for (const key of ['a', 'b', 'c', 'd']) questions.ask(key, 'x.', 0);
    assert.equal(questions.evicted, 1);
    assert.equal(questions.answer('a', 'x.', 1), -1);
    assert.equal(questions.answer('b', 'x.', 1), 1);
  });

  it('do not go back in time', () => {
    const questions = new OpenQuestions(3);
    questions.ask('a', 'x.', 5);
    assert.equal(questions.answer('a', 'x.', 4), 0);
  });
});
