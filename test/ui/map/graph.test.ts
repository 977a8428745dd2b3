import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MEASURES } from '../../../proto/flow/aggregate/row-measures.ts';
import { MapLayout } from '../../../ui/layout/map-layout.ts';
import { distanceTo, edgeCurve, pointAt } from '../../../ui/map/edge-path.ts';
import { fitCamera, isWithin, toMap, zoomAt } from '../../../ui/map/camera.ts';
import { graphMessage, portsText } from '../../../ui/map/graph.ts';
import { HitIndex } from '../../../ui/map/hit-index.ts';
import { buildScene, fillScene } from '../../../ui/map/scene.ts';
import { treeRows } from '../../../ui/map/tree-rows.ts';
import { ServiceMap } from '../../../ui/model/service-map.ts';

const end = (cluster: string, workload: string) => ({ cluster, workload, name: '' });

function smallMap(): ServiceMap {
  const map = new ServiceMap();
  const sums = new Float64Array(MEASURES);
  const add = (port: string, flows: number, dropped: number, server = 'east/shop/cart'): void => {
    sums.set([flows, flows - dropped, dropped, 0, 0, 0, 1e9, 1.3e9]);
    const [cluster, ...rest] = server.split('/');
    map.add({
      client: end('east', 'shop/web'),
      server: end(cluster, rest.join('/')),
      port,
      protocol: 'TCP',
      sums,
      at: 0,
    });
  };
  add('80', 90, 0);
  add('443', 10, 10);
  add('53', 7, 0, 'west/dns/coredns');
  map.endAnswer(1);
  return map;
}

function sceneOf(map: ServiceMap) {
  const graph = graphMessage(map, '', true);
  const layout = new MapLayout();
  layout.place(
    graph.shape!.nodes,
    graph.shape!.edges.map(({ from, to }) => ({
      from: graph.shape!.nodes[from].id,
      to: graph.shape!.nodes[to].id,
    })),
  );
  const scene = buildScene(graph.shape!, layout);
  fillScene(scene, graph.values);
  return scene;
}

describe('the scene of the map', () => {
  it('has what the map has counted, on edges, cards, islands and between islands', () => {
    const scene = sceneOf(smallMap());
    const [edge] = scene.edges;
    assert.deepEqual([edge.total.flows, edge.total.dropped, edge.tone], [100, 10, 'dropped']);
    assert.equal(scene.nodes.get('east/shop/web')!.total.flows, 107);
    const shop = scene.islands.find(({ island }) => island.title === 'shop')!;
    assert.equal(shop.total.flows, 107, 'an edge within an island counts once');
    assert.deepEqual(
      scene.bundles.map(({ id, total, tone }) => [id, total.flows, tone]),
      [['east/shop>west/dns', 7, 'forwarded']],
    );
    assert.deepEqual(scene.clusters.map(({ name }) => name).sort(), ['east', 'west']);
  });

  it('keeps no number of before', () => {
    const map = smallMap();
    const scene = sceneOf(map);
    fillScene(scene, new Float32Array(map.edges.size * 12));
    assert.ok(
      [...scene.nodes.values()].every(({ total, tone }) => total.flows === 0 && tone === 'forwarded'),
    );
  });

  it('tells of a denied edge the ports that are denied', () => {
    const [edge] = smallMap().edges.values();
    assert.equal(portsText(edge), ':80 :443');
    assert.equal(portsText(edge, 'dropped'), ':443');
  });

  it('is found by a pointer: cards, edges, nothing', () => {
    const scene = sceneOf(smallMap());
    const hits = new HitIndex(scene);
    for (const [id, { rect }] of scene.nodes) {
      const middle = { x: rect.x + rect.width / 2, y: rect.y + rect.height / 2 };
      assert.equal(hits.nodeAt(middle)?.node.id, id);
      assert.equal(hits.islandAt(middle), scene.nodes.get(id)!.node.island.id);
    }
    for (const edge of scene.edges) assert.equal(hits.edgeAt(pointAt(edge.curve, 0.5), 5)?.id, edge.id);
    assert.equal(hits.nodeAt({ x: -9999, y: -9999 }), null);
    assert.equal(hits.edgeAt({ x: -9999, y: -9999 }, 5), null);
    assert.equal(
      new HitIndex({ ...scene, nodes: new Map(), edges: [], bundles: [] }).nodeAt({ x: 0, y: 0 }),
      null,
    );
  });
});

describe('the way of an edge', () => {
  it('begins and ends at its cards, and is another one back', () => {
    const rect = fc.record({
      x: fc.integer({ min: -2000, max: 2000 }),
      y: fc.integer({ min: -2000, max: 2000 }),
      width: fc.constant(134),
      height: fc.constant(34),
    });
    fc.assert(
      fc.property(rect, rect, (a, b) => {
        const there = edgeCurve(a, b);
        for (const [point, card] of [
          [there[0], a],
          [there[3], b],
        ] as const) {
          assert.ok(point.x === card.x || point.x === card.x + card.width);
          assert.ok(point.y > card.y && point.y < card.y + card.height);
        }
        assert.notDeepEqual(there[0], edgeCurve(b, a)[3]);
        assert.ok(distanceTo(there, pointAt(there, 0.37)) < 8);
      }),
    );
  });
});

describe('the camera', () => {
  const bounds = { x: -50, y: 20, width: 3000, height: 900 };
  const screen = { width: 1000, height: 700 };

  it('fits all of the map', () => {
    assert.ok(isWithin(fitCamera(bounds, screen), bounds, screen));
  });

  it('zooms around the pointer', () => {
    const at = { x: 321, y: 123 };
    const before = fitCamera(bounds, screen);
    const under = toMap(before, at);
    const now = toMap(zoomAt(before, at, 1.7), at);
    assert.ok(Math.hypot(under.x - now.x, under.y - now.y) < 1e-6);
  });
});

describe('the tree of the map', () => {
  it('leads to every edge by opening rows, in the order of names', () => {
    const map = smallMap();
    const shown = (open: readonly string[]) =>
      treeRows(map, new Set(open)).map(({ level, name }) => `${level} ${name}`);
    assert.deepEqual(shown([]), ['1 namespace shop, cluster east', '1 namespace dns, cluster west']);
    assert.deepEqual(shown(['island:east/shop', 'node:east/shop/web']), [
      '1 namespace shop, cluster east',
      '2 cart',
      '2 web',
      '3 to shop/cart port 80 port 443',
      '3 to dns/coredns port 53',
      '1 namespace dns, cluster west',
    ]);
    const rows = treeRows(map, new Set(['island:east/shop', 'node:east/shop/web']));
    assert.match(rows[3].detail, /^dropped: .*10 in this window/);
    assert.equal(new Set(rows.map(({ key }) => key)).size, rows.length);
  });
});
