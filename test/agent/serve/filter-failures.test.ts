import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FilterFailures } from '../../../agent/serve/filter-failures.ts';

function setUp(): { failures: FilterFailures; lines: string[]; clock: { ms: number } } {
  const lines: string[] = [];
  const clock = { ms: 1000 };
  const failures = new FilterFailures(
    (message, where) => lines.push(`${where}: ${message}`),
    () => clock.ms,
  );
  return { failures, lines, clock };
}

describe('FilterFailures', () => {
  it('counts every failure, logs the first of an expression, and lists what failed within a minute', () => {
    const { failures, lines, clock } = setUp();
    for (let i = 0; i < 1000; i++) failures.add('_flow.x[0]', 'index 0 out of bounds');
    clock.ms += 30_000;
    failures.add('_flow.y', 'no such key');
    assert.equal(failures.count, 1001);
    const x = 'the expression fails on flows, which then do not match: index 0 out of bounds';
    const y = 'the expression fails on flows, which then do not match: no such key';
    assert.deepEqual(lines, [`filter _flow.x[0]: ${x}`, `filter _flow.y: ${y}`]);
    assert.deepEqual(failures.problems(), [
      { where: 'filter _flow.y', message: y },
      { where: 'filter _flow.x[0]', message: x },
    ]);
    clock.ms += 30_000;
    assert.deepEqual(failures.problems(), [{ where: 'filter _flow.y', message: y }]);
  });

  it('writes ten lines a minute at most, of bounded length, and remembers a bounded number of expressions', () => {
    const { failures, lines, clock } = setUp();
    const write = (): void => {
      for (let i = 0; i < 1000; i++) failures.add(`${i}${'x'.repeat(5000)}`, 'm'.repeat(5000));
    };
    write();
    assert.equal(lines.length, 10);
    assert.ok(lines.every((line) => line.length < 600));
    assert.equal(failures.problems().length, 8);
    clock.ms += 60_000;
    write();
    assert.equal(lines.length, 20);
    assert.equal(failures.count, 2000);
  });
});
