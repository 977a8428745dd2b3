import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, type ReactElement, type ReactNode, useEffect, useRef, useState } from 'react';
import { movedCell } from './grid-moves.ts';
import { gridWidths } from './grid-widths.ts';

const ROW_HEIGHT = 24;
const HEAD_HEIGHT = 26;

export interface PlainColumn<T> {
  readonly id: string;
  readonly title: string;
  readonly width: number;
  readonly isWide?: boolean;
  readonly isNumber?: boolean;
  readonly cell: (row: T) => ReactNode;
  readonly order: (row: T) => number | string;
}

/** A table that can be sorted by every column and walked with the arrow keys; only rows in view are drawn. */
export function PlainGrid<T>({
  label,
  rows,
  columns,
  keyOf,
  isSelected,
  onOpen,
  firstSort,
  isFirstDescending = true,
  onSort,
}: {
  readonly label: string;
  readonly rows: readonly T[];
  readonly columns: readonly PlainColumn<T>[];
  readonly keyOf: (row: T) => string;
  readonly isSelected: (row: T) => boolean;
  readonly onOpen: (row: T) => void;
  /** The column by which rows are sorted at first, the largest first. */
  readonly firstSort: string;
  readonly isFirstDescending?: boolean;
  /** Told when a person sorts otherwise. */
  readonly onSort?: (id: string, isDescending: boolean) => void;
}): ReactElement {
  const [sort, setSort] = useState({ id: firstSort, isDescending: isFirstDescending });
  const [active, setActive] = useState<{ readonly key: string; readonly column: number } | null>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const isMoved = useRef(false);
  const column = columns.find(({ id }) => id === sort.id) ?? columns[0];
  const sorted = rows.toSorted((a, b) => {
    const order = compare(column.order(a), column.order(b)) || compare(keyOf(a), keyOf(b));
    return sort.isDescending ? -order : order;
  });
  const virtualizer = useVirtualizer({
    count: sorted.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 6,
    scrollMargin: HEAD_HEIGHT,
    scrollPaddingStart: HEAD_HEIGHT,
  });
  useEffect(() => {
    if (!isMoved.current || active === null) return;
    const cells = scroller.current?.querySelectorAll<HTMLElement>(`[data-column="${active.column}"]`) ?? [];
    const cell = [...cells].find(({ parentElement }) => parentElement?.dataset['key'] === active.key);
    if (cell === undefined) return;
    isMoved.current = false;
    cell.focus({ preventScroll: true });
  });
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.target instanceof HTMLButtonElement || sorted.length === 0) return;
    const row = active === null ? -1 : sorted.findIndex((one) => keyOf(one) === active.key);
    if ((event.key === 'Enter' || event.key === ' ') && row >= 0) onOpen(sorted[row]);
    else {
      const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / ROW_HEIGHT) - 2);
      const next = movedCell({ row, column: active?.column ?? 0 }, event, {
        rows: sorted.length,
        columns: columns.length,
        page,
      });
      if (next === null) return;
      const to = Math.max(0, next.row);
      isMoved.current = true;
      setActive({ key: keyOf(sorted[to]), column: next.column });
      virtualizer.scrollToIndex(to);
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const items = virtualizer.getVirtualItems();
  const stop = items.some(({ index }) => keyOf(sorted[index]) === active?.key) ? active : null;
  return (
    <div
      ref={scroller}
      role="grid"
      aria-label={`${label}. Arrow keys walk, Enter opens`}
      aria-rowcount={sorted.length + 1}
      aria-colcount={columns.length}
      className="flow-grid"
      style={gridWidths(columns)}
      onKeyDown={onKeyDown}
    >
      <div role="row" aria-rowindex={1} className="flow-head">
        {columns.map(({ id, title, isNumber }, i) => (
          <div
            key={id}
            role="columnheader"
            aria-colindex={i + 1}
            aria-sort={sort.id !== id ? 'none' : sort.isDescending ? 'descending' : 'ascending'}
            className={isNumber === true ? 'is-number' : ''}
          >
            <button
              type="button"
              title="Sort by this"
              onClick={() => {
                const isDescending = sort.id === id ? !sort.isDescending : isNumber === true;
                setSort({ id, isDescending });
                onSort?.(id, isDescending);
              }}
            >
              {title}
              {sort.id === id && <span aria-hidden="true"> {sort.isDescending ? '↓' : '↑'}</span>}
            </button>
          </div>
        ))}
      </div>
      <div className="flow-rows" role="rowgroup" style={{ height: `${virtualizer.getTotalSize()}px` }}>
        {items.map(({ index, start }) => {
          const row = sorted[index];
          const key = keyOf(row);
          const activeColumn =
            stop === null ? (index === items[0].index ? 0 : -1) : stop.key === key ? stop.column : -1;
          return (
            <div
              key={key}
              role="row"
              aria-rowindex={index + 2}
              aria-selected={isSelected(row)}
              className="flow-row"
              data-key={key}
              style={{ transform: `translateY(${start - HEAD_HEIGHT}px)` }}
              onClick={() => onOpen(row)}
            >
              {columns.map(({ id, cell, isNumber }, i) => (
                <div
                  key={id}
                  role="gridcell"
                  aria-colindex={i + 1}
                  className={isNumber === true ? 'flow-cell is-number' : 'flow-cell'}
                  data-column={i}
                  tabIndex={i === activeColumn ? 0 : -1}
                >
                  {cell(row)}
                </div>
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}

const collator = new Intl.Collator('en', { numeric: true });

function compare(a: number | string, b: number | string): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(String(a), String(b));
}
