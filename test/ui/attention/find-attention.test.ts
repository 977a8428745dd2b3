import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MEASURES } from '../../../proto/flow/aggregate/row-measures.ts';
import { findAttention } from '../../../ui/attention/find-attention.ts';
import { ServiceMap } from '../../../ui/model/service-map.ts';

const end = (name: string) => ({ cluster: 'c', workload: `ns/${name}`, name: '' });

function add(
  map: ServiceMap,
  server: string,
  nowMs: number,
  counts: Partial<Record<'good' | 'dropped' | 'audited', number>>,
): void {
  const { good = 0, dropped = 0, audited = 0 } = counts;
  const sums = new Float64Array(MEASURES);
  sums.set([good + dropped + audited, good, dropped, audited, 0, 0, nowMs * 1000, (nowMs + 300) * 1000]);
  map.add({ client: end('client'), server: end(server), port: '80', protocol: 'TCP', sums, at: 0 });
}

const told = (map: ServiceMap, beganMs = 0): string[] =>
  findAttention(map, beganMs).map(
    ({ kind, edge, isNew }) => `${kind} ${edge.to.title}${isNew ? ' new' : ''}`,
  );

describe('what needs attention', () => {
  it('is nothing where everything passes as usual', () => {
    const map = new ServiceMap();
    add(map, 'a', 1000, { good: 100 });
    map.endAnswer(1);
    assert.deepEqual(told(map), []);
  });

  it('is denials first, the most first, then findings of audits', () => {
    const map = new ServiceMap();
    add(map, 'audited', 1000, { good: 5, audited: 900 });
    add(map, 'little', 1000, { dropped: 2 });
    add(map, 'much', 1000, { dropped: 500, good: 1 });
    map.endAnswer(1);
    assert.deepEqual(told(map, 5000), ['denied much', 'denied little', 'audit audited']);
  });

  it('says what began while the page was open, and puts it first', () => {
    const map = new ServiceMap();
    add(map, 'old', 1000, { dropped: 500 });
    map.endAnswer(1);
    add(map, 'fresh', 2000, { dropped: 1 });
    map.endAnswer(1);
    assert.deepEqual(told(map, 1500), ['denied fresh new', 'denied old']);
  });

  it('is a rate that has jumped, and no rate that was always high', () => {
    const map = new ServiceMap();
    for (let i = 0; i < 40; i++) {
      add(map, 'steady', i * 1000, { good: 200 });
      add(map, 'jumps', i * 1000, { good: i < 30 ? 2 : 200 });
      map.endAnswer(1);
    }
    assert.deepEqual(told(map), ['jump jumps']);
  });
});
