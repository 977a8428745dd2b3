import type { ReactElement, ReactNode } from 'react';
import type { ViewName } from '../store/view-state.ts';
import { useStores, useViewState } from './stores.ts';

const places: readonly { readonly view: ViewName; readonly title: string; readonly icon: ReactNode }[] = [
  {
    view: 'map',
    title: 'Service map',
    icon: (
      <>
        <rect x="2.5" y="3" width="5" height="4.5" rx="1.2" />
        <rect x="11.5" y="7.5" width="5" height="4.5" rx="1.2" />
        <rect x="2.5" y="12" width="5" height="4.5" rx="1.2" />
        <path d="M7.5 5.2h1.6v9H7.5M9.1 9.7h2.4" />
      </>
    ),
  },
  { view: 'flows', title: 'Flows', icon: <path d="M3 5h13M3 9.7h13M3 14.4h8" /> },
  {
    view: 'policies',
    title: 'Policies',
    icon: (
      <>
        <path d="M9.5 2.5 15.5 5v4.3c0 3.6-2.4 6-6 7.4-3.6-1.4-6-3.8-6-7.4V5z" />
        <path d="m6.8 9.4 1.9 1.9 3.5-3.8" />
      </>
    ),
  },
  {
    view: 'nodes',
    title: 'Nodes and losses',
    icon: (
      <>
        <rect x="3" y="3.5" width="13" height="5" rx="1.2" />
        <rect x="3" y="11" width="13" height="5" rx="1.2" />
        <path d="M6 6h.01M6 13.5h.01" />
      </>
    ),
  },
];

/** The ways to the views. */
export function Rail(): ReactElement {
  const { view: store } = useStores();
  const state = useViewState();
  return (
    <nav className="rail" aria-label="Views">
      <svg className="rail-logo" viewBox="0 0 32 32" aria-hidden="true">
        <path className="rail-wave" d="M4 9c6 0 6 6 12 6s6-6 12-6" />
        <path className="rail-wave second" d="M4 16c6 0 6 6 12 6s6-6 12-6" />
        <path className="rail-wave third" d="M11 27h10" />
      </svg>
      {places.map(({ view, title, icon }) => (
        <a
          key={view}
          className="rail-place"
          href={store.urlOf({ ...state, view })}
          title={title}
          aria-label={title}
          aria-current={state.view === view ? 'page' : undefined}
          onClick={(event) => {
            if (event.metaKey || event.ctrlKey || event.shiftKey) return;
            event.preventDefault();
            store.set({ view });
          }}
        >
          <svg viewBox="0 0 19 19" aria-hidden="true">
            {icon}
          </svg>
        </a>
      ))}
    </nav>
  );
}
