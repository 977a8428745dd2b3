import { type ReactElement, useState } from 'react';
import { Drawer } from '../drawer/drawer.tsx';
import { FilterBar } from '../filter/filter-bar.tsx';
import { LossBanner } from '../health/loss-banner.tsx';
import { NodesView } from '../health/nodes-view.tsx';
import { MapView } from '../map/map-view.tsx';
import { PoliciesView } from '../policy/policies-view.tsx';
import { FlowTable } from '../table/flow-table.tsx';
import { Timeline } from '../timeline/timeline.tsx';
import { Announcer } from './announcer.tsx';
import { HelpBox } from './help-box.tsx';
import { useKeyboard } from './keyboard.ts';
import { Rail } from './rail.tsx';
import { SearchBox } from './search-box.tsx';
import { useStores, useViewState } from './stores.ts';
import { TopBar } from './top-bar.tsx';

/** Where everything stands: rail and header, filter, losses, time, then the view with the drawer beside it. */
export function Shell(): ReactElement {
  const { view } = useViewState();
  useKeyboard(useStores());
  return (
    <div className="shell">
      <Rail />
      <TopBar />
      <div className="shell-filter">
        <FilterBar />
      </div>
      <div className="shell-losses">
        <LossBanner />
      </div>
      {view !== 'nodes' && (
        <div className="shell-timeline">
          <Timeline />
        </div>
      )}
      <main className="shell-main">
        {view === 'map' && <MapScreen />}
        {view === 'flows' && <FlowScreen />}
        {view === 'policies' && <PoliciesView />}
        {view === 'nodes' && <NodesView />}
      </main>
      <SearchBox />
      <HelpBox />
      <Announcer />
    </div>
  );
}

/** The tables alone, and beside them what is selected. */
function FlowScreen(): ReactElement {
  const { selection } = useViewState();
  return (
    <>
      <FlowTable />
      {selection !== '' && <Drawer />}
    </>
  );
}

const PANEL_KEY = 'sluice.flows';

/** The map, the flows below it where they are wanted, and the drawer beside both. */
function MapScreen(): ReactElement {
  const [hasFlows, setFlows] = useState(
    () => (localStorage.getItem(PANEL_KEY) ?? 'open') === 'open' && innerHeight >= 760,
  );
  const toggle = (): void => {
    localStorage.setItem(PANEL_KEY, hasFlows ? 'closed' : 'open');
    setFlows(!hasFlows);
  };
  return (
    <>
      <div className="map-column">
        <MapView />
        <button type="button" className="flows-handle" aria-expanded={hasFlows} onClick={toggle}>
          {hasFlows ? '▾ Hide flows' : '▴ Show flows'}
        </button>
        {hasFlows && (
          <div className="flows-panel">
            <FlowTable />
          </div>
        )}
      </div>
      <Drawer />
    </>
  );
}
