import { FilterError, type FilterWord, filterText, parseFilterWords } from '../filter/filter-words.ts';

export type ViewName = 'map' | 'flows' | 'policies' | 'nodes';

/** How near the map is looked at; `auto` = as the zoom has it. */
export type MapLevel = 'auto' | 'namespaces' | 'workloads' | 'pods';

/** A stretch of time that is over. */
export interface TimeSpan {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Everything that two people need to see the same: what stands in the URL. */
export interface ViewState {
  readonly view: ViewName;
  /** What is shown and what is hidden, in the words of the command line. */
  readonly words: readonly FilterWord[];
  /** How far back the live view counts. */
  readonly windowMinutes: number;
  /** The stretch of history that is looked at; null = live. */
  readonly at: TimeSpan | null;
  readonly level: MapLevel;
  /** `edge:FROM>TO`, `node:ID`, `flow:UUID` or `policy:KIND/NAMESPACE/NAME`; empty = nothing. */
  readonly selection: string;
  /** What a view adds of its own, in its own words: how a list is sorted, which revisions are compared; empty = nothing. */
  readonly detail: string;
}

export const windowChoices: readonly number[] = [1, 5, 15, 60];
export const DEFAULT_WINDOW_MINUTES = 15;
const views: readonly ViewName[] = ['map', 'flows', 'policies', 'nodes'];
const levels: readonly MapLevel[] = ['auto', 'namespaces', 'workloads', 'pods'];
const MAX_SELECTION = 1000;

/** Reads a state out of the path and query of a URL, such as `/map?q=--verdict+DROPPED`; what is wrong in it is left out. */
export function parseViewState(pathname: string, query: string): ViewState {
  const params = new URLSearchParams(query);
  const minutes = Number(/^(\d{1,4})m$/.exec(params.get('t') ?? '')?.[1] ?? DEFAULT_WINDOW_MINUTES);
  return {
    view: views.find((name) => name === pathname.slice(pathname.lastIndexOf('/') + 1)) ?? 'map',
    words: wordsOrNone(params.get('q') ?? ''),
    windowMinutes: windowChoices.includes(minutes) ? minutes : DEFAULT_WINDOW_MINUTES,
    at: parseSpan(params.get('at') ?? ''),
    level: levels.find((name) => name === params.get('z')) ?? 'auto',
    selection: (params.get('sel') ?? '').slice(0, MAX_SELECTION),
    detail: (params.get('d') ?? '').slice(0, MAX_SELECTION),
  };
}

/** The last part of the path and the query of a URL that `parseViewState` reads as the same state. */
export function viewUrl({ view, words, windowMinutes, at, level, selection, detail }: ViewState): string {
  const params = new URLSearchParams();
  if (words.length > 0) params.set('q', filterText(words));
  if (windowMinutes !== DEFAULT_WINDOW_MINUTES) params.set('t', `${windowMinutes}m`);
  if (at !== null) params.set('at', `${instant(at.sinceMs)}..${instant(at.untilMs)}`);
  if (level !== 'auto') params.set('z', level);
  if (selection !== '') params.set('sel', selection);
  if (detail !== '') params.set('d', detail);
  const query = params.toString();
  return query === '' ? view : `${view}?${query}`;
}

/** The command that shows the same flows on a terminal. */
export function commandOf({ words, windowMinutes, at }: ViewState, server: string): string {
  const time =
    at === null
      ? `-f --since ${windowMinutes}m`
      : `--since ${instant(at.sinceMs)} --until ${instant(at.untilMs)}`;
  const filters = words.length === 0 ? '' : ` ${filterText(words)}`;
  return `sluice observe ${time}${filters} --server ${server}`;
}

function instant(ms: number): string {
  return new Date(ms).toISOString().replace(/\.000Z$/, 'Z');
}

function parseSpan(text: string): TimeSpan | null {
  const [sinceMs, untilMs] = text.split('..', 2).map((part) => Date.parse(part));
  return sinceMs < untilMs ? { sinceMs, untilMs } : null;
}

function wordsOrNone(text: string): readonly FilterWord[] {
  try {
    return parseFilterWords(text);
  } catch (error) {
    if (error instanceof FilterError) return [];
    throw error;
  }
}
