import assert from 'node:assert/strict';
import fc from 'fast-check';
import { it } from 'node:test';
import { mergeRuns } from '../../agent/merge-runs.ts';

const run = fc.array(fc.nat(30), { maxLength: 40 }).map((keys) => keys.sort((a, b) => a - b));

it('visits what a stable sort would give, up to the limit, and says where each run stopped', () => {
  fc.assert(
    fc.property(fc.array(run, { maxLength: 70 }), fc.nat(32), (runs, limit) => {
      const keys = Float64Array.from(runs.flat());
      const starts: number[] = [];
      let end = 0;
      for (const { length } of runs) {
        starts.push(end);
        end += length;
      }
      const visited: number[] = [];
      const heads = mergeRuns(keys, starts, end, limit, (entry) => visited.push(entry));
      const expected = [...keys.keys()].filter((i) => keys[i] <= limit).sort((a, b) => keys[a] - keys[b]);
      assert.deepEqual(visited, expected);
      assert.deepEqual(
        heads,
        runs.map((run, r) => starts[r] + run.filter((key) => key <= limit).length),
      );
    }),
  );
});

it('visits nothing when there are no runs', () => {
  assert.deepEqual(
    mergeRuns(new Float64Array(0), [], 0, Infinity, () => assert.fail()),
    [],
  );
});
