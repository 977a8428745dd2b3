import type { ReactElement } from 'react';
import { AttentionList } from '../attention/attention-list.tsx';
import { useChanges, useStores, useViewState } from '../app/stores.ts';
import { selectedOf } from '../model/selection-words.ts';
import { FlowDrawer } from '../table/flow-drawer.tsx';
import { Busiest } from './busiest.tsx';
import { EdgeDrawer } from './edge-drawer.tsx';
import { NodeDrawer } from './node-drawer.tsx';

/** Beside the map: what is selected, else what needs attention. Its place is always taken, so that selecting moves nothing on the map. */
export function Drawer(): ReactElement {
  const { map: feed, view } = useStores();
  const { map } = useChanges(feed);
  const { selection } = useViewState();
  const { edge, node } = selectedOf(map, selection);
  const isFlow = selection.startsWith('flow:');
  if (edge === null && node === null && !isFlow) {
    return (
      <aside className="drawer" aria-label="Overview">
        {selection !== '' && feed.answeredMs > 0 && (
          <p className="drawer-gone muted">
            What was selected is not on the map in this window of time, or is hidden by the filter.{' '}
            <button type="button" className="button link" onClick={() => view.set({ selection: '' })}>
              Forget it
            </button>
          </p>
        )}
        <AttentionList />
        <Busiest />
      </aside>
    );
  }
  return (
    <aside className="drawer" aria-label="Details">
      <button
        type="button"
        className="drawer-close"
        aria-label="Close details"
        onClick={() => view.set({ selection: '' })}
      >
        <kbd>Esc</kbd>
      </button>
      {isFlow && <FlowDrawer />}
      {edge !== null && <EdgeDrawer key={edge.id} edge={edge} />}
      {node !== null && <NodeDrawer node={node} map={map} />}
    </aside>
  );
}
