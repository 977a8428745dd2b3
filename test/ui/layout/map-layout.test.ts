import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Link } from '../../../ui/layout/inner-layout.ts';
import { MapLayout, type Rect } from '../../../ui/layout/map-layout.ts';
import { nodeOf, type ServiceNode } from '../../../ui/model/service-node.ts';

const workload = (cluster: string, name: string): ServiceNode =>
  nodeOf({ cluster, workload: name, name: '' });
const link = (from: ServiceNode, to: ServiceNode): Link => ({ from: from.id, to: to.id });

/** Workloads in namespaces, each calling the next ones, by a fixed rule. */
function buildGraph(count: number, namespaces: number): { nodes: ServiceNode[]; links: Link[] } {
  const nodes = Array.from({ length: count }, (_, i) => workload('c', `ns${i % namespaces}/w${i}`));
  const links = nodes.flatMap((node, i) =>
    [1, 7, 19].map((step) => link(node, nodes[(i * step + step) % count])),
  );
  return { nodes, links };
}

const overlaps = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

function assertApart(layout: MapLayout): void {
  const islands = layout.list();
  for (const [i, a] of islands.entries()) {
    for (const b of islands.slice(i + 1)) {
      assert.ok(!overlaps(a.rect, b.rect), `${a.island.id} covers ${b.island.id}`);
    }
    const cards = a.cards.map(({ rect }) => rect);
    for (const [j, card] of cards.entries()) {
      assert.ok(
        card.x >= a.rect.x && card.x + card.width <= a.rect.x + a.rect.width,
        'a card leaves its island',
      );
      for (const other of cards.slice(j + 1)) assert.ok(!overlaps(card, other), 'cards cover each other');
    }
  }
}

describe('the layout of the map', () => {
  it('puts who calls to the left of whom it calls', () => {
    const [web, api, store] = ['a/web', 'a/api', 'a/store'].map((name) => workload('c', name));
    const others = ['a/x', 'a/y', 'a/z', 'a/u'].map((name) => workload('c', name));
    const layout = new MapLayout();
    layout.place(
      [web, api, store, ...others],
      [
        link(web, api),
        link(api, store),
        ...others.flatMap((other) => [link(web, other), link(other, store)]),
      ],
    );
    assert.ok(layout.card(web.id)!.x < layout.card(store.id)!.x);
  });

  it('keeps 600 workloads of 40 namespaces apart, each within its island', () => {
    const { nodes, links } = buildGraph(600, 40);
    const layout = new MapLayout();
    layout.place(nodes, links);
    assertApart(layout);
    assert.equal(layout.list().length, 40);
    const { width, height } = layout.bounds();
    assert.ok(width / height > 1 && width / height < 3.5, `${width} x ${height}`);
  });

  it('does not depend on the order in which things came', () => {
    const { nodes, links } = buildGraph(80, 6);
    const [one, other] = [new MapLayout(), new MapLayout()];
    one.place(nodes, links);
    other.place([...nodes].reverse(), [...links].reverse());
    for (const { id } of nodes) assert.deepEqual(one.card(id), other.card(id));
  });

  it('moves nothing when an edge comes', () => {
    const { nodes, links } = buildGraph(60, 5);
    const layout = new MapLayout();
    layout.place(nodes, links);
    const before = nodes.map(({ id }) => layout.card(id));
    layout.place(nodes, [...links, link(nodes[3], nodes[50])]);
    assert.deepEqual(
      nodes.map(({ id }) => layout.card(id)),
      before,
    );
  });

  it('leaves most where it was when workloads and namespaces come, and covers nothing', () => {
    const { nodes, links } = buildGraph(120, 8);
    const layout = new MapLayout();
    layout.place(nodes.slice(0, 114), links);
    const before = nodes.slice(0, 114).map(({ id }) => layout.card(id)!);
    layout.place(
      [...nodes, workload('c', 'late/one'), nodeOf({ cluster: '', workload: '', name: 'x.example' })],
      links,
    );
    assertApart(layout);
    const moved = before.filter((card, i) => {
      const now = layout.card(nodes[i].id)!;
      return now.x !== card.x || now.y !== card.y;
    });
    assert.ok(moved.length < before.length / 4, `${moved.length} of ${before.length} moved`);
  });
});
