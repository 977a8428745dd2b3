import type { ReactElement } from 'react';
import { useStores, useViewState } from '../app/stores.ts';
import { NodeName } from '../drawer/node-name.tsx';
import { clockTime, shortCount, shortRate } from '../store/format.ts';
import { averageRate, type Conversation, reasonWords } from './conversations.ts';
import { type ConversationTab, conversationTabs } from './policy-choice.ts';
import type { Conversations } from './use-conversations.ts';
import { usePolicyChoice } from './use-policy-choice.ts';

const MAX_ROWS = 200;
const titles: Readonly<Record<ConversationTab, string>> = {
  denied: 'Denied',
  audited: 'Would be denied',
  passed: 'Passed',
};

export function countOf(conversation: Conversation, tab: ConversationTab): number {
  if (tab === 'denied') return conversation.dropped;
  return tab === 'audited' ? conversation.audited : conversation.passed;
}

/** Who talked to whom, by what became of it; a press on one shows how to let it pass. */
export function ConversationTable({
  conversations,
  problem,
  isDeniedOnly,
}: {
  readonly conversations: Conversations | null;
  readonly problem: string;
  /** Whether conversations that passed were not asked for. */
  readonly isDeniedOnly: boolean;
}): ReactElement {
  const { choice, choose } = usePolicyChoice();
  const all = conversations?.all ?? [];
  const tabs = conversationTabs.filter((tab) => tab !== 'passed' || !isDeniedOnly);
  const tab = tabs.includes(choice.tab) ? choice.tab : 'denied';
  const rows = all
    .filter((one) => countOf(one, tab) > 0)
    .sort((a, b) => countOf(b, tab) - countOf(a, tab) || (a.id < b.id ? -1 : 1));
  return (
    <section className="policy-part is-flush" aria-label="Conversations">
      <div className="tab-list policy-tabs" role="tablist" aria-label="What became of them">
        {tabs.map((one) => (
          <button
            key={one}
            type="button"
            role="tab"
            aria-selected={tab === one}
            onClick={() => choose({ tab: one }, {}, { isFleeting: true })}
          >
            {titles[one]} <span className="faint">{all.filter((each) => countOf(each, one) > 0).length}</span>
          </button>
        ))}
      </div>
      {problem !== '' && <p className="policy-none tone-dropped">Not known: {problem}</p>}
      {rows.length === 0 && problem === '' && (
        <p className="policy-none muted">
          {conversations === null
            ? 'asking…'
            : `None in this window${tab === 'denied' ? ': nothing was denied' : ''}.`}
        </p>
      )}
      {rows.length > 0 && (
        <table className="data-table conversations">
          <thead>
            <tr>
              <th>From</th>
              <th>To</th>
              <th>Port</th>
              <th className="is-number">{titles[tab]}/s</th>
              <th className="is-number">In window</th>
              <th>Since</th>
              <th>{tab === 'passed' ? 'Side' : 'Reason'}</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, MAX_ROWS).map((row) => (
              <ConversationRow
                key={row.id}
                row={row}
                tab={tab}
                untilMs={conversations?.untilMs ?? 0}
                isChosen={choice.edge === row.edge}
                onOpen={() => choose({ edge: choice.edge === row.edge ? '' : row.edge })}
              />
            ))}
          </tbody>
        </table>
      )}
      {rows.length > MAX_ROWS && (
        <p className="policy-none faint">and {rows.length - MAX_ROWS} more, with fewer flows</p>
      )}
    </section>
  );
}

const tones = { denied: 'tone-dropped', audited: 'tone-audit', passed: 'tone-forwarded' } as const;

function ConversationRow({
  row,
  tab,
  untilMs,
  isChosen,
  onOpen,
}: {
  readonly row: Conversation;
  readonly tab: ConversationTab;
  readonly untilMs: number;
  readonly isChosen: boolean;
  readonly onOpen: () => void;
}): ReactElement {
  const count = countOf(row, tab);
  return (
    <tr className={isChosen ? 'is-chosen' : tab === 'denied' ? 'is-dropped' : ''} onClick={onOpen}>
      <td>
        <button
          type="button"
          className="conversation-open"
          aria-pressed={isChosen}
          aria-label={`${row.from.title} to ${row.to.title}, port ${row.port}, ${titles[tab].toLowerCase()}`}
          onClick={(event) => {
            event.stopPropagation();
            onOpen();
          }}
        >
          <NodeName node={row.from} /> <span className="faint">{row.from.island.cluster}</span>
        </button>
      </td>
      <td>
        <NodeName node={row.to} />
      </td>
      <td className="mono muted">{row.port === '' ? row.protocol : `${row.port}/${row.protocol}`}</td>
      <td className={`is-number ${tones[tab]}`}>
        <strong>{shortRate(averageRate(count, row, untilMs)).replace('/s', '')}</strong>
      </td>
      <td className="is-number muted">{shortCount(count)}</td>
      <td className="mono muted">{row.firstMs === 0 ? '' : clockTime(row.firstMs).slice(0, 8)}</td>
      <td className="conversation-reason">
        <span className="muted">{tab === 'passed' ? row.side : reasonWords(row)}</span>
        <MapLink edge={row.edge} />
      </td>
    </tr>
  );
}

/** The way to an edge of the map. */
export function MapLink({
  edge,
  className = 'button link',
}: {
  readonly edge: string;
  readonly className?: string;
}): ReactElement {
  const { view } = useStores();
  const state = useViewState();
  const there = { view: 'map', level: 'auto', selection: `edge:${edge}`, detail: '' } as const;
  return (
    <a
      className={className}
      href={view.urlOf({ ...state, ...there })}
      onClick={(event) => {
        event.stopPropagation();
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        view.set(there);
      }}
    >
      map
    </a>
  );
}
