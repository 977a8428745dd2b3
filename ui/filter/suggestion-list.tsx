import { type ReactElement, useEffect, useRef } from 'react';
import type { Suggestion } from './complete-filter.ts';

/** What may be meant by what is typed. The input keeps the focus, and says which one is picked. */
export function SuggestionList({
  id,
  suggestions,
  picked,
  onTake,
}: {
  readonly id: string;
  readonly suggestions: readonly Suggestion[];
  readonly picked: number;
  readonly onTake: (suggestion: Suggestion) => void;
}): ReactElement {
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    // Scrolling gives a promise in newer browsers: nothing that an effect may return.
    list.current?.children[picked]?.scrollIntoView({ block: 'nearest' });
  }, [picked]);
  return (
    <ul ref={list} id={id} className="suggestions" role="listbox" aria-label="Filters">
      {suggestions.map((suggestion, i) => (
        <li
          key={suggestion.label}
          id={`${id}-${i}`}
          role="option"
          aria-selected={i === picked}
          // A press must not take the focus from the input, whose loss closes the list.
          onMouseDown={(event) => {
            event.preventDefault();
            onTake(suggestion);
          }}
        >
          <span className="mono suggestion-label">{suggestion.label}</span>
          <span className="suggestion-hint">{suggestion.hint}</span>
        </li>
      ))}
    </ul>
  );
}
