import { type ReactElement, useState } from 'react';
import '../style/table.css';
import { EdgeTable } from './edge-table.tsx';
import { FlowsTab } from './flows-tab.tsx';
import { TalkerTable } from './talker-table.tsx';

const tabs = [
  { id: 'flows', title: 'Flows' },
  { id: 'edges', title: 'Edges' },
  { id: 'talkers', title: 'Top talkers' },
] as const;
type TabId = (typeof tabs)[number]['id'];

const KEY = 'sluice.tab';

function storedTab(): TabId {
  const stored = sessionStorage.getItem(KEY);
  return tabs.find(({ id }) => id === stored)?.id ?? 'flows';
}

/** Flows as they come or as they were, and the map as tables: all that it shows, for who would rather read. */
export function FlowTable(): ReactElement {
  const [tab, setTab] = useState(storedTab);
  const choose = (id: TabId): void => {
    sessionStorage.setItem(KEY, id);
    setTab(id);
  };
  const tabList = (
    <div
      className="tab-list"
      role="tablist"
      aria-label="Tables"
      onKeyDown={(event) => {
        const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
        if (step === 0) return;
        const next = tabs[(tabs.findIndex(({ id }) => id === tab) + step + tabs.length) % tabs.length];
        choose(next.id);
        event.currentTarget.querySelector<HTMLElement>(`[data-tab="${next.id}"]`)?.focus();
      }}
    >
      {tabs.map(({ id, title }) => (
        <button
          key={id}
          type="button"
          role="tab"
          data-tab={id}
          aria-selected={id === tab}
          tabIndex={id === tab ? 0 : -1}
          onClick={() => choose(id)}
        >
          {title}
        </button>
      ))}
    </div>
  );
  return (
    <section className="flow-table" aria-label="Tables of flows">
      {tab === 'flows' && <FlowsTab tabs={tabList} />}
      {tab === 'edges' && <EdgeTable tabs={tabList} />}
      {tab === 'talkers' && <TalkerTable tabs={tabList} />}
    </section>
  );
}
