import assert from 'node:assert/strict';
import { beforeEach, describe, it, mock } from 'node:test';
import { ErrorCoalescer } from '../../../relay/serve/error-coalescer.ts';

describe('ErrorCoalescer', () => {
  let told: string[];
  let errors: ErrorCoalescer;
  beforeEach(() => {
    told = [];
    errors = new ErrorCoalescer((message, names) => told.push(`${message}: ${names.join(' ')}`));
  });

  it('joins equal errors until ten seconds after the first', (test) => {
    mock.timers.enable({ apis: ['setTimeout'] });
    test.after(() => mock.timers.reset());
    errors.add('bad filter', ['a']);
    mock.timers.tick(9000);
    errors.add('bad filter', ['b', 'c']);
    assert.deepEqual(told, []);
    mock.timers.tick(1000);
    assert.deepEqual(told, ['bad filter: a b c']);
    errors.add('bad filter', ['d']);
    mock.timers.tick(10_000);
    assert.deepEqual(told, ['bad filter: a b c', 'bad filter: d']);
  });

  it('tells at once when another error comes, and the other at the end', () => {
    errors.add('bad filter', ['a']);
    errors.add('too many', ['b']);
    assert.deepEqual(told, ['bad filter: a']);
    errors.flush();
    errors.flush();
    assert.deepEqual(told, ['bad filter: a', 'too many: b']);
  });
});
