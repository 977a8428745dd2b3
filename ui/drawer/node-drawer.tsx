import type { ReactElement } from 'react';
import { useStores } from '../app/stores.ts';
import { portsText, toneGlyph, toneOf, toneWeight } from '../map/graph.ts';
import { addCounts, type Edge, noCounts, type ServiceMap } from '../model/service-map.ts';
import type { ServiceNode } from '../model/service-node.ts';
import { shortCount, shortRate } from '../store/format.ts';
import { Actions, CountBar } from './edge-drawer.tsx';
import { NodeName } from './node-name.tsx';

const MAX_EDGES = 12;

/** A workload, a name or a machine: what it does, whom it calls, who calls it. */
export function NodeDrawer({
  node,
  map,
}: {
  readonly node: ServiceNode;
  readonly map: ServiceMap;
}): ReactElement {
  const edges = [...map.edges.values()].filter(({ from, to }) => from.id === node.id || to.id === node.id);
  const rate = noCounts();
  const total = noCounts();
  for (const edge of edges) {
    addCounts(rate, edge.rate);
    addCounts(total, edge.total);
  }
  const tone = toneOf(total);
  const kinds = { namespace: 'workload', outside: 'outside world', machines: 'node' } as const;
  return (
    <>
      <div className="drawer-head">
        <span className="tag">
          {node.group === null ? kinds[node.island.kind] : `pod of ${node.group.title}`}
        </span>
        {node.island.cluster !== '' && <span className="tag">cluster {node.island.cluster}</span>}
      </div>
      <h2 className="drawer-title">
        <NodeName node={node} />
      </h2>
      <div className="verdict-split is-plain">
        <Amount name="flows" rate={rate.flows} total={total.flows} tone="" />
        <Amount
          name="dropped"
          rate={rate.dropped}
          total={total.dropped}
          tone={total.dropped > 0 ? 'tone-dropped' : 'faint'}
        />
        <Amount
          name="would be denied"
          rate={rate.audited}
          total={total.audited}
          tone={total.audited > 0 ? 'tone-audit' : 'faint'}
        />
      </div>
      {toneWeight[tone] >= toneWeight.audit && (
        <p className="drawer-sub muted">Press an edge below for the rule that decided.</p>
      )}
      <EdgeList
        title="Calls"
        edges={edges.filter(({ from }) => from.id === node.id)}
        other={({ to }) => to}
      />
      <EdgeList
        title="Called by"
        edges={edges.filter(({ to }) => to.id === node.id)}
        other={({ from }) => from}
      />
      <Actions selection={`node:${node.id}`} what={node.group === null ? 'this workload' : 'this pod'} />
    </>
  );
}

function Amount({
  name,
  rate,
  total,
  tone,
}: {
  readonly name: string;
  readonly rate: number;
  readonly total: number;
  readonly tone: string;
}): ReactElement {
  return (
    <div className="verdict-part">
      <span className="muted">{name}</span>
      <span className={`verdict-rate ${tone}`}>{total > 0 ? shortRate(rate) : '0'}</span>
      <span className="faint">{shortCount(total)} in the window</span>
    </div>
  );
}

function EdgeList({
  title,
  edges,
  other,
}: {
  readonly title: string;
  readonly edges: readonly Edge[];
  readonly other: (edge: Edge) => ServiceNode;
}): ReactElement | null {
  const { view } = useStores();
  if (edges.length === 0) return null;
  const sorted = [...edges].sort(
    (a, b) => toneWeight[toneOf(b.total)] - toneWeight[toneOf(a.total)] || b.total.flows - a.total.flows,
  );
  const most = Math.max(1, ...edges.map(({ total }) => total.flows));
  return (
    <section className="drawer-part">
      <h3 className="caption">
        {title} <span className="faint">{edges.length}</span>
      </h3>
      <ul className="edge-list">
        {sorted.slice(0, MAX_EDGES).map((edge) => {
          const tone = toneOf(edge.total);
          return (
            <li key={edge.id}>
              <button type="button" onClick={() => view.set({ selection: `edge:${edge.id}` })}>
                <span className={`edge-glyph tone-${tone}`}>{toneGlyph[tone]}</span>
                <span className="edge-other">
                  <NodeName node={other(edge)} /> <span className="faint mono">{portsText(edge)}</span>
                </span>
                <CountBar counts={edge.total} most={most} />
                <span className="muted">{shortRate(edge.rate.flows)}</span>
              </button>
            </li>
          );
        })}
      </ul>
      {edges.length > MAX_EDGES && <p className="faint">+ {edges.length - MAX_EDGES} more on the map</p>}
    </section>
  );
}
