import { useVirtualizer } from '@tanstack/react-virtual';
import {
  type KeyboardEvent,
  type MouseEvent as ReactMouseEvent,
  type ReactElement,
  useEffect,
  useRef,
  useState,
} from 'react';
import type { Flow } from '../../proto/gen/flow/flow_pb.ts';
import { copyText } from '../app/copy-text.ts';
import { useStores, useViewState } from '../app/stores.ts';
import { addWord } from '../filter/filter-words.ts';
import type { FlowFeed } from '../store/flow-feed.ts';
import type { FlowColumn } from './flow-columns.ts';
import { FlowRow } from './flow-row.tsx';
import { movedCell } from './grid-moves.ts';
import { gridWidths } from './grid-widths.ts';
import { RowActions } from './row-actions.tsx';
import { responseJson } from './row-texts.ts';
import type { ShownRows } from './shown-rows.ts';
import type { SortState } from './use-shown-rows.ts';

export const ROW_HEIGHT = 24;
const HEAD_HEIGHT = 26;

/** What stops the table from following. */
export interface GridHolds {
  readonly onHover: (isOver: boolean) => void;
  readonly onScroll: (isAway: boolean) => void;
  readonly onKeyboard: (isInside: boolean) => void;
}

/** The rows of the flow table: only those in view are drawn. A press on a text filters by it, with Alt it hides it, a press beside it opens the flow. */
export function FlowGrid({
  feed,
  rows,
  columns,
  sort,
  onSort,
  holds,
}: {
  readonly feed: FlowFeed;
  readonly rows: ShownRows;
  readonly columns: readonly FlowColumn[];
  readonly sort: SortState | null;
  readonly onSort: (column: FlowColumn) => void;
  readonly holds: GridHolds;
}): ReactElement {
  const { view } = useStores();
  const { selection } = useViewState();
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<{ readonly seq: number; readonly column: number } | null>(null);
  const [hovered, setHovered] = useState<number | null>(null);
  const isMoved = useRef(false);
  const virtualizer = useVirtualizer({
    count: rows.count,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 6,
    scrollMargin: HEAD_HEIGHT,
    scrollPaddingStart: HEAD_HEIGHT,
  });
  // The keyboard's cell has the focus wherever it goes, also when its row has only now been drawn.
  useEffect(() => {
    if (!isMoved.current || active === null) return;
    const cell = scroller.current?.querySelector<HTMLElement>(
      `[data-seq="${active.seq}"] [data-column="${active.column}"]`,
    );
    if (cell === null || cell === undefined) return;
    isMoved.current = false;
    cell.focus({ preventScroll: true });
  });
  // A cell that goes while it has the focus takes it along without a word.
  useEffect(() => {
    if (scroller.current?.contains(document.activeElement) !== true) holds.onKeyboard(false);
  });

  const flowAt = (seq: number): Flow | null => {
    const content = feed.response(seq)?.responseTypes;
    return content?.case === 'flow' ? content.value : null;
  };
  const filterBy = (flow: Flow, column: number, isNot: boolean): void => {
    const word = columns[column]?.cell(flow).word;
    if (word === null || word === undefined) return;
    view.set({ words: addWord(view.state.words, { ...word, isNot }) });
  };
  const open = (flow: Flow): void => {
    const wanted = `flow:${flow.uuid}`;
    view.set({ selection: view.state.selection === wanted ? '' : wanted });
  };
  const onClick = (event: ReactMouseEvent): void => {
    const place = placeOf(event.target);
    const flow = place === null ? null : flowAt(place.seq);
    if (place === null || flow === null || !getSelection()?.isCollapsed) return;
    setActive(place);
    const isOnText = (event.target as Element).closest('.is-filter') !== null;
    if (isOnText) filterBy(flow, place.column, event.altKey);
    else open(flow);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.target instanceof HTMLButtonElement) return;
    const from = active ?? { seq: rows.seqAt(0), column: 0 };
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / ROW_HEIGHT) - 2);
    const size = { rows: rows.count, columns: columns.length, page };
    const next = movedCell({ row: rows.positionOf(from.seq), column: from.column }, event, size);
    const flow = active === null ? null : flowAt(active.seq);
    if (next !== null) {
      const row = Math.max(0, next.row);
      isMoved.current = true;
      setActive({ seq: rows.seqAt(row), column: next.column });
      virtualizer.scrollToIndex(row);
    } else if (flow === null || active === null || event.ctrlKey || event.metaKey) return;
    else if (event.key === 'Enter' || event.key === ' ') open(flow);
    else if (event.key === 'f') filterBy(flow, active.column, false);
    else if (event.key === 'x') filterBy(flow, active.column, true);
    else if (event.key === 'c') void copyText(responseJson(feed.response(active.seq)!));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const { ring } = feed;
  const selected = selection.startsWith('flow:') ? ring.find(selection.slice('flow:'.length)) : undefined;
  const connection = selected === undefined ? 0 : ring.connection(selected);
  const items = virtualizer.getVirtualItems();
  const isActiveShown = active !== null && items.some(({ index }) => rows.seqAt(index) === active.seq);
  return (
    <div
      ref={scroller}
      role="grid"
      aria-label="Flows. Arrow keys walk, Enter opens, F filters by a cell, X hides it, C copies the flow as JSON"
      aria-rowcount={rows.count + 1}
      aria-colcount={columns.length}
      className="flow-grid"
      style={gridWidths(columns)}
      onScroll={({ currentTarget }) => holds.onScroll(currentTarget.scrollTop > ROW_HEIGHT / 2)}
      onMouseEnter={() => holds.onHover(true)}
      onMouseLeave={() => {
        holds.onHover(false);
        setHovered(null);
      }}
      onMouseOver={({ target }) => setHovered(placeOf(target)?.seq ?? null)}
      onFocus={({ target }) => holds.onKeyboard(target.matches(':focus-visible'))}
      onBlur={() => holds.onKeyboard(false)}
      onClick={onClick}
      onKeyDown={onKeyDown}
    >
      <div role="row" aria-rowindex={1} className="flow-head">
        {columns.map((column, i) => (
          <ColumnHead
            key={column.id}
            column={column}
            index={i}
            sort={sort?.column.id === column.id ? sort : null}
            isSortable={feed.state === 'past'}
            onSort={onSort}
          />
        ))}
      </div>
      <div className="flow-rows" role="rowgroup" style={{ height: `${virtualizer.getTotalSize()}px` }}>
        {items.map(({ index, start }) => {
          const seq = rows.seqAt(index);
          const response = feed.response(seq);
          const content = response?.responseTypes;
          const uuid = content?.case === 'flow' ? content.value.uuid : '';
          const isFirstStop = !isActiveShown && index === items[0].index;
          return (
            <FlowRow
              key={seq}
              response={response}
              columns={columns}
              seq={seq}
              position={index}
              top={start - HEAD_HEIGHT}
              isSelected={uuid !== '' && selection === `flow:${uuid}`}
              isRelated={connection !== 0 && ring.has(seq) && ring.connection(seq) === connection}
              activeColumn={active?.seq === seq ? active.column : isFirstStop ? 0 : -1}
            />
          );
        })}
        {hovered !== null && rows.positionOf(hovered) >= 0 && (
          <RowActions response={feed.response(hovered)} top={rows.positionOf(hovered) * ROW_HEIGHT} />
        )}
      </div>
    </div>
  );
}

function ColumnHead({
  column,
  index,
  sort,
  isSortable,
  onSort,
}: {
  readonly column: FlowColumn;
  readonly index: number;
  readonly sort: SortState | null;
  readonly isSortable: boolean;
  readonly onSort: (column: FlowColumn) => void;
}): ReactElement {
  const direction = sort === null ? 'none' : sort.isDescending ? 'descending' : 'ascending';
  return (
    <div role="columnheader" aria-colindex={index + 1} aria-sort={isSortable ? direction : undefined}>
      {isSortable ? (
        <button type="button" title="Sort by this" onClick={() => onSort(column)}>
          {column.title}
          {sort !== null && <span aria-hidden="true"> {sort.isDescending ? '↓' : '↑'}</span>}
        </button>
      ) : (
        <span title="Live flows come by time. Brush the timeline to sort a stretch of history">
          {column.title}
        </span>
      )}
    </div>
  );
}

/** Row and column of what an event happened in. */
function placeOf(target: EventTarget): { readonly seq: number; readonly column: number } | null {
  if (!(target instanceof Element)) return null;
  const row = target.closest<HTMLElement>('[data-seq]');
  if (row === null) return null;
  const column = target.closest<HTMLElement>('[data-column]')?.dataset['column'] ?? '0';
  return { seq: Number(row.dataset['seq']), column: Number(column) };
}
