import type { ReactElement, ReactNode } from 'react';
import { useChanges, useStores, useViewState } from '../app/stores.ts';
import type { Edge, PortCounts } from '../model/service-map.ts';
import type { ServiceNode } from '../model/service-node.ts';
import { clockTime, shortCount, shortRate } from '../store/format.ts';
import { type PlainColumn, PlainGrid } from './plain-grid.tsx';

/** Where a node belongs, as it stands in front of its name. */
export function scopeOf({ island, group }: ServiceNode): string {
  const place = island.kind === 'namespace' ? [island.cluster, island.title] : [island.title];
  return [...place, group?.title ?? ''].filter((part) => part !== '').join('/');
}

function NodeCell({ node }: { readonly node: ServiceNode }): ReactElement {
  const scope = scopeOf(node);
  return (
    <span className="cell-text" title={`${scope}/${node.title}`}>
      <span className="cell-scope">{scope}/</span>
      {node.title}
    </span>
  );
}

const MAX_PORTS = 4;

/** The busiest ports of an edge: `8443/TCP, 53/UDP +3`. */
export function portsText(ports: Iterable<PortCounts>): string {
  const sorted = [...ports].sort((a, b) => b.flows - a.flows);
  const texts = sorted
    .slice(0, MAX_PORTS)
    .map(({ port, protocol }) => (port === '' ? protocol : `${port}/${protocol}`));
  return texts.join(', ') + (sorted.length > MAX_PORTS ? ` +${sorted.length - MAX_PORTS}` : '');
}

/** A count with the sign of its verdict; nothing for none, so that what is there stands out. */
function toned(count: number, tone: string, glyph: string): ReactNode {
  return count === 0 ? (
    <span className="faint">0</span>
  ) : (
    <span className={`tone-${tone}`}>
      {glyph} {shortCount(count)}
    </span>
  );
}

const nodeOrder = (node: ServiceNode): string => `${scopeOf(node)}/${node.title}`;

const columns: readonly PlainColumn<Edge>[] = [
  {
    id: 'from',
    title: 'Client',
    width: 190,
    isWide: true,
    cell: ({ from }) => <NodeCell node={from} />,
    order: ({ from }) => nodeOrder(from),
  },
  {
    id: 'to',
    title: 'Server',
    width: 190,
    isWide: true,
    cell: ({ to }) => <NodeCell node={to} />,
    order: ({ to }) => nodeOrder(to),
  },
  {
    id: 'ports',
    title: 'Ports',
    width: 180,
    cell: ({ ports }) => <span className="mono cell-text">{portsText(ports.values())}</span>,
    order: ({ ports }) => portsText(ports.values()),
  },
  {
    id: 'rate',
    title: 'Flows/s',
    width: 78,
    isNumber: true,
    cell: ({ rate }) => shortRate(rate.flows),
    order: ({ rate }) => rate.flows,
  },
  {
    id: 'flows',
    title: 'Flows',
    width: 78,
    isNumber: true,
    cell: ({ total }) => shortCount(total.flows),
    order: ({ total }) => total.flows,
  },
  {
    id: 'forwarded',
    title: 'Forwarded',
    width: 92,
    isNumber: true,
    cell: ({ total }) => toned(total.forwarded, 'forwarded', '→'),
    order: ({ total }) => total.forwarded,
  },
  {
    id: 'dropped',
    title: 'Dropped',
    width: 88,
    isNumber: true,
    cell: ({ total }) => toned(total.dropped, 'dropped', '✕'),
    order: ({ total }) => total.dropped,
  },
  {
    id: 'audited',
    title: 'Audited',
    width: 82,
    isNumber: true,
    cell: ({ total }) => toned(total.audited, 'audit', '◑'),
    order: ({ total }) => total.audited,
  },
  {
    id: 'errors',
    title: 'Errors',
    width: 74,
    isNumber: true,
    cell: ({ total }) => toned(total.errors, 'error', '!'),
    order: ({ total }) => total.errors,
  },
  {
    id: 'last',
    title: 'Last seen',
    width: 92,
    cell: ({ lastMs }) => <span className="mono">{lastMs === 0 ? '' : clockTime(lastMs)}</span>,
    order: ({ lastMs }) => lastMs,
  },
];

/** The map as a table: every edge of it, with its counts since the window began. */
export function EdgeTable({ tabs }: { readonly tabs: ReactNode }): ReactElement {
  const { view, map: feed } = useStores();
  const { selection } = useViewState();
  const { map } = useChanges(feed);
  const edges = [...map.edges.values()];
  return (
    <>
      <div className="table-bar">
        {tabs}
        <span className="table-told muted">
          {edges.length.toLocaleString('en-US')} edges · exact counts of this window
          {map.others > 0 && ` · ${shortCount(map.others)} flows are in none of them`}
        </span>
      </div>
      {edges.length === 0 ? (
        <div className="table-empty muted">
          Nobody talks to anybody in this window, as far as the filters let it be seen.
        </div>
      ) : (
        <PlainGrid
          label="Edges of the map"
          rows={edges}
          columns={columns}
          keyOf={({ id }) => id}
          isSelected={({ id }) => selection === `edge:${id}`}
          onOpen={({ id }) => view.set({ selection: selection === `edge:${id}` ? '' : `edge:${id}` })}
          firstSort="flows"
        />
      )}
    </>
  );
}
