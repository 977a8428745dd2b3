import { type ReactElement, useEffect, useRef, useState } from 'react';
import { type FlowColumn, flowColumns, parseColumns, toggleColumn } from './flow-columns.ts';

/** Chooses the columns of the flow table. */
export function ColumnMenu({
  columns,
  onChange,
}: {
  readonly columns: readonly FlowColumn[];
  readonly onChange: (columns: readonly FlowColumn[]) => void;
}): ReactElement {
  const [isOpen, setIsOpen] = useState(false);
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen) return undefined;
    const onPointer = ({ target }: PointerEvent): void => {
      if (target instanceof Node && menu.current?.contains(target) !== true) setIsOpen(false);
    };
    addEventListener('pointerdown', onPointer);
    return () => removeEventListener('pointerdown', onPointer);
  }, [isOpen]);
  return (
    <div
      ref={menu}
      className="column-menu"
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !isOpen) return;
        event.stopPropagation();
        event.preventDefault();
        setIsOpen(false);
      }}
    >
      <button
        type="button"
        className="button quiet"
        aria-expanded={isOpen}
        onClick={() => setIsOpen(!isOpen)}
      >
        Columns
      </button>
      {isOpen && (
        <fieldset className="column-list">
          <legend className="unseen">Columns of the table</legend>
          {flowColumns.map(({ id, title }) => (
            <label key={id}>
              <input
                type="checkbox"
                checked={columns.some((column) => column.id === id)}
                onChange={() => onChange(toggleColumn(columns, id))}
              />
              {title}
            </label>
          ))}
          <button type="button" className="button" onClick={() => onChange(parseColumns(null))}>
            The usual ones
          </button>
        </fieldset>
      )}
    </div>
  );
}
