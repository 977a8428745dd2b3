import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decisionsOf, edgeFilters, historyOf } from '../../../ui/drawer/edge-facts.ts';
import { noCounts } from '../../../ui/model/service-map.ts';
import { nodeOf } from '../../../ui/model/service-node.ts';

const row = (flows: number, ...texts: string[]) => ({
  texts,
  counts: { ...noCounts(), flows },
  firstMs: 0,
  lastMs: 0,
});

describe('which rule decided', () => {
  it('is told by side and port, denials first, and by no row that says nothing', () => {
    const decisions = decisionsOf([
      row(9, 'c', 'a/b', 'egress', 'FORWARDED', '', '', '80', 'TCP'),
      row(
        8,
        'c',
        'a/b',
        'egress',
        'FORWARDED',
        'CiliumNetworkPolicy/a/x, NetworkPolicy/a/y',
        '',
        '80',
        'TCP',
      ),
      row(3, 'c', 'a/b', 'egress', 'DROPPED', '', 'POLICY_DENIED', '443', 'TCP'),
      row(5, 'c', 'a/b', 'ingress', 'AUDIT', '', '', '22', 'TCP'),
      row(5, 'c', 'a/b', '', 'DROPPED', '', 'CT_MAP_INSERTION_FAILED', '22', 'TCP'),
    ]);
    assert.deepEqual(
      decisions.map(({ side, outcome, policies, port }) => [side, outcome, policies.length, port]),
      [
        ['egress', 'denied', 0, '443'],
        ['ingress', 'would deny', 0, '22'],
        ['egress', 'allowed', 2, '80'],
      ],
    );
    assert.deepEqual(decisions[2].policies, ['CiliumNetworkPolicy/a/x', 'NetworkPolicy/a/y']);
  });
});

describe('the history of an edge', () => {
  it('has equal steps, empty ones among them, and adds up what falls into one', () => {
    const at = (ms: number): string => new Date(ms).toISOString();
    const steps = historyOf(
      [row(2, '', '', '', at(1000)), row(3, '', '', '', at(1000)), row(4, '', '', '', at(4000))],
      {
        sinceMs: 1200,
        bucketMs: 1000,
        count: 4,
      },
    );
    assert.deepEqual(
      steps.map(({ flows }) => flows),
      [5, 0, 0, 4, 0],
    );
  });

  it('leaves out what is before or behind it', () => {
    const steps = historyOf([row(2, '', '', '', 'no time'), row(1, '', '', '', new Date(0).toISOString())], {
      sinceMs: 100_000,
      bucketMs: 1000,
      count: 2,
    });
    assert.ok(steps.every(({ flows }) => flows === 0));
  });
});

describe('the filters of an edge', () => {
  it('take the packets of both directions', () => {
    const from = nodeOf({ cluster: 'east', workload: 'a/b', name: '' });
    const to = nodeOf({ cluster: '', workload: '(world)', name: 'x.example' });
    const { whitelist } = edgeFilters({ from, to });
    assert.deepEqual(
      whitelist.map(({ sourceFqdn, destinationFqdn }) => [sourceFqdn, destinationFqdn]),
      [
        [[], ['x.example']],
        [['x.example'], []],
      ],
    );
  });
});
