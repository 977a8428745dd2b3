import type { KeyboardEvent, ReactElement } from 'react';
import { type FilterWord, wordText } from './filter-words.ts';

/** One filter: a press on its text brings it back into the input, `not` turns it around, × takes it away. */
export function FilterChip({
  word,
  onEdit,
  onTurn,
  onRemove,
}: {
  readonly word: FilterWord;
  readonly onEdit: () => void;
  readonly onTurn: () => void;
  readonly onRemove: () => void;
}): ReactElement {
  const { flag, value, isNot } = word;
  const text = wordText(word);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Delete' || event.key === 'Backspace') onRemove();
    else if (event.key === '!') onTurn();
    else return;
    event.preventDefault();
  };
  return (
    <span className={isNot ? 'chip is-not' : 'chip'} role="listitem" data-filter={text} onKeyDown={onKeyDown}>
      {isNot && (
        <button type="button" className="chip-not" title="Show instead of hide" onClick={onTurn}>
          not
        </button>
      )}
      <button
        type="button"
        className="chip-text"
        title={isNot ? 'Change · ! shows instead of hides' : 'Change · ! hides instead of shows'}
        onClick={onEdit}
      >
        <span className="chip-flag">--{flag}</span>
        {value !== '' && <span className="chip-value">{value}</span>}
      </button>
      <button type="button" className="chip-remove" aria-label={`Remove ${text}`} onClick={onRemove}>
        ×
      </button>
    </span>
  );
}
