import { type FlagUse, lastText, UsageError } from '../../flags/flag-spec.ts';
import { parseBool, parseUint } from '../../flags/parse-value.ts';
import { parseTimeInput, type TimePoint } from '../../flags/observe/time-input.ts';

/** The part of a stream that is asked for, as GetFlows, GetAgentEvents and GetDebugEvents have it in their requests. */
export interface Selection {
  readonly number: bigint;
  readonly first: boolean;
  readonly follow: boolean;
  readonly since?: TimePoint;
  readonly until?: TimePoint;
}

/** What is shown when nothing is asked. */
const DEFAULT_LAST = 20n;
const ALL = 2n ** 64n - 1n;

/** The selection flags as they stand on a command line. */
interface Given {
  readonly last: bigint;
  readonly first: bigint;
  readonly all: boolean;
  readonly follow: boolean;
  readonly times: Pick<Selection, 'since' | 'until'>;
}

function readFlags(uses: readonly FlagUse[], nowMs: number): Given {
  const count = (name: string): bigint => parseUint(`--${name}`, lastText(uses, name) ?? '0');
  const isOn = (name: string): boolean => parseBool(`--${name}`, lastText(uses, name) ?? 'false');
  // An empty text counts as not given.
  const time = (name: 'since' | 'until'): TimePoint | undefined => {
    const text = lastText(uses, name) ?? '';
    return text === '' ? undefined : parseTimeInput(`--${name}`, text, nowMs);
  };
  const follow = isOn('follow');
  const since = time('since');
  const until = follow ? undefined : time('until');
  const times = { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
  return { last: count('last'), first: count('first'), all: isOn('all'), follow, times };
}

/** The flows that a command line asks for. Throws UsageError. */
export function flowSelection(uses: readonly FlagUse[], nowMs: number, isFile = false): Selection {
  const { last, first, all, follow, times } = readFlags(uses, nowMs);
  rejectTogether([first > 0n, 'first'], [last > 0n, 'last']);
  rejectTogether([first > 0n, 'first'], [all, 'all']);
  rejectTogether([first > 0n, 'first'], [follow, 'follow']);
  rejectTogether([last > 0n, 'last'], [all, 'all']);
  if (first > 0n) return { number: first, first: true, follow, ...times };
  const isTimed = times.since !== undefined || times.until !== undefined;
  if (all && !isTimed) return { number: ALL, first: false, follow };
  const nothingAsked = last === 0n && !follow && !isTimed && !isFile;
  return { number: nothingAsked ? DEFAULT_LAST : last, first: false, follow, ...times };
}

/** The agent or debug events that a command line asks for. `--first` is taken and not sent, and 20 are replayed also with `--follow`. Throws UsageError. */
export function eventSelection(uses: readonly FlagUse[], nowMs: number): Selection {
  const { last, all, follow, times } = readFlags(uses, nowMs);
  const isTimed = times.since !== undefined || times.until !== undefined;
  const number = isTimed ? last : all ? ALL : last === 0n ? DEFAULT_LAST : last;
  return { number, first: false, follow, ...times };
}

function rejectTogether([hasA, a]: readonly [boolean, string], [hasB, b]: readonly [boolean, string]): void {
  if (hasA && hasB) throw new UsageError(`--${a} and --${b} cannot be used together`);
}
