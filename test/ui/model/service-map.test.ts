import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MEASURES } from '../../../proto/flow/aggregate/row-measures.ts';
import { ServiceMap } from '../../../ui/model/service-map.ts';
import { nodeOf } from '../../../ui/model/service-node.ts';

const web = { cluster: 'east', workload: 'shop/web', name: '' };
const cart = { cluster: 'east', workload: 'shop/cart', name: '' };

function addRow(
  map: ServiceMap,
  port: string,
  flows: number,
  dropped: number,
  firstMs = 1000,
  lastMs = 3000,
): void {
  const sums = new Float64Array(MEASURES);
  sums.set([flows, flows - dropped, dropped, 0, 0, 0, firstMs * 1000, lastMs * 1000]);
  map.add({ client: web, server: cart, port, protocol: 'TCP', sums, at: 0 });
}

describe('a node of the map', () => {
  it('is a workload of a namespace of a cluster', () => {
    const node = nodeOf(web);
    assert.equal(node.id, 'east/shop/web');
    assert.equal(node.title, 'web');
    assert.deepEqual(node.island, { id: 'east/shop', cluster: 'east', title: 'shop', kind: 'namespace' });
  });

  it('is a name of the outside world, one for all addresses that have none', () => {
    assert.equal(nodeOf({ cluster: '', workload: '', name: 'bank.example.com' }).title, 'bank.example.com');
    for (const workload of ['', '(world)']) {
      assert.equal(nodeOf({ cluster: '', workload, name: '' }).id, 'outside/');
    }
  });

  it('is a machine for other reserved identities', () => {
    const node = nodeOf({ cluster: '', workload: '(remote-node)', name: '' });
    assert.deepEqual([node.title, node.island.kind], ['remote-node', 'machines']);
  });
});

describe('the service map', () => {
  it('adds rows up by edge and by port, exactly', () => {
    const map = new ServiceMap();
    addRow(map, '8080', 10, 2);
    addRow(map, '9090', 5, 5);
    map.endAnswer(1);
    addRow(map, '8080', 7, 0, 4000, 9000);
    map.endAnswer(1);
    const [edge, ...more] = map.edges.values();
    assert.equal(more.length, 0);
    assert.equal(edge.id, 'east/shop/web>east/shop/cart');
    assert.deepEqual([edge.total.flows, edge.total.forwarded, edge.total.dropped], [22, 15, 7]);
    assert.deepEqual(
      [...edge.ports.values()].map(({ port, flows, dropped }) => [port, flows, dropped]),
      [
        ['8080', 17, 2],
        ['9090', 5, 5],
      ],
    );
    assert.deepEqual([edge.firstMs, edge.lastMs], [1000, 9000]);
    assert.equal(map.total.flows, 22);
  });

  it('counts what is in no row, too', () => {
    const map = new ServiceMap();
    map.addOthers(Float64Array.of(9, 8, 1, 0, 0, 0, 0, 0));
    assert.deepEqual([map.others, map.total.flows, map.total.dropped], [9, 9, 1]);
  });

  it('begins with the mean rate of what was stored, and follows what comes', () => {
    const map = new ServiceMap();
    addRow(map, '80', 20, 0, 1000, 11_000);
    map.endAnswer(0.5);
    const [edge] = map.edges.values();
    assert.equal(edge.rate.flows, 2);
    for (let i = 0; i < 100; i++) {
      const nowMs = 11_000 + i * 500;
      addRow(map, '80', 10, 0, nowMs, nowMs + 400);
      map.endAnswer(0.5);
    }
    assert.ok(Math.abs(edge.rate.flows - 20) < 0.1, String(edge.rate.flows));
    for (let i = 0; i < 200; i++) map.endAnswer(0.5);
    assert.equal(edge.rate.flows, 0);
  });

  it('takes what is stored on a node that answers late for what it is: no burst of now', () => {
    const map = new ServiceMap();
    addRow(map, '80', 1, 0, 59_990, 60_000);
    map.endAnswer(0.5);
    addRow(map, '81', 600, 60, 1000, 2000);
    map.endAnswer(0.5);
    const [edge] = map.edges.values();
    assert.ok(edge.rate.flows > 5 && edge.rate.flows < 15, String(edge.rate.flows));
    assert.ok(edge.rate.dropped > 0.5 && edge.rate.dropped < 1.5, String(edge.rate.dropped));
    assert.equal(edge.total.flows, 601);
  });

  it('knows since when something is denied, and what is usual', () => {
    const map = new ServiceMap();
    addRow(map, '80', 20, 0, 1000, 11_000);
    map.endAnswer(0.5);
    const [edge] = map.edges.values();
    assert.deepEqual([edge.firstBadMs, edge.usualRate], [0, 2]);
    addRow(map, '80', 5, 5, 11_500, 11_900);
    map.endAnswer(0.5);
    assert.equal(edge.firstBadMs, 11_900);
    assert.ok(edge.usualRate < 3, 'a burst of half a second is not usual');
  });

  it('tells when nodes or edges have come', () => {
    const map = new ServiceMap();
    addRow(map, '80', 1, 0);
    const { shape } = map;
    addRow(map, '81', 1, 0);
    assert.equal(map.shape, shape);
    map.add({
      client: cart,
      server: web,
      port: '',
      protocol: 'ICMPv4',
      sums: new Float64Array(MEASURES),
      at: 0,
    });
    assert.notEqual(map.shape, shape);
  });
});
