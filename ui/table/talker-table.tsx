import type { ReactElement, ReactNode } from 'react';
import { useChanges, useStores, useViewState } from '../app/stores.ts';
import { shortCount, shortRate } from '../store/format.ts';
import { scopeOf } from './edge-table.tsx';
import { type PlainColumn, PlainGrid } from './plain-grid.tsx';
import { type Talker, talkersOf } from './talkers.ts';

const count = (
  id: string,
  title: string,
  value: (talker: Talker) => number,
  tone = '',
): PlainColumn<Talker> => ({
  id,
  title,
  width: 100,
  isNumber: true,
  cell: (talker) => {
    const number = value(talker);
    return <span className={number === 0 ? 'faint' : tone}>{shortCount(number)}</span>;
  },
  order: value,
});

const columns: readonly PlainColumn<Talker>[] = [
  {
    id: 'name',
    title: 'Workload',
    width: 240,
    isWide: true,
    cell: ({ node }) => (
      <span className="cell-text" title={`${scopeOf(node)}/${node.title}`}>
        <span className="cell-scope">{scopeOf(node)}/</span>
        {node.title}
      </span>
    ),
    order: ({ node }) => `${scopeOf(node)}/${node.title}`,
  },
  {
    id: 'rate',
    title: 'Flows/s',
    width: 90,
    isNumber: true,
    cell: ({ rate }) => shortRate(rate.flows),
    order: ({ rate }) => rate.flows,
  },
  count('flows', 'Flows', ({ total }) => total.flows),
  count('client', 'As client', ({ asClient }) => asClient),
  count('server', 'As server', ({ asServer }) => asServer),
  count('peers', 'Peers', ({ peers }) => peers),
  count('dropped', 'Dropped', ({ total }) => total.dropped, 'tone-dropped'),
  count('audited', 'Audited', ({ total }) => total.audited, 'tone-audit'),
];

/** Who has part in the most flows. */
export function TalkerTable({ tabs }: { readonly tabs: ReactNode }): ReactElement {
  const { view, map: feed } = useStores();
  const { selection } = useViewState();
  const { map } = useChanges(feed);
  return (
    <>
      <div className="table-bar">
        {tabs}
        <span className="table-told muted">
          {map.nodes.size.toLocaleString('en-US')} workloads, names and nodes · exact counts of this window
        </span>
      </div>
      <PlainGrid
        label="Top talkers"
        rows={talkersOf(map)}
        columns={columns}
        keyOf={({ node }) => node.id}
        isSelected={({ node }) => selection === `node:${node.id}`}
        onOpen={({ node }) =>
          view.set({ selection: selection === `node:${node.id}` ? '' : `node:${node.id}` })
        }
        firstSort="flows"
      />
    </>
  );
}
