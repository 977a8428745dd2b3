import { type ReactElement, useState } from 'react';
import { useStillOrder } from '../attention/use-still-order.ts';
import { useChanges, useStores } from '../app/stores.ts';
import { portsText } from '../map/graph.ts';
import { shortRate } from '../store/format.ts';
import { CountBar } from './edge-drawer.tsx';
import { NodeName } from './node-name.tsx';

const SHOWN = 8;

/** The edges over which most goes. */
export function Busiest(): ReactElement | null {
  const { map: feed, view, commands } = useStores();
  const { map } = useChanges(feed);
  const [isHeld, setHeld] = useState(false);
  const ranked = [...map.edges.values()].sort((a, b) => b.total.flows - a.total.flows);
  const edges = useStillOrder(ranked, ({ id }) => id, isHeld).slice(0, SHOWN);
  if (edges.length === 0) return null;
  const most = edges[0].total.flows;
  return (
    <section
      className="drawer-part"
      aria-label="Busiest edges"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
    >
      <h3 className="caption">Busiest in this window</h3>
      <ul className="edge-list is-wide">
        {edges.map((edge) => (
          <li key={edge.id}>
            <button
              type="button"
              onClick={() => {
                view.set({ selection: `edge:${edge.id}` });
                commands.send('find', `edge:${edge.id}`);
              }}
            >
              <span className="edge-other">
                <NodeName node={edge.from} /> <span className="faint">→</span> <NodeName node={edge.to} />{' '}
                <span className="faint mono">{portsText(edge)}</span>
              </span>
              <CountBar counts={edge.total} most={most} />
              <span className="muted">{shortRate(edge.rate.flows)}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
