import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DROPPED, FLOWS, MEASURES } from '../../../proto/flow/aggregate/row-measures.ts';
import { ServiceMap } from '../../../ui/model/service-map.ts';
import { talkersOf } from '../../../ui/table/talkers.ts';

function add(map: ServiceMap, client: string, server: string, flows: number, dropped = 0): void {
  const sums = new Float64Array(MEASURES);
  sums[FLOWS] = flows;
  sums[DROPPED] = dropped;
  const end = (workload: string) => ({ cluster: 'east', workload, name: '' });
  map.add({ client: end(client), server: end(server), port: '80', protocol: 'TCP', sums, at: 0 });
}

describe('top talkers', () => {
  it('have part in the flows of their edges, as clients and as servers', () => {
    const map = new ServiceMap();
    add(map, 'a/web', 'a/api', 10, 1);
    add(map, 'a/api', 'a/db', 5);
    add(map, 'a/api', 'a/api', 2);
    const found = talkersOf(map).map(({ node, total, peers, asClient, asServer }) => [
      node.title,
      total.flows,
      total.dropped,
      peers,
      asClient,
      asServer,
    ]);
    assert.deepEqual(
      found.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
      [
        ['api', 17, 1, 3, 7, 12],
        ['db', 5, 0, 1, 0, 5],
        ['web', 10, 1, 1, 10, 0],
      ],
    );
  });
});
