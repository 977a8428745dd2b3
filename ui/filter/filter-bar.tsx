import {
  type ClipboardEvent,
  Fragment,
  type KeyboardEvent,
  type ReactElement,
  useId,
  useRef,
  useState,
} from 'react';
import { CopyButton } from '../app/copy-button.tsx';
import { serverAddress } from '../app/server-address.ts';
import { useChanges, useCommand, useStores, useViewState } from '../app/stores.ts';
import { commandOf, windowChoices } from '../store/view-state.ts';
import '../style/filter.css';
import { isCommandLine, parseTyped } from './command-line.ts';
import { completeFilter, type Suggestion } from './complete-filter.ts';
import { FilterChip } from './filter-chip.tsx';
import { addWord, FilterError, type FilterWord, wordText } from './filter-words.ts';
import { SuggestionList } from './suggestion-list.tsx';
import { useKnownNames } from './use-known-names.ts';

/** The filters in the words of the command line. They stand in the URL; a whole command line can be pasted, and copied. */
export function FilterBar(): ReactElement {
  const { view } = useStores();
  const state = useViewState();
  const { words } = state;
  const [text, setText] = useState('');
  const [message, setMessage] = useState<{ readonly text: string; readonly isProblem: boolean } | null>(null);
  const [isOpen, setIsOpen] = useState(false);
  const [picked, setPicked] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const listId = useId();
  const names = useKnownNames(isOpen);
  const suggestions = isOpen ? completeFilter(text, names) : [];
  useCommand('focus-filter', () => input.current?.focus());

  const type = (typed: string): void => {
    setText(typed);
    setPicked(-1);
    setMessage(null);
    setIsOpen(true);
  };
  const commit = (typed: string): void => {
    try {
      const { words: more, at, windowMs, leftOut } = parseTyped(typed, Date.now());
      const isWhole = isCommandLine(typed);
      const next = isWhole ? more : more.reduce<readonly FilterWord[]>(addWord, words);
      const windowMinutes = windowChoices.find((minutes) => minutes * 60_000 >= (windowMs ?? Infinity));
      view.set({
        words: next,
        ...(at !== undefined && { at }),
        ...(windowMinutes !== undefined && { windowMinutes }),
      });
      type('');
      if (leftOut.length > 0) setMessage({ text: `left out: ${leftOut.join(', ')}`, isProblem: false });
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      setText(typed);
      setIsOpen(false);
      setMessage({ text: error.message.replaceAll('\n', ' · '), isProblem: true });
    }
  };
  const take = (suggestion: Suggestion): void => {
    if (suggestion.isComplete) commit(suggestion.text);
    else type(suggestion.text);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0 && suggestions.length > 0) {
      setPicked(stepped(picked, step, suggestions.length));
    } else if (event.key === 'Enter') {
      if (picked >= 0) take(suggestions[picked]);
      else if (text.trim() !== '') commit(text);
    } else if (event.key === 'Tab' && !event.shiftKey && text !== '' && suggestions.length > 0) {
      type(suggestions[Math.max(0, picked)].text);
    } else if (event.key === 'Backspace' && text === '' && words.length > 0) {
      view.set({ words: words.slice(0, -1) });
    } else if (event.key === 'Escape' && (isOpen || text !== '')) {
      if (isOpen) setIsOpen(false);
      else type('');
      if (text === '') input.current?.blur();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const onPaste = (event: ClipboardEvent): void => {
    const pasted = event.clipboardData.getData('text');
    if (!isCommandLine(pasted)) return;
    event.preventDefault();
    commit(pasted);
  };
  const replace = (word: FilterWord, by: readonly FilterWord[]): void =>
    view.set({ words: words.flatMap((other) => (other === word ? by : [other])) });

  /** Turned around it may exclude others, which then make way. */
  const turn = (word: FilterWord): void => {
    const others = words.filter((other) => other !== word);
    view.set({ words: addWord(others, { ...word, isNot: !word.isNot }) });
  };

  return (
    <div className="filter-bar" role="search" aria-label="Filters">
      <span className="mono filter-command">observe</span>
      <div
        className="filter-field"
        onClick={({ target, currentTarget }) => target === currentTarget && input.current?.focus()}
      >
        <span className="chips" role="list">
          {words.map((word, i) => (
            <Fragment key={wordText(word)}>
              {isJoined(words, i) && (
                <span
                  className="chip-and"
                  title="Filters behind not hide only what they all match; the same flag again widens them"
                >
                  and
                </span>
              )}
              <FilterChip
                word={word}
                onRemove={() => replace(word, [])}
                onTurn={() => turn(word)}
                onEdit={() => {
                  replace(word, []);
                  type(wordText(word));
                  input.current?.focus();
                }}
              />
            </Fragment>
          ))}
        </span>
        <input
          ref={input}
          className="mono"
          value={text}
          spellCheck={false}
          autoComplete="off"
          placeholder={
            words.length === 0
              ? 'add a filter: --namespace, --verdict, not --port 53, or paste a command line'
              : 'add a filter'
          }
          aria-label="Add a filter"
          role="combobox"
          aria-expanded={suggestions.length > 0}
          aria-controls={listId}
          aria-autocomplete="list"
          aria-activedescendant={picked >= 0 ? `${listId}-${picked}` : undefined}
          aria-invalid={message?.isProblem === true}
          onChange={({ target }) => type(target.value)}
          onFocus={() => setIsOpen(true)}
          onBlur={() => {
            setIsOpen(false);
            setPicked(-1);
          }}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
        />
        {suggestions.length > 0 && (
          <SuggestionList id={listId} suggestions={suggestions} picked={picked} onTake={take} />
        )}
      </div>
      {message !== null && (
        <span
          className={message.isProblem ? 'filter-problem' : 'filter-note'}
          role={message.isProblem ? 'alert' : 'status'}
        >
          {message.text}
        </span>
      )}
      <Matches />
      <CopyButton
        text={() => commandOf(state, serverAddress())}
        title="Copy the command that shows these flows on a terminal"
      >
        Copy as CLI
      </CopyButton>
      <CopyButton text={() => location.href} title="Copy the address of this view">
        Share view
      </CopyButton>
      <kbd title="Press / to filter">/</kbd>
    </div>
  );
}

/** How much of the map matches. */
function Matches(): ReactElement {
  const { map: feed } = useStores();
  const { map } = useChanges(feed);
  const count = (n: number, what: string): string =>
    `${n.toLocaleString('en-US')} ${what}${n === 1 ? '' : 's'}`;
  return (
    <span className="filter-matches muted" role="status">
      {map.edges.size === 0 ? '' : `${count(map.edges.size, 'edge')} · ${count(map.nodes.size, 'workload')}`}
    </span>
  );
}

/** Whether a hidden filter narrows the one before it: the command line joins different flags behind `--not` by "and". */
function isJoined(words: readonly FilterWord[], i: number): boolean {
  const { isNot, flag } = words[i];
  return isNot && words.slice(0, i).some((word) => word.isNot && word.flag !== flag);
}

/** One further in a list, around its end; -1 is the input itself. */
function stepped(index: number, step: number, length: number): number {
  const next = index + step;
  return next < -1 ? length - 1 : next >= length ? -1 : next;
}
