import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StateQueue } from '../../agent/state-queue.ts';
import type { ClusterChange } from '../../cluster/index.ts';
import { pod } from './datapath/support/pod.ts';

const upsert = (name: string): ClusterChange => ({
  kind: 'endpoint-upsert',
  endpoint: pod(name, [], 300),
});
const pods = (count: number): ClusterChange[] => Array.from({ length: count }, (_, i) => upsert(`p${i}`));
const policy: ClusterChange = {
  kind: 'policy-upsert',
  policy: { kind: 'NetworkPolicy', namespace: 'shop', name: 'closed' },
};

function record(): { queue: StateQueue; taken: [string, readonly ClusterChange[]][]; errors: unknown[] } {
  const taken: [string, readonly ClusterChange[]][] = [];
  const errors: unknown[] = [];
  const queue = new StateQueue(
    (cluster, changes) => void taken.push([cluster, changes]),
    (error) => void errors.push(error),
  );
  return { queue, taken, errors };
}

describe('StateQueue', () => {
  it('hands few changes on at once', () => {
    const { queue, taken } = record();
    queue.push('east', [policy, ...pods(3)]);
    assert.equal(taken.length, 1);
    assert.equal(taken[0][1].length, 4);
  });

  it('hands many on in slices, policies first, and lets others in between', async () => {
    const { queue, taken } = record();
    let turns = 0;
    let isDone = false;
    const turn = (): void => {
      turns++;
      if (!isDone) setImmediate(turn);
    };
    queue.push('east', [...pods(10_000), policy]);
    assert.equal(taken.length, 0);
    setImmediate(turn);
    await queue.idle();
    isDone = true;
    assert.deepEqual(taken[0][1], [policy]);
    const names = taken.slice(1).flatMap(([, changes]) => changes);
    assert.deepEqual(names, pods(10_000));
    assert.ok(Math.max(...taken.map(([, changes]) => changes.length)) <= 2000);
    assert.ok(turns >= taken.length - 1, `${turns} turns of others in ${taken.length} slices`);
  });

  it('keeps the order of what is pushed meanwhile', async () => {
    const { queue, taken } = record();
    queue.push('east', pods(3000));
    queue.push('west', [policy]);
    await queue.idle();
    assert.deepEqual(
      taken.map(([cluster]) => cluster),
      ['east', 'east', 'west'],
    );
  });

  it('tells what goes wrong, and goes on', async () => {
    const errors: unknown[] = [];
    let calls = 0;
    const queue = new StateQueue(
      () => {
        if (calls++ === 0) throw new Error('once');
      },
      (error) => errors.push((error as Error).message),
    );
    queue.push('east', pods(3000));
    await queue.idle();
    assert.deepEqual([calls, errors], [2, ['once']]);
  });

  it('hands nothing on once it is closed', async () => {
    const { queue, taken } = record();
    queue.push('east', pods(3000));
    queue.close();
    await queue.idle();
    queue.push('east', [policy]);
    assert.deepEqual(taken, []);
  });
});
