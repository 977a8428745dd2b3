import type { ReactElement } from 'react';
import { FilterBar } from '../filter/filter-bar.tsx';
import { MapView } from '../map/map-view.tsx';
import { FlowTable } from '../table/flow-table.tsx';
import { Timeline } from '../timeline/timeline.tsx';
import { Rail } from './rail.tsx';
import { useViewState } from './stores.ts';
import { TopBar } from './top-bar.tsx';

/** Where everything stands: rail and header, filter, losses, time, then the view with the drawer beside it. */
export function Shell(): ReactElement {
  const { view } = useViewState();
  return (
    <div className="shell">
      <Rail />
      <TopBar />
      <div className="shell-filter">
        <FilterBar />
      </div>
      <div className="shell-timeline">
        <Timeline />
      </div>
      <main className="shell-main">
        {view === 'map' && <MapView />}
        {view === 'flows' && <FlowTable />}
      </main>
    </div>
  );
}
