import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCpuList } from '../../../agent/kernel/perf-rings.ts';

describe('parseCpuList()', () => {
  const cases: readonly [string, number[]][] = [
    ['0\n', [0]],
    ['0-3\n', [0, 1, 2, 3]],
    ['0-1,4,6-7\n', [0, 1, 4, 6, 7]],
    ['\n', []],
  ];
  for (const [text, cpus] of cases) {
    it(`reads ${JSON.stringify(text)}`, () => assert.deepEqual(parseCpuList(text), cpus));
  }
});
