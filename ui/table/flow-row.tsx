import { memo, type ReactElement } from 'react';
import { LostEventSource } from '../../proto/gen/flow/flow_pb.ts';
import { enumName } from '../../proto/flow/text/enum-name.ts';
import type { GetFlowsResponse } from '../../proto/gen/observer/observer_pb.ts';
import { wordText } from '../filter/filter-words.ts';
import { type FlowCell, type FlowColumn, verdictMarks } from './flow-columns.ts';

/** One row of the flow table. What it shows is text, whatever stands in it. */
export const FlowRow = memo(function FlowRow({
  response,
  columns,
  seq,
  position,
  top,
  isSelected,
  isRelated,
  activeColumn,
}: {
  /** Undefined = the ring has gone over it. */
  readonly response: GetFlowsResponse | undefined;
  readonly columns: readonly FlowColumn[];
  readonly seq: number;
  readonly position: number;
  /** Pixels from the first row. */
  readonly top: number;
  readonly isSelected: boolean;
  /** Of the same connection as the flow that is selected. */
  readonly isRelated: boolean;
  /** The column whose cell the keyboard is at; -1 = another row's. */
  readonly activeColumn: number;
}): ReactElement {
  const content = response?.responseTypes;
  const flow = content?.case === 'flow' ? content.value : null;
  const tone = flow === null ? '' : ` is-${verdictMarks[flow.verdict]?.tone ?? 'other'}`;
  return (
    <div
      role="row"
      aria-rowindex={position + 2}
      aria-selected={isSelected}
      className={`flow-row${tone}${isRelated ? ' is-related' : ''}`}
      data-seq={seq}
      style={{ transform: `translateY(${top}px)` }}
    >
      {flow === null ? (
        <div
          role="gridcell"
          aria-colspan={columns.length}
          className={
            content?.case === 'lostEvents' ? 'flow-cell is-whole tone-audit' : 'flow-cell is-whole faint'
          }
          data-column={0}
          tabIndex={activeColumn >= 0 ? 0 : -1}
        >
          {content?.case === 'lostEvents'
            ? `▲ ${Number(content.value.numEventsLost).toLocaleString('en-US')} flows lost here: ${enumName(LostEventSource, content.value.source)}${response?.nodeName === '' ? '' : ` of ${response?.nodeName}`}`
            : 'gone from this browser: brush the timeline to read it from history'}
        </div>
      ) : (
        columns.map((column, i) => (
          <Cell
            key={column.id}
            cell={column.cell(flow)}
            isMono={column.isMono === true}
            index={i}
            isActive={i === activeColumn}
          />
        ))
      )}
    </div>
  );
});

function Cell({
  cell: { text, scope, tone, glyph, word },
  isMono,
  index,
  isActive,
}: {
  readonly cell: FlowCell;
  readonly isMono: boolean;
  readonly index: number;
  readonly isActive: boolean;
}): ReactElement {
  const filter = word === null || word === undefined ? '' : wordText({ ...word, isNot: false });
  const shown = `${scope ?? ''}${text}`;
  return (
    <div
      role="gridcell"
      aria-colindex={index + 1}
      className={`flow-cell${isMono ? ' mono' : ''}${tone === undefined ? '' : ` tone-${tone}`}`}
      data-column={index}
      tabIndex={isActive ? 0 : -1}
    >
      {shown !== '' && (
        <span
          className={filter === '' ? 'cell-text' : 'cell-text is-filter'}
          title={filter === '' ? shown : `${shown}\n${filter}\nAlt-click hides it`}
        >
          {glyph !== undefined && glyph !== '' && <span className="cell-glyph">{glyph}</span>}
          {scope !== undefined && scope !== '' && <span className="cell-scope">{scope}</span>}
          {text}
        </span>
      )}
    </div>
  );
}
