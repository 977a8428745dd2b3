import { type ReactElement, type ReactNode, useEffect, useState } from 'react';
import { useChanges, useStores, useViewState } from '../app/stores.ts';
import { filterText } from '../filter/filter-words.ts';
import { shortRate } from '../store/format.ts';
import type { FlowFeed } from '../store/flow-feed.ts';
import { samplingText } from '../store/sampling.ts';
import { ColumnMenu } from './column-menu.tsx';
import { type FlowColumn, storeColumns, storedColumns } from './flow-columns.ts';
import { FlowGrid } from './flow-grid.tsx';
import { ringJson } from './row-texts.ts';
import { pauseReason, pauseTexts } from './shown-rows.ts';
import { type SortState, useShownRows } from './use-shown-rows.ts';

/** Flows one by one: live until somebody looks closer, or a stretch of history. */
export function FlowsTab({ tabs }: { readonly tabs: ReactNode }): ReactElement {
  const { view, map, flows } = useStores();
  const { words, at, selection } = useViewState();
  const feed = useChanges(flows);
  const { state: mapState } = useChanges(map);
  const [columns, setColumns] = useState(() => storedColumns(localStorage));
  const [sort, setSort] = useState<SortState | null>(null);
  const [isHovered, setIsHovered] = useState(false);
  const [isScrolled, setIsScrolled] = useState(false);
  const [isAtKeyboard, setIsAtKeyboard] = useState(false);
  const [release, setRelease] = useState(0);
  useFeed(feed);

  const reason =
    at !== null
      ? null
      : pauseReason({
          paused: mapState === 'paused',
          selection: selection.startsWith('flow:'),
          scrolling: isScrolled,
          keyboard: isAtKeyboard,
          hover: isHovered,
        });
  const { rows, waiting } = useShownRows(feed, reason !== null, sort);
  const choose = (next: readonly FlowColumn[]): void => {
    setColumns(next);
    storeColumns(localStorage, next);
  };
  const sortBy = (column: FlowColumn): void =>
    setSort((before) =>
      before?.column.id !== column.id
        ? { column, isDescending: false }
        : before.isDescending
          ? null
          : { column, isDescending: true },
    );
  /** Back to the newest flows, whatever held them. */
  const follow = (): void => {
    setIsScrolled(false);
    setIsHovered(false);
    setIsAtKeyboard(false);
    if (mapState === 'paused') map.resume();
    if (selection.startsWith('flow:')) view.set({ selection: '' });
    // A new grid begins at its top.
    setRelease(release + 1);
  };

  return (
    <>
      <div className="table-bar">
        {tabs}
        <Told feed={feed} text={filterText(words)} />
        <span className="table-space" />
        {reason !== null && (
          <button
            type="button"
            className="button paused"
            title="Show the newest, and follow"
            onClick={follow}
          >
            {pauseTexts[reason]}
            {waiting > 0 && <span> · {waiting.toLocaleString('en-US')} new ↑</span>}
          </button>
        )}
        <ColumnMenu columns={columns} onChange={choose} />
        <button
          type="button"
          className="button quiet"
          title="Save the flows of this table as JSON lines, as sluice observe -o json writes them"
          onClick={() => saveFile('flows.json', ringJson(feed.ring))}
        >
          Export JSON
        </button>
      </div>
      {rows.count === 0 ? (
        <Empty feed={feed} />
      ) : (
        <FlowGrid
          key={release}
          feed={feed}
          rows={rows}
          columns={columns}
          sort={feed.state === 'past' ? sort : null}
          onSort={sortBy}
          holds={{ onHover: setIsHovered, onScroll: setIsScrolled, onKeyboard: setIsAtKeyboard }}
        />
      )}
    </>
  );
}

/** Asks for flows as long as the table is there, anew whenever the URL asks for something else. */
function useFeed(feed: FlowFeed): void {
  const { words, at } = useViewState();
  const text = filterText(words);
  const sinceMs = at?.sinceMs ?? 0;
  const untilMs = at?.untilMs ?? 0;
  useEffect(() => {
    feed.ask({ words, at });
    return () => feed.stop();
    // The text stands for the words and the ends for the span, which are other objects after each change of the URL.
  }, [feed, text, sinceMs, untilMs]);
  useEffect(() => {
    const onVisibility = (): void => feed.onVisibility(document.hidden);
    document.addEventListener('visibilitychange', onVisibility);
    return () => document.removeEventListener('visibilitychange', onVisibility);
  }, [feed]);
}

/** How much of what there is the table shows. */
function Told({ feed, text }: { readonly feed: FlowFeed; readonly text: string }): ReactElement {
  const { map } = useStores();
  const { state, sampling, ring, isCut, problem } = feed;
  const kept = `${ring.count.toLocaleString('en-US')} rows`;
  const rate = shortRate(map.map.rate.flows);
  if (state === 'broken' || state === 'refused') {
    return (
      <span className="table-told tone-dropped" role="status">
        {state === 'broken' ? 'Not connected, trying again' : 'Refused'}: {problem}
      </span>
    );
  }
  if (state === 'past') {
    const total = map.state === 'past' ? map.map.total.flows : 0;
    const part = isCut
      ? `the first of ${total > 0 ? total.toLocaleString('en-US') : 'more'}, drops and audits apart`
      : '';
    return <span className="table-told muted">{[kept, part].filter((one) => one !== '').join(' · ')}</span>;
  }
  const sampled = samplingText(sampling);
  const parts = [sampled, `${rate}${text === '' ? '' : ' match'}`, kept];
  return <span className="table-told muted">{parts.filter((part) => part !== '').join(' · ')}</span>;
}

function Empty({ feed: { state } }: { readonly feed: FlowFeed }): ReactElement {
  const { at, words } = useViewState();
  const what = words.length === 0 ? 'No flow' : 'No flow that matches the filters';
  return (
    <div className="table-empty muted">
      {state === 'connecting' && 'Asking for flows…'}
      {state === 'live' && `${what} yet.`}
      {state === 'past' && `${what} is kept of this stretch of time.`}
      {state === 'broken' &&
        'Nothing to show before the server answers. It is asked again every other second.'}
      {state === 'refused' && 'Nothing to show: the server refuses this question. Change the filters.'}
      {(state === 'live' || state === 'past') && words.length > 0 && at === null && (
        <p className="faint">Take a filter away, or look further back: brush the timeline.</p>
      )}
    </div>
  );
}

/** Lets the browser save a text as a file. */
function saveFile(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/x-ndjson' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
